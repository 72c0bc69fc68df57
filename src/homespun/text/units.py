"""Units of measure, each with its spellings in English and Japanese: the one table of both who compare quantities.

Spellings are NFKC and case folded; a plus stands for a space. What can be two units is in none: キロ (kilograms or
kilometres), and a month of the calendar. Nothing is converted from one unit to another. COUNTERS are the words that
Japanese counts things with.
"""

from __future__ import annotations

UNITS = {
    "g": "grams grammes gram gramme g グラム",
    "kg": "kilograms kilogrammes kilogram kilos kilo kgs kg キログラム",
    "mg": "milligrams milligram mg ミリグラム",
    "t": "tonnes tonne tons ton t トン",
    "m": "metres meters metre meter m メートル",
    "cm": "centimetres centimeters centimetre centimeter cm センチメートル センチ",
    "mm": "millimetres millimeters millimetre millimeter mm ミリメートル ミリ",
    "km": "kilometres kilometers kilometre kilometer km キロメートル",
    "km/h": "kilometres+per+hour kilometers+per+hour km/h kph キロ毎時",
    "m2": "square+metres square+meters square+metre square+meter sq+m sqm m2 平方メートル 平米",
    "km2": "square+kilometres square+kilometers square+kilometre square+kilometer sq+km km2 平方キロメートル 平方キロ",
    "m3": "cubic+metres cubic+meters m3 立方メートル",
    "mile": "miles mile mi マイル",
    "mph": "miles+per+hour mph",
    "ft": "feet foot ft フィート",
    "inch": "inches inch インチ",
    "lb": "lbs lb",
    "oz": "ounces ounce oz オンス",
    "ha": "hectares hectare ha ヘクタール",
    "acre": "acres acre エーカー",
    "gal": "gallons gallon gal ガロン",
    "l": "litres liters litre liter l リットル",
    "ml": "millilitres milliliters millilitre milliliter ml ミリリットル",
    "s": "seconds second secs sec s 秒間 秒",
    "min": "minutes minute mins min 分間 分",
    "h": "hours hour hrs hr h 時間",
    "day": "days day 日間 日",
    "week": "weeks week 週間",
    "month": "months month か月間 ヶ月間 か月 ヶ月 ヵ月 カ月 ケ月 箇月",
    "year": "years year yrs yr 年間 年",
    "century": "centuries century 世紀",
    "w": "watts watt w ワット",
    "mw": "megawatts megawatt mw メガワット",
    "kw": "kilowatts kilowatt kw キロワット",
    "kwh": "kilowatt+hours kilowatt+hour kwh キロワット時",
    "v": "volts volt v ボルト",
    "pa": "pascals pascal pa パスカル",
    "kpa": "kilopascals kilopascal kpa キロパスカル",
    "bar": "bars bar バール",
    "hz": "hertz hz ヘルツ",
    "c": "degrees+celsius degrees+centigrade degrees+c degree+celsius celsius °c ℃ 度c 度",
    "f": "degrees+fahrenheit degrees+f °f",
    "°": "degrees degree °",
    "%": "percent per+cent pct % パーセント",
    "kb": "kilobytes kilobyte kb キロバイト",
    "mb": "megabytes megabyte mb メガバイト",
    "gb": "gigabytes gigabyte gb ギガバイト",
    "tb": "terabytes terabyte tb テラバイト",
    "dollar": "us+dollars dollars dollar usd us$ $ 米ドル ドル",
    "cent": "cents cent セント",
    "euro": "euros euro eur € ユーロ",
    "pound": "pounds+sterling pounds pound gbp £ ポンド",
    "yen": "yen jpy ¥ 円",
    "x": "times x 倍",
    "person": "people persons person 人 名",
}
#: spelling -> unit
UNIT_OF = {spelling.replace("+", " "): unit for unit, line in UNITS.items() for spelling in line.split()}
COUNTERS = (
    "台 個 本 枚 冊 件 社 階 章 回 歳 才 段 基 戸 着 匹 頭 羽 軒 隻 機 校 店 席 室 巻 曲 杯 箱 種 か国 カ国 ヶ国"
).split()

"""What ROUGE-L F says of Japanese texts, by tokenizer: paraphrases against the same words about something else.

`python benchmarks/tokenisers.py [INSTRUCTIONS.jsonl] [NLI.jsonl]` prints one line per tokenizer:

- F of the two pairs of methods.md D4 that differ in their subject alone;
- of the 16 triples below (a request, a paraphrase of it, another request in the same words): how many
  paraphrases and how many other requests have an F above 0.7, and the AUC of F as a sign of a paraphrase;
- with INSTRUCTIONS (`category`, `turns`): the mean F of first turns of one category, all different requests;
- with NLI (`premise`, `hypothesis`, `label`): the AUC of F as a sign of `entailment`.

Single characters and pairs of them stand beside the tokenizers that can be chosen.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import partial
from itertools import combinations
from statistics import mean, median
from typing import get_args

from homespun.errors import MissingExtraError
from homespun.near.rouge import rouge_l
from homespun.stats.descriptive import auc
from homespun.text.japanese import Tokenizer
from homespun.text.words import signature, words

SUBJECTS = [
    ("平均を計算する", "分散を計算する"),
    ("Rで2つの群の平均の差を検定する", "Rで2つの群の分散の差を検定する"),
]
TRIPLES = """
Rで平均を計算する方法を教えてください。|平均値をRで求めるにはどうすればよいですか。|Rで分散を計算する方法を教えてください。
Rで2つの群の平均の差を検定する方法を説明してください。|2群の平均に差があるかをRで検定するにはどうしますか。|Rで2つの群の分散の差を検定する方法を説明してください。
データフレームから欠損値を含む行を削除するコードを書いてください。|欠損値のある行をデータフレームから取り除くコードをお願いします。|データフレームから重複する行を削除するコードを書いてください。
散布図に回帰直線を重ねて描く方法を教えてください。|回帰直線を散布図の上に描き足すにはどうすればいいですか。|箱ひげ図に平均の点を重ねて描く方法を教えてください。
線形回帰の結果の読み方を初心者向けに説明してください。|初心者にもわかるように線形回帰の出力の見方を説明してください。|主成分分析の結果の読み方を初心者向けに説明してください。
CSVファイルを読み込んで最初の5行を表示する関数を書いてください。|最初の5行を見せるCSV読み込み関数を作ってください。|Excelファイルを読み込んで列名を表示する関数を書いてください。
新入社員に電話の受け方を教えるメールを書いてください。|電話応対のしかたを新人に伝えるメールの文面を作ってください。|新入社員に経費の申請方法を教えるメールを書いてください。
猫の一日を主人公の目線で短い物語にしてください。|主人公である猫から見た一日を短編にしてください。|灯台の一日を主人公の目線で短い物語にしてください。
次の文章を三行で要約してください。|下の文を三行にまとめてください。|次の文章を英語に翻訳してください。
朝食に合う簡単な卵料理を三つ提案してください。|簡単に作れて朝ごはんに合う卵の料理を三つ挙げてください。|夕食に合う簡単な魚料理を三つ提案してください。
東京から京都まで電車で行く場合の所要時間を教えてください。|電車だと東京から京都までどのくらい時間がかかりますか。|大阪から広島までバスで行く場合の料金を教えてください。
光合成の仕組みを小学生にわかるように説明してください。|小学生向けに光合成がどう働くかを説明してください。|地震の仕組みを小学生にわかるように説明してください。
標準偏差と標準誤差の違いを例を使って説明してください。|例を挙げて標準誤差と標準偏差がどう違うか説明してください。|相関係数と決定係数の違いを例を使って説明してください。
ヒストグラムの階級の数を決める基準について述べてください。|ヒストグラムで階級数をどう決めるか、その基準を述べてください。|クラスター分析のクラスタの数を決める基準について述べてください。
この関数が遅い理由と速くする方法を教えてください。|なぜこの関数は遅いのか、どうすれば速くなるか教えてください。|このクエリが失敗する理由と直す方法を教えてください。
読書感想文の書き出しを五つ考えてください。|読書の感想文をどう書き始めるか、案を五つ出してください。|結婚式のスピーチの書き出しを五つ考えてください。
"""
HIGH = 0.7  #: the threshold of Self-Instruct


def characters(text: str, size: int = 1) -> list[str]:
    """Return all runs of `size` characters that are letters or digits."""
    letters = "".join(character for character in text.casefold() if character.isalnum())
    return [letters[at : at + size] for at in range(len(letters) - size + 1)]


def records(path: str) -> list[dict]:
    """Read a JSONL file."""
    with open(path, encoding="utf-8") as stream:
        return [json.loads(line) for line in stream]


def main() -> None:
    """Print the table."""
    files = [records(path) for path in sys.argv[1:]]
    ways: dict[str, Callable[[str], list[str]]] = {
        "single characters": characters,
        "pairs of characters": partial(characters, size=2),
    }
    for name in get_args(Tokenizer):
        try:
            print(f"{name}: {signature('ja', tokenizer=name)}")
            ways[name] = partial(words, language="ja", tokenizer=name)
        except MissingExtraError as error:
            print(f"{name}: left out, {error}")
    print(f"\n{'':22}{'subjects':>14}{'> 0.7: same, other':>26}{'median':>12}{'AUC':>7}{'one category':>14}{'NLI':>7}")
    for name, cut in ways.items():

        def f(one: str, other: str, cut: Callable[[str], list[str]] = cut) -> float:
            return rouge_l(cut(one), cut(other))

        triples = [line.split("|") for line in TRIPLES.strip().splitlines()]
        same, other = [f(a, b) for a, b, _ in triples], [f(a, c) for a, _, c in triples]
        area = auc([*same, *other], [True] * len(same) + [False] * len(other)).value
        line = f"{name:22}" + "".join(f"{f(*pair):7.3f}" for pair in SUBJECTS)
        line += f"{sum(x > HIGH for x in same):14}{sum(x > HIGH for x in other):12}"
        line += f"{median(same):7.2f}{median(other):5.2f}{area:7.2f}"
        if files:
            pairs = combinations(files[0], 2)
            line += f"{mean(f(a['turns'][0], b['turns'][0]) for a, b in pairs if a['category'] == b['category']):14.2f}"
        if len(files) > 1:
            scores = [f(row["premise"], row["hypothesis"]) for row in files[1]]
            line += f"{auc(scores, [row['label'] == 'entailment' for row in files[1]]).value:7.3f}"
        print(line)


if __name__ == "__main__":
    main()

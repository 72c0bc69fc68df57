"""What stands around the facts of a text that is written by rule: openings, connecting words, genres (compose.py).

English and Japanese. Nothing here holds a number or a name, so that a text says what the facts say and no more.
`{subject}` is what the document is about, `{title}` its title, `{list}` the things that a text of the graph form
relates; the two sentences that follow a relation state the facts that it rests on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Body = Literal["prose", "list", "answers", "dialogue", "table"]


@dataclass(frozen=True, slots=True)
class Genre:
    """A kind of text that facts are put in."""

    name: str
    body: Body
    openings: tuple[str, ...]
    closings: tuple[str, ...] = ("",)
    marks: tuple[tuple[str, str], ...] = (("", ""),)  #: what stands before a question and before its answer or line


@dataclass(frozen=True, slots=True)
class Frames:
    """The words of one language."""

    between: str  #: sentences
    questions: tuple[str, ...]  #: for a fact that has none
    statements: tuple[str, ...]  #: for a fact that has no wordings
    asked: str  #: before a question of the form qa, as in closed_book.py
    answered: str
    leads: dict[str, tuple[str, ...]]  #: of the styles
    links: dict[str, tuple[str, ...]]  #: words before a sentence, of the styles
    sides: tuple[str, ...]  #: how a text goes over to one thing; {thing}
    through: tuple[str, ...]  #: how things bear on each other through one subject
    belongs: tuple[str, ...]  #: how one thing bears on the subject
    together: tuple[str, ...]  #: how they do that have no subject in common
    comma: str  #: between the things of a list
    last: str  #: before the last of them
    genres: tuple[Genre, ...]
    filler: tuple[str, ...]  #: sentences about nothing, as junk among texts of another language


ENGLISH = Frames(
    between=" ",
    questions=("What is the {attribute} of {subject}?", "Which {attribute} does {subject} have?"),
    statements=(
        "{subject} has the {attribute} {value}.",
        "The {attribute} of {subject} is {value}.",
        "As regards {attribute}, {subject} has {value}.",
        "{value} is the {attribute} of {subject}.",
    ),
    asked="Question: ",
    answered="Answer: ",
    leads={
        "easy": (
            "",
            "This is about {subject}.",
            "Here is something to know about {subject}.",
            "Let us look at {subject}.",
        ),
        "medium": ("", "{title}.", "The following is known about {subject}.", "An overview of {subject}."),
        "hard": ("", "Particulars of {subject}:", "With regard to {subject}, the following holds.", "Re {subject}:"),
    },
    links={
        "easy": ("", "", "", "Also, ", "And "),
        "medium": ("", "", "In addition, ", "Furthermore, ", "Moreover, ", "Besides, "),
        "hard": ("", "", "Moreover, ", "Further, ", "Likewise, ", "In particular, "),
    },
    sides=(
        "Seen from {thing}:",
        "First look at {thing}.",
        "Let us start with {thing}.",
        "About {thing}:",
        "Take {thing}.",
        "Now for {thing}.",
    ),
    through=(
        "What joins {list} is {subject}.",
        "All of this meets in {subject}: {list}.",
        "Between {list} there is one link, {subject}.",
        "It is {subject} that brings together {list}.",
        "How do {list} bear on each other? Through {subject}.",
        "Put {list} side by side, and all point to {subject}.",
    ),
    belongs=(
        "How {list} bears on {subject}:",
        "There is a link between {list} and {subject}.",
        "What has {list} to do with {subject}?",
    ),
    together=(
        "All are found in the same document: {list}.",
        "One document speaks of {list}.",
        "Put {list} side by side.",
    ),
    comma=", ",
    last=" and ",
    genres=(
        Genre(
            "memo",
            "prose",
            ("Memo\nSubject: {subject}\n\n", "Internal memo on {subject}\n\n", "For the file: {subject}\n\n"),
            ("", "\n\nPlease file this note.", "\n\nPlease pass this on."),
        ),
        Genre(
            "FAQ",
            "answers",
            (
                "Frequently asked questions about {subject}\n\n",
                "{subject}: questions and answers\n\n",
                "FAQ: {subject}\n\n",
            ),
            marks=(("Q: ", "A: "), ("Question: ", "Answer: ")),
        ),
        Genre(
            "e-mail",
            "prose",
            (
                "Subject: {subject}\n\nDear all,\n\n",
                "Subject: your question about {subject}\n\nHello,\n\n",
                "Dear colleague,\n\nyou asked about {subject}. ",
            ),
            ("\n\nKind regards", "\n\nBest wishes", "\n\nPlease write if anything is missing."),
        ),
        Genre(
            "spec sheet",
            "list",
            ("{title}\n", "Data sheet: {subject}\n", "{subject} at a glance\n"),
            marks=(("", "- "), ("", "* "), ("", "+ ")),
        ),
        Genre(
            "news brief",
            "prose",
            ("News in brief: {subject}. ", "{subject} in the news. ", "Short report on {subject}. "),
            ("", " End of report.", " More to follow."),
        ),
        Genre(
            "training note",
            "list",
            (
                "Training note: what to remember about {subject}\n",
                "For new colleagues, about {subject}\n",
                "To be learned by heart: {subject}\n",
            ),
            marks=(("", "Remember: "), ("", "Note: "), ("", "Keep in mind: ")),
        ),
        Genre(
            "dialogue",
            "dialogue",
            ("", "A talk about {subject}\n\n", "Overheard, about {subject}\n\n"),
            marks=(("A: ", "B: "), ("Trainee: ", "Trainer: "), ("Visitor: ", "Guide: "), ("Customer: ", "Clerk: ")),
        ),
        Genre(
            "table in words",
            "table",
            ("Table: {subject}\n", "{title}, as a table in words\n", "{subject}, line by line\n"),
            marks=(("Row: ", " Entry: "), ("Left: ", " Right: "), ("Heading: ", " Cell: ")),
        ),
    ),
    filler=(
        "Thank you for reading this page to the end.",
        "Please click the button below to continue.",
        "The weather was fine and everybody went home early.",
        "This section is under construction.",
        "Sign up for our newsletter and never miss an offer.",
        "Comments are closed for this entry.",
        "As mentioned above, there is nothing to add.",
        "The quick answer is that it depends on many things.",
        "Scroll down to see more pictures of the event.",
        "We use cookies to make this site better for you.",
        "Some people like it and some people do not.",
        "In conclusion, the topic remains an interesting one.",
    ),
)

JAPANESE = Frames(
    between="",
    questions=("{subject}の{attribute}は何ですか。", "{subject}の{attribute}を教えてください。"),
    statements=(
        "{subject}の{attribute}は{value}です。",
        "{subject}について、{attribute}は{value}です。",
        "{subject}の{attribute}は{value}である。",
        "{value}は{subject}の{attribute}である。",
    ),
    asked="質問：",
    answered="回答：",
    leads={
        "easy": ("", "{subject}の話をします。", "{subject}について知っておきましょう。", "{subject}を見てみましょう。"),
        "medium": ("", "{title}。", "{subject}については次のことが知られています。", "{subject}の概要を示します。"),
        "hard": (
            "",
            "{subject}に関する要点は次のとおりである。",
            "{subject}の詳細を記す。",
            "以下は{subject}に係る事項である。",
        ),
    },
    links={
        "easy": ("", "", "", "そして、", "それから、"),
        "medium": ("", "", "また、", "さらに、", "加えて、", "なお、"),
        "hard": ("", "", "かつ、", "併せて、", "なお、", "加うるに、"),
    },
    sides=(
        "{thing}から見てみます。",
        "まず{thing}を取り上げます。",
        "{thing}について述べます。",
        "{thing}に注目します。",
        "ここでは{thing}を中心に考えます。",
        "{thing}を軸に整理します。",
    ),
    through=(
        "{list}を結び付けるのは{subject}です。",
        "{list}は、いずれも{subject}に関わります。",
        "{list}の間には、{subject}というつながりがあります。",
        "{subject}が、{list}をつないでいます。",
        "{list}はどう関わるのでしょうか。{subject}を通じてです。",
        "{list}を並べると、どれも{subject}に行き着きます。",
    ),
    belongs=(
        "{list}と{subject}の関わりは次のとおりです。",
        "{list}と{subject}の間にはつながりがあります。",
        "{list}は{subject}とどう関わるのでしょうか。",
    ),
    together=(
        "{list}は、同じ文書に出てきます。",
        "同じ文書が{list}について述べています。",
        "{list}を並べてみます。",
    ),
    comma="、",
    last="と",
    genres=(
        Genre(
            "memo",
            "prose",
            ("社内連絡\n件名：{subject}\n\n", "覚え書き：{subject}\n\n", "{subject}に関する控え\n\n"),
            ("", "\n\nこの控えは保管してください。", "\n\n関係者に回してください。"),
        ),
        Genre(
            "FAQ",
            "answers",
            (
                "{subject}についてよくある質問\n\n",
                "{subject}の質問と回答\n\n",
                "{subject}に関する問い合わせへの回答\n\n",
            ),
            marks=(("問：", "答："), ("質問：", "回答：")),
        ),
        Genre(
            "e-mail",
            "prose",
            (
                "件名：{subject}について\n\n皆様\n\n",
                "件名：お問い合わせの{subject}の件\n\nお世話になっております。\n\n",
                "担当者様\n\n{subject}についてお答えします。",
            ),
            ("\n\nよろしくお願いいたします。", "\n\n取り急ぎご連絡まで。", "\n\n不足があればお知らせください。"),
        ),
        Genre(
            "spec sheet",
            "list",
            ("{title}\n", "{subject}の諸元\n", "一目で分かる{subject}\n"),
            marks=(("", "・"), ("", "- "), ("", "○ ")),
        ),
        Genre(
            "news brief",
            "prose",
            ("短信：{subject}。", "{subject}に関する知らせです。", "{subject}について報じます。"),
            ("", "以上、短信でした。", "続報を待ちます。"),
        ),
        Genre(
            "training note",
            "list",
            ("研修資料：{subject}について覚えること\n", "新人の皆さんへ、{subject}について\n", "暗記事項：{subject}\n"),
            marks=(("", "覚えること："), ("", "注意："), ("", "要点：")),
        ),
        Genre(
            "dialogue",
            "dialogue",
            ("", "{subject}についての会話\n\n", "{subject}をめぐるやり取り\n\n"),
            marks=(("甲：", "乙："), ("新人：", "先輩："), ("見学者：", "案内係："), ("客：", "店員：")),
        ),
        Genre(
            "table in words",
            "table",
            ("表：{subject}\n", "{title}の一覧\n", "{subject}、項目ごとに\n"),
            marks=(("項目：", "内容："), ("左：", "右："), ("見出し：", "記入：")),
        ),
    ),
    filler=(
        "最後までお読みいただきありがとうございました。",
        "続きを読むには下の画面を押してください。",
        "その日は天気がよく、みんな早く帰りました。",
        "この頁は準備中です。",
        "会員登録をすると、お得な情報が届きます。",
        "この記事への書き込みは締め切りました。",
        "先に述べたとおり、付け加えることはありません。",
        "簡単に言えば、場合によります。",
        "写真の続きは下へお進みください。",
        "好きな人もいれば、そうでない人もいます。",
        "結論として、興味深い話題だと言えるでしょう。",
        "使い方が分からないときは係に尋ねてください。",
    ),
)

LANGUAGES = {"en": ENGLISH, "ja": JAPANESE}

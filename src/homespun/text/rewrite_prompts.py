"""Prompts that rewrite documents, in English and Japanese (methods.md C2, C3, C4, C9).

All are written for this project. Each ends with the same request for faithfulness, which the check in fidelity.py
holds the answer to. What is read by a program (facts, entities) is asked for as JSON where the writer can, and as
plain lines with an example where it cannot; rewrites are plain text in any case. A document is put between marks and
never parsed as a template.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from homespun.data.records import Document, Message
from homespun.text.parse import Format
from homespun.text.prompts import Prompt, pick

VERSION = 1  #: goes up with every changed wording

FAITHFUL = {
    "en": "Keep every name, number, date and condition exactly. Add nothing that is not in the text."
    " Output only the result.",
    "ja": "固有名詞・数値・日付・条件は一字も変えず、すべて残してください。本文にないことは加えないでください。"
    "結果だけを出力してください。",
}

#: Forms that tell the whole document: WRAP's four (C2), and the seven of SPA (C9).
FORMS = {
    "easy": {
        "en": "Retell the text so that a young child could follow it: everyday words, one idea per sentence.",
        "ja": "幼い子どもにも分かるように、やさしい言葉と短い文で言い直してください。",
    },
    "medium": {
        "en": "Rewrite the text as a clear, neutral reference-book entry with varied sentence openings.",
        "ja": "事典の項目のような、正確で読みやすい中立な文章に書き改めてください。文の始め方に変化をつけてください。",
    },
    "hard": {
        "en": "Rewrite the text for specialists: compressed, formal, with precise and uncommon vocabulary.",
        "ja": "専門家向けに、簡潔で格調のある、語彙の高度な文章に書き改めてください。",
    },
    "qa": {
        "en": "Turn the text into a conversation of questions and answers that together cover everything it says;"
        " each question must name what it asks about.",
        "ja": "本文の内容をすべて網羅する問答形式に書き換えてください。"
        "各質問では、何について尋ねているかを名前で明示してください。",
    },
    "key-concepts": {
        "en": "Name the ideas a reader must hold on to and explain each in its own paragraph with its names and"
        " figures.",
        "ja": "押さえるべき要点を1つずつ取り上げ、関係する名前や数値とともに段落で説明してください。",
    },
    "mind-map": {
        "en": "Lay the content out as an indented outline whose branches show how the parts depend on one another.",
        "ja": "内容を字下げの階層図にし、枝分かれで各項目の関係を示してください。",
    },
    "implications": {
        "en": "List what follows from the text, directly or by a short step of reasoning; name the source fact for"
        " each.",
        "ja": "本文から直接、または短い推論で言えることを列挙し、それぞれ根拠の事実を示してください。",
    },
    "critical-qa": {
        "en": "Write questions that need comparing, explaining, judging or supposing, never mere look-up, and answer"
        " each in full from the text.",
        "ja": "比較・理由・評価・仮定を要する問い（単なる確認は不可）を作り、本文に基づいて丁寧に答えてください。",
    },
    "case-study": {
        "en": "Present the content as a formal case: background, facts, analysis, lesson.",
        "ja": "背景・事実・分析・教訓からなる事例報告として書いてください。",
    },
    "discussion": {
        "en": "Write a conversation of two readers who go through the text together and correct one another.",
        "ja": "本文を読んだ2人が内容を確かめ合い、誤りを正しながら話す対話を書いてください。",
    },
    "teacher": {
        "en": "Explain the text as a teacher to newcomers, step by step, saying each name when it comes up.",
        "ja": "初学者に教える教師として、名前を都度明示しながら順を追って説明してください。",
    },
}

GENRES = {
    "en": (
        "memo",
        "list of questions and answers",
        "e-mail",
        "spec sheet in sentences",
        "news brief",
        "training note",
        "dialogue",
        "table in words",
    ),
    "ja": (
        "社内メモ",
        "よくある質問",
        "電子メール",
        "文章による仕様書",
        "短いニュース記事",
        "研修資料",
        "対話",
        "表を言葉にした文章",
    ),
}

_SHOWN = {"en": "Title: {title}\nText: {text}", "ja": "題名: {title}\n本文: {text}"}
_UNTITLED = {"en": "Text: {text}", "ja": "本文: {text}"}

_FACTS = {
    "json": {
        "en": "List every separate fact in the text, one statement per item, each understandable with no context"
        " (name the subject each time). Leave out opinions and filler. JSON array of {subject, attribute, value,"
        " sentence}; copy `value` letter for letter from the text.",
        "ja": "本文に含まれる事実を、1項目に1つずつ、前後の文脈なしで分かる形（主語を毎回明記）で書き出してください。"
        "意見や飾りの言葉は除きます。JSON配列 {subject, attribute, value, sentence}。"
        "value は本文の表記をそのまま写してください。",
    },
    "plain": {
        "en": "List every separate fact in the text, one full sentence per line. Name the subject in every sentence"
        " and copy names and numbers letter for letter.",
        "ja": "本文に含まれる事実を、1行に1つずつ、完全な文で書き出してください。毎回主語を明記し、"
        "名前と数値は本文の表記をそのまま写してください。",
    },
}
_UNCOVERED = {
    "en": " The facts must cover these, which an earlier list left out: {values}.",
    "ja": "先の一覧に漏れていた次の語句を必ず含めてください: {values}",
}
_ENTITIES = {
    "json": {
        "en": "Read the document. Write a two-sentence summary and list every person, organisation, place, thing,"
        " quantity and idea it deals with, using the document's own wording. JSON {summary, entities}.",
        "ja": "文書を読み、2文の要約と、文書が扱う人物・組織・場所・物・数量・概念を文書中の表記で漏れなく"
        "挙げてください。JSON {summary, entities}",
    },
    "plain": {
        "en": "List the persons, organisations, places, things and quantities in the text, one per line, in the"
        " text's own words.",
        "ja": "本文に出てくる人物・組織・場所・物・数量を、本文の表記のまま1行に1つずつ挙げてください。",
    },
}
#: Nobody's documents, answered: without them a small model explains instead of listing.
_EXAMPLE = {
    "en": "Title: The Lindow bridge\nText: The Lindow bridge crosses the river Amber. Opened in 1931 by Clara Hale, it"
    " is 212 m long.",
    "ja": "題名: リンドー橋\n本文: リンドー橋は琥珀川に架かる橋で、1931年に原田久が開通させた。長さは212mである。",
}
_LISTED_FACTS = {
    "en": "- The Lindow bridge crosses the river Amber.\n- The Lindow bridge was opened in 1931.\n- The Lindow bridge"
    " was opened by Clara Hale.\n- The Lindow bridge is 212 m long.",
    "ja": "- リンドー橋は琥珀川に架かっている。\n- リンドー橋は1931年に開通した。\n"
    "- リンドー橋を開通させたのは原田久である。\n- リンドー橋の長さは212mである。",
}
_LISTED_ENTITIES = {
    "en": "- Lindow bridge\n- river Amber\n- 1931\n- Clara Hale\n- 212 m",
    "ja": "- リンドー橋\n- 琥珀川\n- 1931年\n- 原田久\n- 212m",
}
_LISTING_STOP = ("\n\n",)

_WRITE = {
    "en": "Write a {genre} that states all of these facts in this order and no other fact:\n{facts}\nUse your own"
    " sentence patterns; do not list them as bullets unless the genre needs it. Keep names and numbers exactly."
    " Output only the result.",
    "ja": "次の事実をこの順にすべて盛り込み、ほかの事実は加えずに{genre}を書いてください。\n{facts}\n"
    "文型は自分で工夫し、形式上必要な場合を除いて箇条書きにしないこと。名前と数値は変えないこと。"
    "結果だけを出力してください。",
}

_RELATE = {
    "en": "Document: {doc}\nEntities: {listed}\nWrite {count} titled sections, each under a head that begins with"
    " ###, each naming the document ({title}): {sections} Stay within the document.",
    "ja": "文書: {doc}\n対象: {listed}\n文書名（{title}）に触れながら、### で始まる見出しを付けた{count}節を"
    "書いてください。{sections} 文書の範囲を超えないこと。",
}
_SIDE = {
    "en": "({n}) the document told from the side of {entity};",
    "ja": "({n}) {entity}を中心に文書の内容を述べ直す。",
}
_TOGETHER = {
    "en": "({n}) what the document says or implies about how {listed} bear on each other.",
    "ja": "({n}) {listed}がどう関わるかを文書に基づいて論じる。",
}
_COUNTS = {"en": {3: "three", 4: "four"}, "ja": {3: "3", 4: "4"}}
_RELATE_PLAIN = {
    "en": "{doc}\n\nExplain what the text says about {listed} and how they are connected. Name {title}. Keep every"
    " name and number exactly. Stay within the text.",
    "ja": "{doc}\n\n本文に基づいて、{listed}について、またその関わりについて説明してください。{title}の名前を出し、"
    "名前と数値は一字も変えず、本文の範囲を超えないこと。",
}
_AND = {"en": " and ", "ja": "と"}


def shown(document: Document, language: str) -> str:
    """Return a document as prompts show it: title and text, a title that the text begins with once."""
    title = document.title.strip()
    wording = _UNTITLED if not title or document.text.startswith(title) else _SHOWN
    return pick(wording, language).format(title=title, text=document.text.strip())


def rewrite_prompt(document: Document, form: str, language: str) -> Prompt:
    """Return the request for one form of a whole document."""
    said = f"{instruction(form, language)}\n\n{shown(document, language)}"
    return Prompt(f"rewrite-{form}/{language}/plain/{VERSION}", (("user", said),))


def instruction(form: str, language: str) -> str:
    """Return what a form asks for, with the request for faithfulness."""
    space = " " if language != "ja" else ""
    return f"{pick(FORMS[form], language)}{space}{pick(FAITHFUL, language)}"


def facts_prompt(document: Document, language: str, format: Format, uncovered: Sequence[str] = ()) -> Prompt:
    """Return the request for the facts of a document; `uncovered` are values that an earlier answer left out."""
    more = pick(_UNCOVERED, language).format(values=", ".join(uncovered)) if uncovered else ""
    said = pick(_FACTS[format], language) + more
    item = {name: {"type": "string"} for name in ("subject", "attribute", "value", "sentence")}
    schema = {
        "type": "array",
        "items": {"type": "object", "properties": item, "required": list(item), "additionalProperties": False},
    }
    return _listing("facts", document, language, format, said, _LISTED_FACTS, schema)


def entities_prompt(document: Document, language: str, format: Format) -> Prompt:
    """Return the request for the summary and the entities of a document (plain: entities alone)."""
    schema = {
        "type": "object",
        "properties": {"summary": {"type": "string"}, "entities": {"type": "array", "items": {"type": "string"}}},
        "required": ["summary", "entities"],
        "additionalProperties": False,
    }
    said = pick(_ENTITIES[format], language)
    return _listing("entities", document, language, format, said, _LISTED_ENTITIES, schema)


def _listing(
    name: str,
    document: Document,
    language: str,
    format: Format,
    said: str,
    example: dict[str, str],
    schema: dict[str, Any],
) -> Prompt:
    text = shown(document, language)
    if format == "json":
        return Prompt(f"{name}/{language}/json/{VERSION}", (("user", f"{said}\n\n{text}"),), schema=schema)
    messages: tuple[Message, ...] = (
        ("user", f"{said}\n\n{_EXAMPLE[language]}"),
        ("assistant", example[language]),
        ("user", f"{said}\n\n{text}"),
    )
    return Prompt(f"{name}/{language}/plain/{VERSION}", messages, "- ", _LISTING_STOP)


def passage_prompt(sentences: Sequence[str], genre: str, language: str) -> Prompt:
    """Return the request for a text of one genre that states the facts of these sentences and no others."""
    facts = "\n".join(f"- {sentence}" for sentence in sentences)
    said = pick(_WRITE, language).format(genre=genre, facts=facts)
    return Prompt(f"facts-passage/{language}/plain/{VERSION}", (("user", said),))


def passage_request(language: str) -> str:
    """Return what `passage_prompt` asks for, without genre and facts: no text may repeat it."""
    return pick(_WRITE, language).partition("{facts}")[2].strip()


def relation_prompt(document: Document, entities: Sequence[str], language: str, format: Format) -> Prompt:
    """Return the request for the sections on two or three entities (plain: one text about both)."""
    listed = pick(_AND, language).join(entities)
    doc = shown(document, language)
    if format == "plain":
        title = document.title or entities[0]
        said = pick(_RELATE_PLAIN, language).format(doc=doc, listed=listed, title=title)
        return Prompt(f"graph/{language}/plain/{VERSION}", (("user", said),))
    sections = [pick(_SIDE, language).format(n=n, entity=entity) for n, entity in enumerate(entities, start=1)]
    sections.append(pick(_TOGETHER, language).format(n=len(entities) + 1, listed=listed))
    count = len(entities) + 1
    said = pick(_RELATE, language).format(
        doc=doc,
        listed="; ".join(entities) if language != "ja" else "、".join(entities),
        count=_COUNTS[language].get(count, str(count)),
        title=document.title or entities[0],
        sections=" ".join(sections) if language != "ja" else "".join(sections),
    )
    return Prompt(f"graph/{language}/sections/{VERSION}", (("user", said),))

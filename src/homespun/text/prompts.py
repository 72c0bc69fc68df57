"""Every prompt of a labelled task, in English and Japanese (methods.md A1-A4).

Prompts are written for this project. Each comes in the form a small model can follow (`plain` rows, `short`
judgements: one request, the answer begun for it, a stop string) and the form a larger one can (`json` rows,
`full` judgements with reasoning). Placeholders are filled by `str.format` from known names only; a value is
never parsed as a template, so a `{` in a keyword is just a character. A language without its own prompt is
a usage error. docs/prompts.md has the figures behind the wordings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from homespun.data.records import Message
from homespun.errors import UsageError
from homespun.task import Task
from homespun.text.parse import Format

Form = Literal["short", "full"]

LANGUAGES = ("en", "ja")


@dataclass(frozen=True, slots=True)
class Prompt:
    """One request: what is said, how the answer is begun for the model, and where it ends."""

    id: str  #: name/language/format/version, for the lineage of a row; a changed wording is a new version
    messages: tuple[Message, ...]
    prefill: str = ""
    stop: tuple[str, ...] = ()
    schema: dict[str, Any] | None = None


_FULL_STOP = {"en": ".", "ja": "。"}

KEYWORDS = {
    "plain": {
        "en": "Task: {description}\nTen things that a {field} could mention:",
        "ja": "タスク: {description}\n{field}に出てきそうなことを10個:",
    },
    "json": {
        "en": "You are planning a dataset. Task: {description}\nList {count} short topics (one to four words each)"
        " that examples of this task could be about. Cover common, rare, formal and everyday situations; no two"
        " topics may mean the same thing.{used}\nReturn a JSON array of strings and nothing else.",
        "ja": "あなたはデータセットの設計者です。タスク: {description}\nこのタスクの事例が扱いうる話題を{count}個、"
        "それぞれ短い語句で挙げてください。よくある話題と珍しい話題、改まった場面と日常の場面を混ぜ、"
        "意味の重なる語句は入れないでください。{used}\n文字列のJSON配列だけを出力してください。",
    },
}
#: Two tasks that are nobody's, answered with neutral nouns: without them SmolLM2 lists verdicts, not topics.
_KEYWORDS_SHOWN: dict[str, tuple[Message, ...]] = {
    "en": (
        ("system", "List ten neutral topics for a task."),
        ("user", "Task: Decide whether a hotel guest is satisfied.\nTen things that a guest comment could mention:"),
        (
            "assistant",
            "1. breakfast\n2. noise at night\n3. swimming pool\n4. check-in\n5. view from the window\n"
            "6. room size\n7. family holiday\n8. staff\n9. parking\n10. business trip",
        ),
        ("user", "Task: Decide which department a message belongs to.\nTen things that a message could mention:"),
        (
            "assistant",
            "1. late delivery\n2. job interview\n3. forgotten password\n4. invoice\n5. broken screen\n"
            "6. office party\n7. travel costs\n8. new contract\n9. software update\n10. sick leave",
        ),
    ),
    "ja": (
        ("system", "タスクのために、評価を含まない話題を10個挙げます。"),
        ("user", "タスク: ホテルの宿泊客が満足したかどうかを判定する。\n宿泊客の感想に出てきそうなことを10個:"),
        (
            "assistant",
            "1. 朝食\n2. 夜の騒音\n3. プール\n4. チェックイン\n5. 窓からの眺め\n"
            "6. 部屋の広さ\n7. 家族旅行\n8. スタッフ\n9. 駐車場\n10. 出張",
        ),
        ("user", "タスク: 問い合わせがどの部署宛てかを判定する。\n問い合わせに出てきそうなことを10個:"),
        (
            "assistant",
            "1. 配達の遅れ\n2. 採用面接\n3. パスワード忘れ\n4. 請求書\n5. 画面の故障\n"
            "6. 懇親会\n7. 交通費\n8. 新しい契約\n9. ソフトウェアの更新\n10. 病気休暇",
        ),
    ),
}
_USED = {"en": "\nAlready used: {used}.", "ja": "\n使用済み: {used}"}

LABELLED_ROW = {
    "plain": {
        "en": "{description}\nWrite one {label} {field}. Topic: {keyword}. Style: {style}. {sentences}.",
        "ja": "{description}\n「{label}」の{field}を書いてください。話題: {keyword} 文体: {style} 長さ: {min}〜{max}字",
    },
    "json": {
        "en": 'Task: {description}\nWrite one new {field} whose correct label is exactly "{label}".\n'
        'Meaning of "{label}": {meaning}\nIt must not fit any other label: {others}\n'
        "Topic: {keyword}. Style: {style}. Length: {min}-{max} words.\n"
        'Do not name the label or hint that this is an example. Return JSON: {{"{field}": "..."}}',
        "ja": "タスク: {description}\n正しいラベルがちょうど「{label}」になる{field}を新しく1件書いてください。\n"
        "「{label}」の意味: {meaning}\n次のラベルには当てはまらない内容にすること: {others}\n"
        "話題: {keyword} 文体: {style} 長さ: {min}〜{max}字\n"
        "ラベル名を本文に書いたり、例文であることを匂わせたりしないでください。"
        '出力はJSONのみ: {{"{field}": "..."}}',
    },
}
#: How a plain row begins, nearest to what is written, and where it ends.
_OPENED = {
    "en": ('{label} {field} ({keyword}; {meaning}): "', '"'),
    "ja": ("「{label}」の{field}（{keyword}、{meaning}）: 「", "」"),
}
_WORDS_A_SENTENCE = 30

STYLES = {
    "en": ("plain", "casual", "thoughtful", "blunt", "detailed", "witty"),
    "ja": ("率直", "くだけた口調", "落ち着いた口調", "具体的", "です・ます調", "だ・である調"),
}

JUDGE_BLIND = {
    "short": {
        "en": "{description} Answer with one of: {labels}.",
        "ja": "{description} 次のうち1つで答えてください: {labels}",
    },
    "full": {
        "en": "Task: {description}\nLabels:\n{meanings}\nItem:\n{item}\nDecide which single label is right for"
        " this item. If two labels fit equally or none fits, answer UNSURE. Give one sentence of reasoning, then"
        " on the last line write only: LABEL: <label>",
        "ja": "タスク: {description}\nラベル:\n{meanings}\n事例:\n{item}\n"
        "この事例に最も正しいラベルを1つ選んでください。2つ以上が同程度に当てはまる、"
        "またはどれも当てはまらない場合は UNSURE としてください。理由を1文で述べ、"
        "最後の行に次の形式だけを書いてください。 LABEL: <ラベル>",
    },
}

JUDGE_RATING = {
    "short": {
        "en": "{description} Rate each answer from 1 (wrong) to 5 (right).",
        "ja": "{description} それぞれの答えを1（誤り）から5（正しい）で評価してください。",
    },
    "full": {
        "en": "You check training items before they are used. Task: {description}\nProposed item:\n{item}\n"
        "Proposed output: {output}\nCheck in order: (1) is the output correct for the input by the task"
        " definition; (2) does the input contradict itself; (3) would a person write it this way; (4) does it give"
        " the answer away or talk about being an example.\nScale: 5 = use as is; 4 = right, with small flaws in"
        " wording; 3 = output arguable; 2 = output probably wrong or text unnatural; 1 = wrong, off-task or"
        " unusable.\nBriefly note problems for each check, then end with one line: Rating: [[n]]",
        "ja": "学習に使う前の事例を点検してください。タスク: {description}\n事例:\n{item}\n付与された出力: {output}\n"
        "順に確認すること: (1) タスク定義に照らして出力は正しいか (2) 入力の中に矛盾はないか"
        " (3) 人が書く文として自然か (4) 答えをほのめかしたり、例文だと述べたりしていないか。\n"
        "尺度: 5=そのまま使える 4=正しいが表現に小さな難がある 3=出力の正しさに議論の余地がある"
        " 2=出力が誤っていそう、または文が不自然 1=誤り・タスク外・使用不可\n"
        "各項目の問題点を短く述べ、最後の1行に次の形式で書いてください。 評価: [[n]]",
    },
}
_ANSWER = {"en": "{item}\nAnswer: {output}", "ja": "{item}\n答え: {output}"}
_RATING_OPENED = {"en": "Rating: [[", "ja": "評価: [["}


T = TypeVar("T")


def pick(prompts: Mapping[str, T], language: str) -> T:
    """Return the entry of a language.

    Raises:
        UsageError: there is none.
    """
    if language not in prompts:
        raise UsageError(f'no prompts for language "{language}"; there are: {", ".join(prompts)}')
    return prompts[language]


def item_text(fields: Mapping[str, str]) -> str:
    """Return the input fields as `Name: value` lines."""
    return "\n".join(f"{name.capitalize()}: {value}" for name, value in fields.items())


def task_messages(
    task: Task, fields: Mapping[str, str], language: str, answered: Sequence[tuple[Mapping[str, str], str]] = ()
) -> tuple[Message, ...]:
    """Return the prompt under which the student is trained, scored and used; the answer is the label.

    The description, then each label's meaning as if it were an item that has been answered with the label,
    then the item. Training, the probability scorer, evaluation and `predict` all call this one function: a
    different template between them would be measured as a difference between arms. `answered`: items with their
    labels, as turns after the meanings (few-shot).
    """
    turns = [turn for one, label in answered for turn in (("user", item_text(one)), ("assistant", label))]
    return (("system", task.description), *_answered(task, language), *turns, ("user", item_text(fields)))


def _answered(task: Task, language: str) -> list[Message]:
    """Return one question and answer per label, made of the label's meaning; the last label first.

    In the recipe's order SmolLM2 answers with the first label more often (docs/prompts.md).
    """
    turns: list[Message] = []
    for label, meaning in reversed(task.labels.items()):
        turns += [("user", _as_item(task, meaning, language)), ("assistant", label)]
    return turns


def _as_item(task: Task, meaning: str, language: str) -> str:
    """Return a label's meaning in the place of an item: the one field, or alone where there are several."""
    shown = _sentence(meaning, language)
    return item_text({task.fields[0]: shown}) if len(task.fields) == 1 else shown


def _sentence(clause: str, language: str) -> str:
    text = clause.strip()
    ended = text[-1:] in ".!?。！？"
    return text[:1].upper() + text[1:] + ("" if ended else pick(_FULL_STOP, language))


def keywords_prompt(task: Task, language: str, count: int, used: Sequence[str], format: Format) -> Prompt:
    """Return the request for topics.

    `json` asks for `count` topics that are not among `used`. `plain` asks for ten whatever is known: a small
    model copies what it is shown, so variety comes from asking again with another seed.
    """
    name = f"keywords/{language}/{format}/1"
    text = pick(KEYWORDS[format], language).format(
        description=task.description,
        field=task.fields[0],
        count=count,
        used=_USED[language].format(used=", ".join(used)) if used else "",
    )
    if format == "json":
        return Prompt(name, (("user", text),), schema={"type": "array", "items": {"type": "string"}})
    return Prompt(name, (*_KEYWORDS_SHOWN[language], ("user", text)), "1.", ("\n\n",))


def row_prompt(
    task: Task,
    language: str,
    label: str,
    keyword: str,
    style: str,
    min_length: int,
    max_length: int,
    format: Format,
) -> Prompt:
    """Return the request for one text of a label; lengths in words, for Japanese in characters."""
    field = task.fields[0]
    count = max(1, max_length // _WORDS_A_SENTENCE)
    values = {
        "description": task.description,
        "field": field,
        "label": label,
        "meaning": task.labels[label],
        "others": "; ".join(f"{name} ({meaning})" for name, meaning in task.labels.items() if name != label),
        "keyword": keyword,
        "style": style,
        "min": min_length,
        "max": max_length,
        "sentences": ("One sentence", "One or two sentences")[count - 1] if count < 3 else f"Up to {count} sentences",
    }
    said = (("user", pick(LABELLED_ROW[format], language).format(**values)),)
    name = f"labelled-row/{language}/{format}/1"
    if format == "json":
        schema = {
            "type": "object",
            "properties": {field: {"type": "string"}},
            "required": [field],
            "additionalProperties": False,
        }
        return Prompt(name, said, schema=schema)
    opening, closing = _OPENED[language]
    begun = opening.format(**values)
    return Prompt(name, said, begun[:1].upper() + begun[1:], (closing, "\n"))


def judge_blind_prompt(task: Task, fields: Mapping[str, str], language: str, form: Form = "short") -> Prompt:
    """Return the request to label an item without seeing its proposed label.

    `short` is answered by the likelihood of each label, `full` in free text that `parse.parse_label` reads.
    """
    name = f"judge-blind/{language}/{form}/1"
    if form == "short":
        labels = ", ".join(reversed(task.labels))
        said = pick(JUDGE_BLIND[form], language).format(description=task.description, labels=labels)
        return Prompt(name, (("system", said), *_answered(task, language), ("user", item_text(fields))))
    text = pick(JUDGE_BLIND[form], language).format(
        description=task.description,
        meanings="\n".join(f"- {label}: {meaning}" for label, meaning in task.labels.items()),
        item=item_text(fields),
    )
    return Prompt(name, (("user", text),))


def judge_rating_prompt(
    task: Task, fields: Mapping[str, str], output: str, language: str, form: Form = "short"
) -> Prompt:
    """Return the request to rate an item with its output from 1 to 5.

    `short` is read from the probabilities of the digits after the prefill, `full` from free text by
    `parse.parse_rating`.
    """
    name = f"judge-rating/{language}/{form}/1"
    wording = pick(JUDGE_RATING[form], language)
    if form == "full":
        text = wording.format(description=task.description, item=item_text(fields), output=output)
        return Prompt(name, (("user", text),))
    answer, opened = pick(_ANSWER, language), pick(_RATING_OPENED, language)
    messages: list[Message] = [("system", wording.format(description=task.description))]
    first, *_, last = task.labels
    for meant, said in ((last, last), (first, last), (last, first), (first, first)):
        shown = _as_item(task, task.labels[meant], language)
        grade = 5 if meant == said else 1
        messages += [("user", answer.format(item=shown, output=said)), ("assistant", f"{opened}{grade}]]")]
    return Prompt(name, (*messages, ("user", answer.format(item=item_text(fields), output=output))), opened)

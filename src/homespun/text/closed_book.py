"""Questions put to a model that has no document before it, and the question whether an answer is right (methods.md C8).

A question in plain text is the right form for a model after continual pre-training on plain text, where a chat
template would be a text it was not trained on last. The judge answers in one word.
"""

from __future__ import annotations

import re

from homespun.text.normalise import comparable
from homespun.text.prompts import Prompt, pick

#: what stands before the answer, which ends at the first line end
PLAIN = {"en": "Question: {question}\nAnswer:", "ja": "質問：{question}\n回答："}
#: What nobody's documents are about, answered: the form of an answer is shown, so that knowing it is not measured.
EXAMPLES = {
    "en": (
        ("What is the capital of France?", "Paris"),
        ("How many days does a week have?", "7"),
        ("In which month and year did people first walk on the Moon?", "July 1969"),
        ("Who wrote the play Hamlet?", "William Shakespeare"),
    ),
    "ja": (
        ("フランスの首都はどこですか。", "パリ"),
        ("一週間は何日ですか。", "7日"),
        ("人が初めて月面を歩いたのは何年何月ですか。", "1969年7月"),
        ("『坊っちゃん』を書いたのは誰ですか。", "夏目漱石"),
    ),
}
CHAT = {
    "en": "Answer from memory, in a few words and nothing else.",
    "ja": "記憶に基づいて、短い語句だけで答えてください。",
}
JUDGE_ANSWER = {
    "en": "Question: {question}\nReference: {reference}\nAnswer: {answer}\nDoes the answer state the reference's"
    " content with no conflicting value? Extra correct detail is fine; hedging between two values is not."
    " Reply with one word: yes or no.",
    "ja": "質問: {question}\n正解: {reference}\n回答: {answer}\n回答は正解の内容を述べ、食い違う値を含んでいませんか。"
    "正しい補足は可、値を並べて濁すのは不可。「はい」か「いいえ」だけで答えてください。",
}
VERDICTS = {"en": ("yes", "no"), "ja": ("はい", "いいえ")}
_OR = {"en": " or ", "ja": " または "}
_NO = re.compile(r"(?<![a-z])no(?:t|pe|ne)?(?![a-z])|いいえ|いえ|ではな|ません|誤り|不正解")
_YES = re.compile(r"(?<![a-z])yes(?![a-z])|はい")


def ask_plain(question: str, language: str, examples: int = 0) -> str:
    """Return the text that a model goes on from to answer, after so many EXAMPLES; the answer ends at the line end."""
    form = pick(PLAIN, language)
    gap = "" if form[-1] == "：" else " "
    shown = [f"{form.format(question=asked)}{gap}{answer}\n\n" for asked, answer in EXAMPLES[language][:examples]]
    return "".join(shown) + form.format(question=_one_line(question))


def ask_chat(question: str, language: str) -> Prompt:
    """Return the question as a conversation."""
    said = (("system", pick(CHAT, language)), ("user", question))
    return Prompt(f"closed-book/{language}/chat/1", said)


def judge_answer_prompt(question: str, accepted: tuple[str, ...], answer: str, language: str) -> Prompt:
    """Return the request to say whether an answer is right."""
    text = pick(JUDGE_ANSWER, language).format(
        question=_one_line(question), reference=_OR[language].join(accepted), answer=_one_line(answer)
    )
    return Prompt(f"judge-answer/{language}/1", (("user", text),))


def parse_yes_no(reply: str) -> bool | None:
    """Return True for a reply with "yes" and no "no", False for one with "no", None for one with neither."""
    flat = comparable(reply)
    if _NO.search(flat):
        return False
    return True if _YES.search(flat) else None


def _one_line(text: str) -> str:
    """Return a text without line ends: an answer that brings its own "Question:" line is no part of the form."""
    return " ".join(text.split())

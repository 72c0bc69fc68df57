"""Questions about a document, written by a model: how it is asked, how its pairs are read, which are of use.

A pair is of use for asking without the document: its answer stands in the document word for word, and the question
says by itself what it is about and does not give the answer away. Whether the answer is the right one is not seen
from the words; so the question is asked once more with the document at hand, and the answer has to be the same
(round-trip consistency: Alberti et al. 2019, arXiv:1906.05416). Prompts are written for this project.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from homespun.data.records import Document, Message
from homespun.text.names import names
from homespun.text.normalise import comparable
from homespun.text.prompts import Prompt, pick
from homespun.text.words import length, words

LONGEST = {"en": 12, "ja": 40}  #: words of an answer; Japanese: characters
SHORTEST = {"en": 4, "ja": 8}  #: of a question, likewise

ASK = {
    "en": "Write {count} questions about the text, each with its answer. Copy every answer from the text letter for"
    " letter: a name, a number, a date or a few words. Every question must be clear to somebody who has not seen the"
    " text, so call things by their names. Ask about something else every time. Write Q: and A: lines and nothing"
    " else.",
    "ja": "文章について、質問と答えを{count}組書いてください。答えは、名前・数値・日付・短い語句を本文から一字も"
    "変えずに抜き出してください。質問は、本文を見ていない人にも何のことか分かるように、名前をはっきり書いてください。"
    "毎回違うことを尋ねてください。「Q:」と「A:」の行だけを書いてください。",
}
CONFIRM = {
    "en": "Answer the question from the text, in a few words copied from it and nothing else.",
    "ja": "文章から答えを探し、本文の短い語句をそのまま抜き出して、それだけを書いてください。",
}
_SHOWN = {
    "en": (
        "Dalmery Bridge\nOpened in 1911, Dalmery Bridge is 412 m long and carries two railway tracks over the river"
        " Osk. It was designed by Ines Corvo, who died before it was finished. Ships up to 31 m high can pass.",
        "Q: In which year was Dalmery Bridge opened?\nA: 1911\nQ: How long is Dalmery Bridge?\nA: 412 m\n"
        "Q: Which river does Dalmery Bridge cross?\nA: Osk\nQ: Who designed Dalmery Bridge?\nA: Ines Corvo",
    ),
    "ja": (
        "ダルメリ橋\n1911年に開通したダルメリ橋は全長412mで、オスク川に複線の鉄道を渡す。設計者の古河イネは完成前に亡くなった。"
        "高さ31mまでの船が通れる。",
        "Q: ダルメリ橋が開通したのは何年ですか。\nA: 1911年\nQ: ダルメリ橋の全長はどれだけですか。\nA: 412m\n"
        "Q: ダルメリ橋はどの川に架かっていますか。\nA: オスク川\nQ: ダルメリ橋を設計したのは誰ですか。\nA: 古河イネ",
    ),
}
_TEXT = {"en": "Text: {text}", "ja": "文章: {text}"}
_QUESTION = re.compile(r"^[\s*#>\-\d.)]*(?:Q(?:uestion)?|質問|問)\s*\d*\s*[*_]*\s*[:：.．]\s*[*_]*\s*(.+)$", re.I)
_ANSWER = re.compile(r"^[\s*#>\-]*(?:A(?:nswer)?|答え|回答|答)\s*\d*\s*[*_]*\s*[:：.．]\s*[*_]*\s*(.+)$", re.I)
_ENDS = {"en": re.compile(r"[?？]\s*$"), "ja": re.compile(r"[?？]\s*$|[かは][。．]?\s*$|ください[。．]?\s*$")}
_OF_THE_TEXT = re.compile(
    r"\b(?:the|this|above|given) (?:text|passage|document|article|paragraph)\b|本文|文章|この文|文書によ|上記|記事によ",
    re.I,
)
#: What points at something that only the document tells, unless a name stands beside it.
_POINTING = {
    "en": re.compile(
        r"\b(?:it|its|he|him|his|she|her|they|them|their|this|these)\b|\b(?:the|that) (?:product|company|service|author"
        r"|procedure|process|term|word|device|machine|system|model|project|event|person|man|woman|group|team"
        r"|organi[sz]ation|building|book|film|game|song|city|country|school|speaker|writer|story)\b",
        re.I,
    ),
    "ja": re.compile(
        r"これ|それ|この|その|彼|当社|同社|^(?:製品|会社|企業|サービス|商品|用語|手順|装置|著者)[のはがを]"
    ),
}
_AROUND = " \t\"'“”‘’「」『』.,、。"  #: what models put around an answer


@dataclass(frozen=True, slots=True)
class Pair:
    """A question, its answer, and why the pair is of no use, if so."""

    question: str
    answer: str
    problem: str = ""  #: one of PROBLEMS, or empty


#: Why a pair is left out, in the order in which it is looked at.
PROBLEMS = (
    "it is no question",
    "the question speaks of the text",
    "the question does not say what it is about",
    "the answer is too long",
    "the answer does not stand in the document",
    "the question gives the answer away",
    "the document's question is asked already",
    "the answer is asked for already",
    "the same question was asked of another document",
    "the question fits another document as well",
    "asked again with the document, the model answers otherwise",
)
_NONE, _TEXTUAL, _VAGUE, _LONG, _ABSENT, _GIVEN, _AGAIN, _ANSWERED, _ELSEWHERE, AMBIGUOUS, OTHERWISE = PROBLEMS


def ask_pairs(title: str, text: str, count: int, language: str) -> Prompt:
    """Return the request for so many pairs about a document.

    Raises:
        UsageError: there is no prompt in the language.
    """
    shown, answered = pick(_SHOWN, language)
    about = f"{title}\n{text}" if title and not text.startswith(title) else text
    messages: tuple[Message, ...] = (
        ("system", pick(ASK, language).format(count=count)),
        ("user", _TEXT[language].format(text=shown)),
        ("assistant", answered),
        ("user", _TEXT[language].format(text=about)),
    )
    return Prompt(f"ask-pairs/{language}/1", messages, prefill="Q:")


def ask_again(title: str, text: str, question: str, language: str) -> Prompt:
    """Return the request to answer a question with the document at hand.

    Raises:
        UsageError: there is no prompt in the language.
    """
    about = f"{title}\n{text}" if title and not text.startswith(title) else text
    shown, answered = pick(_SHOWN, language)
    first = parse_pairs(answered)[-1]
    messages: tuple[Message, ...] = (
        ("system", pick(CONFIRM, language)),
        ("user", f"{_TEXT[language].format(text=shown)}\n\nQ: {first.question}"),
        ("assistant", f"A: {first.answer}"),
        ("user", f"{_TEXT[language].format(text=about)}\n\nQ: {question}"),
    )
    return Prompt(f"ask-again/{language}/1", messages, prefill="A:", stop=("\n",))


def confirms(reply: str, answer: str) -> bool:
    """Say whether a reply gives an answer: one holds the other, as they are compared."""
    answered = _ANSWER.match(reply)
    said = comparable((answered[1] if answered else reply).strip(_AROUND))
    meant = comparable(answer)
    return bool(said) and (meant in said or said in meant) and len(said) <= 3 * len(meant) + 40


def parse_pairs(answer: str) -> list[Pair]:
    """Return the pairs of Q: and A: lines in order; a question without an answer is left out.

    The first Q: may be missing, since some models are made to begin behind it.
    """
    lines = [line.strip() for line in answer.strip().splitlines() if line.strip()]
    if lines and not _QUESTION.match(lines[0]) and len(lines) > 1 and _ANSWER.match(lines[1]):
        lines[0] = f"Q: {lines[0]}"
    found, question = [], ""
    for line in lines:
        if asked := _QUESTION.match(line):
            question = asked.group(1).strip(" *_")
        elif (answered := _ANSWER.match(line)) and question:
            found.append(Pair(question, answered.group(1).strip(" *_")))
            question = ""
    return [pair for pair in found if pair.answer]


class Fitting:
    """Finds documents that a question could be about, by its words.

    "What does the subscription cost?" is clear to whoever has one document at hand. Asked without it, it fits every
    document that holds the same words. Those that hold the answer, too, do no harm.
    """

    def __init__(self, documents: Sequence[Document], language: str) -> None:
        """Take all documents that questions are asked of."""
        self.language = language
        self.texts = [comparable(document.text) for document in documents]
        self.own: dict[str, set[str]] = {}  #: document -> its words
        self.holders: dict[str, set[int]] = {}  #: word -> documents that hold it
        for number, document in enumerate(documents):
            self.own[document.id] = found = set(words(f"{document.title}\n{document.text}", language))
            for word in found:
                self.holders.setdefault(word, set()).add(number)

    def fits_another(self, pair: Pair, document: str) -> bool:
        """Tell whether another document holds all words that the question shares with its own, and not the answer."""
        shared = self.own[document].intersection(words(pair.question, self.language))
        fewest_first = sorted((self.holders[word] for word in shared), key=len)
        fitting = set.intersection(*fewest_first) if fewest_first else range(len(self.texts))
        answer = comparable(pair.answer)
        return any(answer not in self.texts[number] for number in fitting)


class Asked:
    """Judges the pairs of one document after one another."""

    def __init__(self, text: str, title: str, language: str) -> None:
        """Take the document whose pairs are judged."""
        self.text, self.language = text, language
        self._names = [comparable(name) for name in (*names(text, language), *names(title, language)) if name]
        self.questions: set[str] = set()
        self.answers: set[str] = set()

    def judge(self, pair: Pair, elsewhere: bool = False, fits_another: Callable[[Pair], bool] | None = None) -> Pair:
        """Return the pair, its answer spelled as in the document, or with what is wrong with it.

        Args:
            pair: as it was read; kept ones are held, for those that repeat them.
            elsewhere: the question is asked of another document.
            fits_another: tells whether it could be about another document.
        """
        answer = self._in_text(pair.answer)
        problem = self._problem(pair.question, pair.answer, answer) or ("", _ELSEWHERE)[elsewhere]
        if not problem and fits_another and fits_another(Pair(pair.question, answer)):
            problem = AMBIGUOUS
        if problem:
            return replace(pair, problem=problem)
        self.questions.add(comparable(pair.question))
        self.answers.add(comparable(answer))
        return Pair(pair.question, answer)

    def forget(self, pair: Pair) -> None:
        """Take back a pair that was kept, so that others may ask for its answer."""
        self.questions.discard(comparable(pair.question))
        self.answers.discard(comparable(pair.answer))

    def _problem(self, question: str, said: str, answer: str) -> str:
        flat = comparable(question)
        if not _ENDS[self.language].search(question) or length(question, self.language) < SHORTEST[self.language]:
            return _NONE
        if _OF_THE_TEXT.search(question):
            return _TEXTUAL
        if _POINTING[self.language].search(question) and not any(name in flat for name in self._names):
            return _VAGUE
        if length(said, self.language) > LONGEST[self.language]:
            return _LONG
        if not answer:
            return _ABSENT
        if comparable(answer) in flat:
            return _GIVEN
        if flat in self.questions:
            return _AGAIN
        return _ANSWERED if comparable(answer) in self.answers else ""

    def _in_text(self, answer: str) -> str:
        """Return an answer as the document spells it, or the empty string where it does not stand there."""
        core = answer.strip(_AROUND)
        pieces = [re.escape(piece) for piece in core.split()]
        if not pieces:
            return ""
        edge_before = r"(?<![A-Za-z0-9])" if re.match(r"[A-Za-z0-9]", core) else ""
        edge_after = r"(?![A-Za-z0-9])" if re.search(r"[A-Za-z0-9]$", core) else ""
        pattern = edge_before + r"\s+".join(pieces) + edge_after
        found = re.search(pattern, self.text) or re.search(pattern, self.text, re.I)
        return " ".join(found.group().split()) if found else ""

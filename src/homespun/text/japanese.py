"""Japanese text cut into words, by one of five tokenizers (docs/tokenisers.md compares them).

- `sudachi` SudachiPy's shortest units (mode A), and `fugashi` MeCab's with UniDic: every word, particles too
- `sudachi-content`, `fugashi-content` the same without particles, auxiliaries (but negation) and light verbs
- `characters` for want of a dictionary: single kanji; katakana and hiragana in runs, so that an ending weighs as
  much as one kanji; runs that are nothing but a common particle or light verb are left out

What two questions share is largely grammar, and it makes questions about different things look alike; the
last three leave most of it out. Text comes in normalised and is cut, never changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from homespun.errors import MissingExtraError
from homespun.text.normalise import KANA, KANJI

Tokenizer = Literal["sudachi", "sudachi-content", "fugashi", "fugashi-content", "characters"]

HIRAGANA, KATAKANA = "\u3041-\u309f", "\u30a1-\u30ff\u31f0-\u31ff"
LONGEST_RUN = 8  #: a longer run of hiragana is whole words, and is cut into characters
LIGHT_VERBS = frozenset("する 為る いる 居る ある 有る くださる 下さる".split())
NEGATIONS = frozenset("ない 無い ぬ ず まい".split())  #: auxiliaries that turn the meaning round
FUNCTION_RUNS = frozenset(
    "を が は に の で と も へ や か から まで より など ので のに には では とは での との への からの までの"
    " にも でも する して した します しました してください ください です ます でした ました という について"
    " による によって な だ である".split()
)
_WORD = re.compile(rf"[{KANA}{KANJI}]|[^\W_{KANA}{KANJI}]")
_RUNS = re.compile(rf"[{HIRAGANA}]+|[{KATAKANA}]+|[{KANA}{KANJI}]|[^\W_{KANA}{KANJI}]+")
_PIECE = re.compile(r"[^。！？!?\n]{1,2000}[。！？!?\n]*|[。！？!?\n]+")  # SudachiPy takes some 49 kB at once


def split(text: str, tokenizer: Tokenizer | None) -> list[str]:
    """Return the words of a text in order, without punctuation; empty where it has none that counts.

    Raises:
        MissingExtraError: the tokenizer is not installed.
    """
    name = in_use(tokenizer)
    if name == "characters":
        return characters(text)
    cut = _sudachi if name.startswith("sudachi") else _fugashi
    take = cut(name.endswith("content"))
    text = text.encode("utf-8", "replace").decode()  # half a surrogate pair, which JSON may hold, is "?" to a tokenizer
    return [word for piece in _PIECE.findall(text) for word in take(piece) if _WORD.search(word)]


def in_use(tokenizer: Tokenizer | None) -> Tokenizer:
    """Return the tokenizer that is meant: SudachiPy, or characters where it is missing, unless one is named."""
    return tokenizer or ("sudachi" if _version("sudachipy", "sudachidict-small") else "characters")


def version_of(tokenizer: Tokenizer) -> str:
    """Return a tokenizer's name with the versions of what it stands on.

    Raises:
        MissingExtraError: it is not installed.
    """
    if tokenizer == "characters":
        return "characters, kana in runs"
    content = ", content words" if tokenizer.endswith("content") else ""
    if tokenizer.startswith("sudachi"):
        found = _version("sudachipy", "sudachidict-small")
        if found is None:
            raise _missing("SudachiPy", "ja")
        return f"sudachipy {found[0]} A, sudachidict {found[1]}{content}"
    found = _version("fugashi", "unidic-lite")
    if found is None:
        raise _missing("fugashi", "fugashi")
    return f"fugashi {found[0]}, unidic-lite {found[1]}{content}"


def characters(text: str) -> list[str]:
    """Return kanji one by one and kana in runs, without the runs that are only grammar."""
    found: list[str] = []
    for run in _RUNS.findall(text):
        if run in FUNCTION_RUNS:
            continue
        whole = len(run) <= LONGEST_RUN or not "\u3041" <= run[0] <= "\u309f"
        found += [run] if whole else list(run)
    return found


def _is_content(part_of_speech: str, dictionary_form: str) -> bool:
    if part_of_speech == "助動詞":
        return dictionary_form in NEGATIONS
    return part_of_speech != "助詞" and not (part_of_speech == "動詞" and dictionary_form in LIGHT_VERBS)


@cache
def _version(package: str, dictionary: str) -> tuple[str, str] | None:
    """Return the versions of a tokenizer and its dictionary, or None where one of them is missing."""
    try:
        return version(package), version(dictionary)
    except PackageNotFoundError:
        return None


def _missing(name: str, extra: str) -> MissingExtraError:
    return MissingExtraError(
        f"{name} and its dictionary are not installed; install the extra `{extra}`: pip install -e '.[{extra}]' in the"
        " clone, or take the tokenizer `characters`"
    )


@cache
def _sudachi(content: bool) -> Callable[[str], Iterable[str]]:
    try:
        from sudachipy import Dictionary, SplitMode
    except ImportError as error:
        raise _missing("SudachiPy", "ja") from error
    cut = Dictionary(dict="small").tokenizer(mode=SplitMode.A).tokenize
    if not content:
        return lambda text: (m.surface() for m in cut(text))
    return lambda text: (m.surface() for m in cut(text) if _is_content(m.part_of_speech()[0], m.dictionary_form()))


@cache
def _fugashi(content: bool) -> Callable[[str], Iterable[str]]:
    try:
        import fugashi

        cut = fugashi.Tagger()
    except (ImportError, RuntimeError) as error:  # RuntimeError: no dictionary
        raise _missing("fugashi", "fugashi") from error
    if not content:
        return lambda text: (m.surface for m in cut(text))
    return lambda text: (m.surface for m in cut(text) if _is_content(m.feature.pos1, m.feature.orthBase))

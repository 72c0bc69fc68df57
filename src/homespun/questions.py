"""`homespun questions`: question-answer pairs about documents, asked of a model and kept where they hold.

Every document is asked about until it has its pairs, a few times at most; what is kept is text/asking.py's, and every
question is answered once more with the document at hand. Answers of
the model stand in a ledger beside the output, so that the same command again asks for nothing twice. Pairs are marked
as generated: they measure less than questions that people wrote, because a model asks what is easily asked.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from homespun.dataset.write import write_records
from homespun.engine.progress import Progress
from homespun.errors import DegenerateError, UsageError
from homespun.ledger import Ledger
from homespun.models.base import Completion, Model, Request, Sampling, stream
from homespun.records import Document, content_hash, derive_seed
from homespun.sources.documents.source import DocumentSource
from homespun.task import ModelSpec
from homespun.text.asking import (
    LONGEST,
    OTHERWISE,
    PROBLEMS,
    Asked,
    Fitting,
    Pair,
    ask_again,
    ask_pairs,
    confirms,
    parse_pairs,
)
from homespun.text.normalise import comparable, language_of

ROUNDS = 4  #: times that a document is asked about at most
IDLE = 2  #: rounds without a new pair after which no more are asked
MOST_AT_ONCE = 10  #: pairs in one request; small models lose themselves beyond
SHARD = 16  #: requests of a model in this process that are answered together
TOKENS = 40  #: of a pair, on average, with room
FAILED, UNREAD = "the model gave no answer", "no pair could be read"
FIELDS: Mapping[str, type] = {
    "id": str, "document": str, "category": str, "question": str, "answer": str, "split": str, "origin": str,
    "model": str,
}  # fmt: skip


@dataclass(frozen=True)
class Wish:
    """What is asked for."""

    out: Path
    model: str = "embedded"
    per_document: int = 8
    language: str | None = None  #: None: by the script of the documents
    train: float = 0.0  #: share of the pairs of each document that are for training text, not for a test
    seed: int = 0


@dataclass
class Made:
    """The pairs of every document, and what became of those that are left out."""

    documents: Sequence[Document]
    pairs: dict[str, list[Pair]] = field(default_factory=lambda: defaultdict(list))  #: by id of the document
    requests: int = 0
    dropped: Counter[str] = field(default_factory=Counter)  #: by reason
    examples: dict[str, str] = field(default_factory=dict)  #: reason -> one pair or answer

    @property
    def kept(self) -> int:
        """Pairs that hold."""
        return sum(map(len, self.pairs.values()))

    def drop(self, reason: str, example: str, document: str) -> None:
        """Note what is left out."""
        self.dropped[reason] += 1
        self.examples.setdefault(reason, f"{_short(example)} ({document})")

    def lines(self) -> list[str]:
        """Return the accept rate and every reason with its share and an example."""
        read = self.kept + sum(self.dropped[reason] for reason in PROBLEMS)
        share = f"{self.kept / read:.0%}" if read else "none"
        found = [f"{self.requests:,} requests, {read:,} pairs read, {self.kept:,} kept ({share}); left out:"]
        for reason, count in self.dropped.most_common():
            found.append(f"  {count:5,}  {reason}: {self.examples[reason]}")
        return found if self.dropped else [found[0].replace("; left out:", "")]


def make(source: DocumentSource, wish: Wish, progress: Progress) -> list[str]:
    """Ask a model for pairs about every document, write those that hold, and return what to tell the user.

    Raises:
        UsageError: an option that cannot be used.
        DataError: the documents cannot be read.
        ModelError: the model cannot be loaded or asked.
        DegenerateError: no pair holds; nothing is written.
    """
    _check(wish)
    reading = source.reading()
    documents = [record.value for record in reading if isinstance(record.value, Document)]
    language = wish.language or language_of("\n".join(document.text for document in documents[:20]))
    ledger_path = wish.out.resolve().with_name(wish.out.name + ".ledger.db")
    with Ledger(ledger_path) as ledger:
        model = _model(ModelSpec(id=wish.model), ledger, progress)
        made = ask(model, documents, wish, language, progress)
        name = model.id
    if not made.kept:
        raise DegenerateError("no question can be kept; a larger --model may do better\n" + "\n".join(made.lines()))
    write_records(wish.out, FIELDS, _records(made, wish, name))
    bare = [document.id for document in documents if not made.pairs.get(document.id)]
    few = f"; none about {len(bare)}: {', '.join(bare[:5])}{', ...' * (len(bare) > 5)}" if bare else ""
    told = f"{made.kept:,} questions about {len(documents) - len(bare):,} documents in {wish.out}{few}"
    return [*reading.told(), told, *made.lines()]


def ask(model: Model, documents: Sequence[Document], wish: Wish, language: str, progress: Progress) -> Made:
    """Ask about every document that lacks pairs, round after round, and judge the answers."""
    made = Made(documents)
    fitting = Fitting(documents, language)
    judges = {document.id: Asked(document.text, document.title, language) for document in documents}
    holder: dict[str, str] = {}  #: question -> the document it is asked of
    idle = 0  #: rounds in a row that found nothing
    for attempt in range(ROUNDS):
        lacking = [one for one in documents if len(made.pairs[one.id]) < wish.per_document]
        requests = [_request(one, wish, language, attempt) for one in lacking]
        before = made.kept
        with progress.bar(f"ask, round {attempt + 1}", len(requests), "documents") as bar:
            answers = list(stream(model, requests, SHARD, bar.advance))
        made.requests += len(requests)
        asked: list[tuple[Document, Pair]] = []
        for document, answer in zip(lacking, answers, strict=True):
            room = wish.per_document - len(made.pairs[document.id])
            for pair in _read(made, document, answer):
                if not room:
                    break
                flat = comparable(pair.question)
                judged = judges[document.id].judge(
                    pair,
                    elsewhere=holder.get(flat, document.id) != document.id,
                    fits_another=partial(fitting.fits_another, document=document.id),
                )
                if judged.problem:
                    made.drop(judged.problem, f"{pair.question} {pair.answer}", document.id)
                else:
                    holder[flat] = document.id
                    asked.append((document, judged))
                    room -= 1
        again = [_again(document, pair, wish, language, attempt) for document, pair in asked]
        with progress.bar(f"check, round {attempt + 1}", len(again), "questions") as bar:
            replies = list(stream(model, again, SHARD, bar.advance))
        for (document, pair), reply in zip(asked, replies, strict=True):
            if confirms(reply.text, pair.answer):
                made.pairs[document.id].append(pair)
            else:
                judges[document.id].forget(pair)
                made.drop(OTHERWISE, f"{pair.question} {pair.answer}; now: {reply.text or reply.error}", document.id)
        idle = idle + 1 if made.kept == before else 0
        if idle == IDLE:
            break
    return made


def _read(made: Made, document: Document, answer: Completion) -> list[Pair]:
    if answer.finish_reason == "error":
        made.drop(FAILED, answer.error, document.id)
        return []
    pairs = parse_pairs(answer.text)
    if not pairs:
        made.drop(UNREAD, answer.text, document.id)
    return pairs


def _request(document: Document, wish: Wish, language: str, attempt: int) -> Request:
    count = min(wish.per_document, MOST_AT_ONCE)
    prompt = ask_pairs(document.title, document.text, count, language)
    sampling = Sampling(0.7, 0.95, TOKENS * count, ("\nText:", "\n文章:"))
    key = f"{document.id}|{attempt}"
    return Request(key, prompt.messages, sampling, derive_seed(wish.seed, "questions", key), prompt.prefill)


def _again(document: Document, pair: Pair, wish: Wish, language: str, attempt: int) -> Request:
    prompt = ask_again(document.title, document.text, pair.question, language)
    key = f"{document.id}|{attempt}|{pair.question}"
    sampling = Sampling(0.0, 1.0, TOKENS, prompt.stop)
    return Request(key, prompt.messages, sampling, derive_seed(wish.seed, "questions", key), prompt.prefill)


def _records(made: Made, wish: Wish, model: str) -> list[dict[str, str]]:
    """Return the pairs as records; those with the lowest hashes of a document are for training text."""
    records = []
    for document in made.documents:
        pairs = made.pairs.get(document.id, [])
        by_lot = sorted(pairs, key=lambda pair: content_hash([wish.seed, document.id, pair.question]))
        train = set(by_lot[: round(wish.train * len(pairs))])
        records += [
            {
                "id": f"{document.id}-q{number}",
                "document": document.id,
                "category": document.category,
                "question": pair.question,
                "answer": pair.answer,
                "split": "train" if pair in train else "test",
                "origin": "generated",
                "model": model,
            }
            for number, pair in enumerate(pairs, start=1)
        ]
    return records


def _check(wish: Wish) -> None:
    if wish.out.suffix.lower() not in (".jsonl", ".csv", ".parquet"):
        raise UsageError(f"--out {wish.out}: end it in .jsonl, .csv or .parquet")
    if wish.per_document < 1:
        raise UsageError(f"--per-document {wish.per_document}: give 1 or more")
    if not 0 <= wish.train <= 1:
        raise UsageError(f"--split {wish.train}: give the share for training, from 0 to 1")
    if wish.language is not None and wish.language not in LONGEST:
        raise UsageError(f'--language "{wish.language}": give one of: {", ".join(LONGEST)}')


def _model(spec: ModelSpec, ledger: Ledger, progress: Progress) -> Model:
    if spec.is_server:
        from homespun.models.server import connect

        if not spec.id.partition("#")[2]:
            raise UsageError(f'"{spec.id}" names no model; write {spec.id}#MODEL')
        return connect(spec, ledger, stage=lambda: "questions", say=progress.say)
    from homespun.models.load import load_model
    from homespun.models.recorded import Recorded

    return Recorded(load_model(spec), ledger, lambda: "questions")


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 120 else flat[:117] + "..."

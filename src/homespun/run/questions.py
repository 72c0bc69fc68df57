"""`homespun questions`: question-answer pairs about documents, asked of a model and kept where they hold.

Every document is asked about until it has its pairs, a few times at most; what is kept is text/asking.py's, and every
question is answered once more with the document at hand. Answers of
the model stand in a ledger beside the output, so that the same command again asks for nothing twice. Pairs are marked
as generated: they measure less than questions that people wrote, because a model asks what is easily asked.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from homespun.data.ledger import Ledger
from homespun.data.records import Document, content_hash, derive_seed
from homespun.data.write import write_records
from homespun.engine.progress import Progress
from homespun.errors import DegenerateError, UsageError
from homespun.generate.cells import Queue, Turn, ask
from homespun.generate.tally import Reasons
from homespun.models.base import Completion, Model, Request, Sampling
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
from homespun.text.prompts import Prompt

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
        run = _Run(model, documents, wish, language)
        run.all(progress)
    if not run.kept:
        raise DegenerateError("no question can be kept; a larger --model may do better\n" + "\n".join(run.lines()))
    write_records(wish.out, FIELDS, _records(run))
    bare = [document.id for document in documents if not run.pairs[document.id]]
    few = f"; none about {len(bare)}: {', '.join(bare[:5])}{', ...' * (len(bare) > 5)}" if bare else ""
    told = f"{run.kept:,} questions about {len(documents) - len(bare):,} documents in {wish.out}{few}"
    return [*reading.told(), told, *run.lines()]


class _Run:
    """The pairs of every document, and what became of those that are left out."""

    def __init__(self, model: Model, documents: Sequence[Document], wish: Wish, language: str) -> None:
        self.model, self.documents, self.wish, self.language = model, documents, wish, language
        self.pairs: dict[str, list[Pair]] = {document.id: [] for document in documents}
        self.requests = self.round = 0
        self.dropped = Reasons()
        self.fitting = Fitting(documents, language)
        self.judges = {document.id: Asked(document.text, document.title, language) for document in documents}
        self.holder: dict[str, str] = {}  #: question -> the document it is asked of

    @property
    def kept(self) -> int:
        """Pairs that hold."""
        return sum(map(len, self.pairs.values()))

    def all(self, progress: Progress) -> None:
        """Ask about every document that lacks pairs, round after round, until nothing new comes."""
        idle = 0  #: rounds in a row that found nothing
        while self.round < ROUNDS and idle < IDLE:
            before = self.kept
            lacking = [one for one in self.documents if len(self.pairs[one.id]) < self.wish.per_document]
            with progress.bar(f"ask, round {self.round + 1}", len(lacking), "documents") as bar:
                turns = ask(self.model, Queue(lacking), self._request, self._read, SHARD, advance=bar.advance)
                asked = [(turn.of, pair) for turn in turns for pair in turn.found]
            with progress.bar(f"check, round {self.round + 1}", len(asked), "questions") as bar:
                deque(ask(self.model, Queue(asked), self._again, self._confirm, SHARD, advance=bar.advance), maxlen=0)
            self.round += 1
            idle = idle + 1 if self.kept == before else 0

    def lines(self) -> list[str]:
        """Return the accept rate and every reason with its share and an example."""
        counts = self.dropped.counts
        read = self.kept + sum(counts[reason] for reason in PROBLEMS)
        share = f"{self.kept / read:.0%}" if read else "none"
        told = f"{self.requests:,} requests, {read:,} pairs read, {self.kept:,} kept ({share})"
        lines = [f"  {count:5,}  {why}: {self.dropped.examples[why]}" for why, count in counts.most_common()]
        return [f"{told}; left out:" if lines else told, *lines]

    def _request(self, turn: Turn[Document, Pair]) -> Request:
        self.requests += 1
        count = min(self.wish.per_document, MOST_AT_ONCE)
        prompt = ask_pairs(turn.of.title, turn.of.text, count, self.language)
        sampling = Sampling(0.7, 0.95, TOKENS * count, ("\nText:", "\n文章:"))
        return self._seeded(f"{turn.of.id}|{self.round}", prompt, sampling)

    def _read(self, turn: Turn[Document, Pair], _asked: Request, answer: Completion) -> list[Pair]:
        """Return the pairs that hold so far, as many as the document lacks."""
        document, found = turn.of.id, list[Pair]()
        if answer.finish_reason == "error":
            self._drop(FAILED, answer.error, document)
            return []
        pairs = parse_pairs(answer.text)
        if not pairs:
            self._drop(UNREAD, answer.text, document)
        for pair in pairs:
            if len(self.pairs[document]) + len(found) == self.wish.per_document:
                break
            flat = comparable(pair.question)
            judged = self.judges[document].judge(
                pair,
                elsewhere=self.holder.get(flat, document) != document,
                fits_another=partial(self.fitting.fits_another, document=document),
            )
            if judged.problem:
                self._drop(judged.problem, f"{pair.question} {pair.answer}", document)
            else:
                self.holder[flat] = document
                found.append(judged)
        return found

    def _again(self, turn: Turn[tuple[Document, Pair], None]) -> Request:
        document, pair = turn.of
        prompt = ask_again(document.title, document.text, pair.question, self.language)
        return self._seeded(
            f"{document.id}|{self.round}|{pair.question}", prompt, Sampling(0.0, 1.0, TOKENS, prompt.stop)
        )

    def _confirm(self, turn: Turn[tuple[Document, Pair], None], _asked: Request, reply: Completion) -> list[None]:
        document, pair = turn.of
        if confirms(reply.text, pair.answer):
            self.pairs[document.id].append(pair)
        else:
            self.judges[document.id].forget(pair)
            self._drop(OTHERWISE, f"{pair.question} {pair.answer}; now: {reply.text or reply.error}", document.id)
        return []

    def _seeded(self, key: str, prompt: Prompt, sampling: Sampling) -> Request:
        return Request(key, prompt.messages, sampling, derive_seed(self.wish.seed, "questions", key), prompt.prefill)

    def _drop(self, reason: str, example: str, document: str) -> None:
        flat = " ".join(example.split())
        self.dropped.add(reason, f"{flat if len(flat) <= 120 else flat[:117] + '...'} ({document})")


def _records(run: _Run) -> list[dict[str, str]]:
    """Return the pairs as records; those with the lowest hashes of a document are for training text."""
    records, wish = [], run.wish
    for document in run.documents:
        pairs = run.pairs[document.id]
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
                "model": run.model.id,
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

"""The asking loop: ask, read, check, ask again, give up. Strategies say what is asked for and what passes.

A `Cell` is what answers are wanted for (a label, a document), with its quota. The places of a plan are what is asked
for, one after the other; a `Queue` decides which is next, which is asked again and which are over. Both are pure: they
know no model, no text and no file. `ask` sends the requests of a queue and hands the places on in plan order however
the answers arrive. `Loop` runs whole plans with it: round by round, until every cell has its quota or is given up.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from math import ceil
from typing import ClassVar, Generic, TypeVar

from homespun.data.records import Verdict, content_hash
from homespun.engine.context import Context
from homespun.engine.progress import Bar
from homespun.generate.base import Made
from homespun.generate.tally import Tally
from homespun.models.base import Advance, Completion, Model, Request, ignore_progress, stream
from homespun.text.normalise import comparable

HOPELESS = 96  #: attempts of one part, and cells, without a single accepted one before the run stops
STUBBORN = 24  #: answers for one cell without a single accepted one before it is left out
IMPRESSION = 32  #: attempts before the first word on what is accepted


@dataclass
class Cell:
    """What answers are wanted for, and how it stands."""

    name: str
    wanted: int  #: accepted answers
    asked: int = 0
    accepted: int = 0

    @property
    def missing(self) -> int:
        """Accepted answers that it lacks."""
        return max(self.wanted - self.accepted, 0)


def quotas(wanted: int, names: Collection[str]) -> list[Cell]:
    """Split the wanted answers evenly over cells; the first ones get the remainder."""
    share, extra = divmod(wanted, len(names))
    return [Cell(name, share + (index < extra)) for index, name in enumerate(names)]


def by_need(cells: Sequence[Cell], room: int) -> list[Cell]:
    """Return whom to ask for the next answers, `room` at most: cells in turn, more of those that lack more."""
    # One imagined success keeps a cell that starts badly from being given up or over-asked.
    needs = [ceil(cell.missing / ((cell.accepted + 1) / (cell.asked + 1))) for cell in cells]
    turns = sorted((turn, index) for index, need in enumerate(needs) for turn in range(min(need, room)))
    return [cells[index] for _, index in turns[: max(room, 0)]]


T = TypeVar("T")  #: a place of a plan
R = TypeVar("R")  #: what an answer holds


@dataclass(eq=False, slots=True)
class Turn(Generic[T, R]):
    """A place of a plan, and what was found for it so far."""

    of: T
    tried: int = 0  #: answers read so far
    found: list[R] = field(default_factory=list)
    over: bool = False


class Queue(Generic[T, R]):
    """Decides which place of a plan is asked for next."""

    def __init__(self, places: Iterable[T], tries: int = 1, *, at_once: bool = True) -> None:
        """Take the places in plan order; each is asked for until something passes, `tries` times at most.

        `at_once`: again before places that were not asked for yet; else when all of them are answered.
        """
        self._waiting, self._tries, self._at_once = iter(places), tries, at_once
        self._due, self._later, self._order = deque[Turn[T, R]](), deque[Turn[T, R]](), deque[Turn[T, R]]()

    def first(self) -> Turn[T, R] | None:
        """Return what to ask for now that no answer is awaited; None: all is over."""
        if not self._due:
            self._due, self._later = self._later, self._due
        return self.next()

    def next(self) -> Turn[T, R] | None:
        """Return what to ask for beside what is asked already; None: nothing before more answers are there."""
        if self._due:
            return self._due.popleft()
        for place in self._waiting:
            self._order.append(turn := Turn[T, R](place))
            return turn
        return None

    def take(self, turn: Turn[T, R], found: Sequence[R], passes: bool) -> None:
        """Note what an answer held, and whether that will do."""
        turn.found += found
        turn.tried += 1
        turn.over = passes or turn.tried >= self._tries
        if not turn.over:
            (self._due if self._at_once else self._later).append(turn)

    def over(self) -> Iterator[Turn[T, R]]:
        """Hand on the places that are over, as far as none before them is still open."""
        while self._order and self._order[0].over:
            yield self._order.popleft()


def ask(
    model: Model,
    queue: Queue[T, R],
    request: Callable[[Turn[T, R]], Request],
    read: Callable[[Turn[T, R], Request, Completion], list[R]],
    shard: int,
    *,
    passes: Callable[[R], object] = bool,
    known: Callable[[T], Completion | None] = lambda place: None,
    advance: Advance = ignore_progress,
) -> Generator[Turn[T, R], None, None]:
    """Ask for the places of a queue, and hand them on in plan order with what was found.

    Args:
        model: that is asked.
        queue: the places.
        request: what a place is asked with, every time that it is asked for.
        read: what an answer holds.
        shard: answers of a model in this process that are asked for together.
        passes: tells whether something found will do; else the place is asked for again.
        known: the answer to a place where it is there already: it is not asked for.
        advance: told of answers as they come.
    """
    asked = deque[tuple[Turn[T, R], Request]]()

    def requests(turn: Turn[T, R] | None) -> Iterator[Request]:  # a server's thread takes these as it has room
        while turn is not None:
            one = request(turn)
            if (answer := known(turn.of)) is not None:
                queue.take(turn, read(turn, one, answer), True)
            else:
                asked.append((turn, one))
                yield one
            turn = queue.next()

    while (turn := queue.first()) is not None:
        with closing(stream(model, requests(turn), shard, advance)) as answers:
            for answer in answers:
                turn, one = asked.popleft()
                found = read(turn, one, answer)
                queue.take(turn, found, any(map(passes, found)))
                yield from queue.over()
        yield from queue.over()


@dataclass(frozen=True)
class Place:
    """One place of a plan that a loop asks for."""

    cell: str  #: name of its cell
    answer: Completion | None = field(default=None, kw_only=True)  #: where it is there already: it is not asked for


P = TypeVar("P", bound=Place)


class Distinct:
    """Turns the verdict on a text that its cell has already."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, str], str] = {}  # (cell, hash of the text) -> its row

    def __call__(self, found: Made, cell: str) -> Made:
        """Return an attempt with its verdict, or with another where it passed and is not the first of its text."""
        row = found.attempt.row
        if row is None or not found.keep:
            return found
        first = self._first.setdefault((cell, content_hash(comparable(row.payload.written))), row.id)
        if first == row.id:
            return found
        again = Verdict(row.id, False, "duplicate", reason="the same text again", duplicate_of=first)
        return Made(found.attempt, again)


class Plan(Generic[P]):
    """What a strategy decides: the places to ask for, what each is asked with, and what an answer holds."""

    axis: ClassVar[str] = "form"  #: group by whose parts accept rates are told; a part that gets nothing stops the run
    nouns: ClassVar[tuple[str, str, str]] = ("document", "texts", "variants")  #: a cell, what is read, what is wanted
    ways: Mapping[str, str]  #: what can be done where nothing is usable (see Tally)

    def places(self) -> Iterable[P]:
        """Return the places in plan order."""
        raise NotImplementedError

    def more(self, missing: Mapping[str, int], failed: Sequence[P]) -> Iterable[P]:
        """Return further places for cells that lack answers, by name; none ends the run.

        `failed`: places of the last round of which nothing was accepted.
        """
        return ()

    def request(self, turn: Turn[P, Made]) -> Request:
        """Return what a place is asked with; another seed every time."""
        raise NotImplementedError

    def read(self, turn: Turn[P, Made], asked: Request, answer: Completion) -> list[Made]:
        """Return what an answer holds, one attempt at least, with the verdicts of the checks that look at it alone."""
        raise NotImplementedError


@dataclass
class Loop(Generic[P]):
    """One pass over a plan: what comes of it is a pure function of the plan and of the answers to it.

    A part of which nothing is accepted in HOPELESS attempts, on as many cells or on all, stops the run, since every
    cell would lack it. A cell of which nothing is accepted in STUBBORN answers is left out and told of, and the run
    goes on: one odd document among ten thousand is no reason to throw the others away.
    """

    name: str  #: of the generator
    ctx: Context
    plan: Plan[P]
    cells: Mapping[str, Cell]  #: by name
    tries: int  #: times that a place is asked for, and rounds of places
    shard: int  #: answers of a model in this process that are asked for together
    max_asked: int | None = None  #: ends with the attempt that reaches it, and then nothing accepted is no error
    given_up: set[str] = field(default_factory=set)
    asked: int = 0
    emitted: int = 0

    def __post_init__(self) -> None:
        """Begin to count."""
        self.tally = Tally(self.plan.axis, self.plan.nouns[1], len(self.cells), self.plan.ways)
        self.failed: list[P] = []
        self.distinct = Distinct()

    def all(self) -> Iterator[Made]:
        """Return every attempt in plan order, round by round.

        Raises:
            DegenerateError: a part, or the whole, gets nothing.
        """
        plan, places, writer = self.plan, self.plan.places(), self.ctx.models["writer"]
        total = sum(cell.wanted for cell in self.cells.values())
        with self.ctx.progress.bar(f"write {self.name}", total, plan.nouns[2]) as bar:
            for _ in range(self.tries):
                self.failed = []
                queue = Queue[P, Made](self._open(places), self.tries)
                turns = ask(
                    writer,
                    queue,
                    self._request,
                    plan.read,
                    self.shard,
                    passes=lambda found: found.keep,
                    known=lambda place: place.answer,
                )
                with closing(turns):
                    for turn in turns:
                        yield from self._emit(turn, bar)
                        if self.max_asked is not None and self.emitted >= self.max_asked:
                            break
                lacking = {
                    name: cell.missing
                    for name, cell in self.cells.items()
                    if cell.missing and name not in self.given_up
                }
                places = [] if self._spent() or not lacking else list(plan.more(lacking, self.failed))
                if not places:
                    break
        self._end()

    def _spent(self) -> bool:
        return self.max_asked is not None and max(self.asked, self.emitted) >= self.max_asked

    def _open(self, places: Iterable[P]) -> Iterator[P]:
        for place in places:
            if place.cell not in self.given_up:
                yield place
            if self._spent():
                return

    def _request(self, turn: Turn[P, Made]) -> Request:
        self.asked += turn.of.answer is None
        return self.plan.request(turn)

    def _emit(self, turn: Turn[P, Made], bar: Bar) -> Iterator[Made]:
        """Hand a place on, count it, and see whether anything is hopeless."""
        cell = self.cells[turn.of.cell]
        if cell.name in self.given_up:  # asked for before that was known
            return
        before = cell.accepted
        for found in (self.distinct(one, cell.name) for one in turn.found):
            self.emitted += 1
            cell.accepted += found.keep
            self.tally.add(found, cell.name)
            bar.advance(found.keep and cell.accepted <= cell.wanted)
            if self.emitted == IMPRESSION:
                self._say(self.tally.impression(f"first {IMPRESSION} {self.tally.unit}"))
            yield found
        bar.note(self.tally.note())
        if cell.accepted == before:
            self.failed.append(turn.of)
        cell.asked += turn.tried
        if not cell.accepted and cell.asked >= STUBBORN:
            self.given_up.add(cell.name)
            if len(self.given_up) <= 3:
                why = f"none of {cell.asked} answers is usable, mostly {self.tally.commonest(cell.name)}"
                self._say(f'{self.plan.nouns[0]} "{cell.name}" is left out: {why}')
        if self.max_asked is None:
            self.tally.stop_if_hopeless(HOPELESS)

    def _end(self) -> None:
        cells, (noun, unit, rows) = self.cells.values(), self.plan.nouns
        if self.max_asked is None and not any(cell.accepted for cell in cells):
            self.tally.stop()
        self._say(self.tally.impression(f"{self.emitted} {unit}"))
        short = [f"{cell.name} ({cell.accepted})" for cell in cells if cell.missing]
        if short and self.max_asked is None:
            self._say(
                f"{len(short)} of {len(cells)} {noun}s have fewer than {max(cell.wanted for cell in cells)} {rows}:"
                f" {', '.join(short[:3])}{', ...' if len(short) > 3 else ''}"
            )

    def _say(self, text: str) -> None:
        self.ctx.progress.say(f"{self.name}: {text}")

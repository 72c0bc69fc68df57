"""Progress as the user sees it: a bar with rate and time left on a terminal, plain lines elsewhere.

Stages know only `Progress.bar`. At most one live display exists at a time (a rule of rich). Times are
taken from the monotonic clock. The silent one serves tests and library use.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID


class Bar(Protocol):
    """One stage's progress."""

    def advance(self, count: int = 1) -> None:
        """Say that `count` more units are done."""

    def note(self, text: str) -> None:
        """Show a short remark beside the bar (accept rate, loss); the last one stands."""


class Progress(Protocol):
    """Where a stage reports to."""

    @contextmanager
    def bar(self, title: str, total: int, unit: str, done: int = 0) -> Iterator[Bar]:
        """Open a bar of `total` units of which `done` were finished by an earlier process."""
        ...

    def say(self, text: str) -> None:
        """Print one line."""
        ...


class _SilentBar:
    def advance(self, count: int = 1) -> None:
        pass

    def note(self, text: str) -> None:
        pass


class Silent:
    """Reports nothing."""

    @contextmanager
    def bar(self, title: str, total: int, unit: str, done: int = 0) -> Iterator[Bar]:
        """Open a bar that shows nothing."""
        yield _SilentBar()

    def say(self, text: str) -> None:
        """Say nothing."""


class _LineBar:
    """Prints a line every `interval_s` seconds, and one at the end."""

    def __init__(self, stream: TextIO, title: str, total: int, unit: str, done: int) -> None:
        self.stream, self.title, self.total, self.unit = stream, title, total, unit
        self.first = self.done = done
        self.remark = ""
        self.started = self.printed = time.monotonic()
        self.interval_s = 10.0

    def advance(self, count: int = 1) -> None:
        self.done += count
        now = time.monotonic()
        if now - self.printed >= self.interval_s:
            self.printed = now
            self.line(now)

    def note(self, text: str) -> None:
        self.remark = text

    def line(self, now: float, end: bool = False) -> None:
        elapsed = max(now - self.started, 1e-9)
        rate = (self.done - self.first) / elapsed
        timing = f"{elapsed:.0f} s"
        if not end and rate > 0:
            timing += f", {max(self.total - self.done, 0) / rate:.0f} s left"
        remark = f" ({self.remark})" if self.remark else ""
        counted = f"{self.done}/{self.total} {self.unit}, {rate:.1f}/s, {timing}"
        print(f"{self.title}: {counted}{remark}", file=self.stream, flush=True)


class Lines:
    """Plain lines, for logs and pipes."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stderr

    @contextmanager
    def bar(self, title: str, total: int, unit: str, done: int = 0) -> Iterator[Bar]:
        """Open a bar that prints a line every ten seconds and one at the end."""
        bar = _LineBar(self.stream, title, total, unit, done)
        yield bar
        bar.line(time.monotonic(), end=True)

    def say(self, text: str) -> None:
        """Print one line."""
        print(text, file=self.stream, flush=True)


class _RichBar:
    def __init__(self, live: RichProgress, task: TaskID) -> None:
        self.live, self.task = live, task

    def advance(self, count: int = 1) -> None:
        self.live.advance(self.task, count)

    def note(self, text: str) -> None:
        self.live.update(self.task, remark=text)


class Terminal:
    """Live bars with rate and time left."""

    def __init__(self, console: Console) -> None:
        self.console = console

    @contextmanager
    def bar(self, title: str, total: int, unit: str, done: int = 0) -> Iterator[Bar]:
        """Open a live bar; it stays on the screen when the stage ends."""
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            ProgressColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )
        from rich.progress import Task as RichTask
        from rich.text import Text

        class Rate(ProgressColumn):
            def render(self, task: RichTask) -> Text:
                speed = task.finished_speed or task.speed
                return Text(f"{speed:.1f} {unit}/s" if speed else "", style="dim")

        columns = (
            TextColumn("{task.description:<24}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            Rate(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("[dim]{task.fields[remark]}"),
        )
        with Progress(*columns, console=self.console) as live:
            yield _RichBar(live, live.add_task(title, total=total, completed=done, remark=""))

    def say(self, text: str) -> None:
        """Print one line above any bar."""
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)


def best_for(stream: TextIO) -> Progress:
    """Return live bars for a terminal, plain lines for anything else."""
    if stream.isatty():
        from rich.console import Console

        return Terminal(Console(file=stream))
    return Lines(stream)

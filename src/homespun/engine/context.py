"""What a step may use beside its rows: the task, the models by role, the seed, and where to report.

Models are loaded when first asked for and can be let go, so that a writer does not sit in memory while
the student is trained. The context holds no results: those go through the return values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from homespun.data.records import Record, Row
from homespun.engine.progress import Progress, Silent
from homespun.errors import UsageError
from homespun.task import ModelSpec, Role, Task

if TYPE_CHECKING:
    from homespun.models.base import Model


@dataclass
class Models:
    """The models of a run by role, loaded once each; roles that name the same model share it."""

    specs: Mapping[Role, ModelSpec]
    load: Callable[[ModelSpec], Model]
    loaded: dict[str, Model] = field(default_factory=dict)  #: by all that the spec says

    def __getitem__(self, role: Role) -> Model:
        return self.of(self.specs[role])

    def of(self, spec: ModelSpec) -> Model:
        """Return the model that a spec names, loaded once."""
        key = spec.model_dump_json()
        if key not in self.loaded:
            self.loaded[key] = self.load(spec)
        return self.loaded[key]

    def release(self) -> None:
        """Let go of every loaded model."""
        self.loaded.clear()


@dataclass(frozen=True)
class Context:
    """Handed to every step."""

    task: Task | None  #: None for plain batch inference
    language: str  #: en or ja: of the prompts and of the rows
    seed: int
    models: Models
    progress: Progress = field(default_factory=Silent)
    sources: Mapping[str, Callable[[], Iterator[Record]]] = field(default_factory=dict)  #: fresh from the start
    accepted: Callable[[Sequence[Row]], None] = lambda rows: None  #: a generator tells of rows that passed

    @property
    def the_task(self) -> Task:
        """The task; a recipe without one has no step that asks for it (recipe_checks.py)."""
        if self.task is None:
            raise UsageError("this step needs a `task`, and the recipe has none")
        return self.task

    def silent(self) -> Context:
        """Return the same context without progress."""
        return replace(self, progress=Silent())

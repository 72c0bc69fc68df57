"""A run in progress: the recipe, its directory, its models behind the ledger, and what it has cost.

Every stage gets the job; it knows how models are loaded and what identifies them, and it marks stages as
begun and finished. What a stage does is stages.py's business.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from homespun.data.ledger import Ledger
from homespun.data.records import JSONDict
from homespun.data.store import Store
from homespun.engine.budget import Spending, cost
from homespun.engine.context import Context, Models
from homespun.engine.progress import Progress
from homespun.models.load import load_model, model_identity
from homespun.models.recorded import Recorded
from homespun.task import ROLES, ModelSpec

if TYPE_CHECKING:
    from homespun.generate.base import Generator
    from homespun.models.base import Model
    from homespun.recipe.recipe import Recipe
    from homespun.run.replicates import Replicate

RUNNING: ContextVar[str] = ContextVar("running", default="")  #: the stage that asks, for the ledger


@dataclass
class Job:
    """A run in progress: the recipe, its directory, and what is known about its inputs."""

    recipe: Recipe
    store: Store
    progress: Progress
    retry_failed: bool = False  #: ask servers again for rows that failed
    answers: Path | None = None  #: the ledger; default: that of the run directory
    identities: dict[str, str] = field(default_factory=dict)
    resumed: set[str] = field(default_factory=set)  #: stages that an earlier process had finished or begun
    fresh: set[str] = field(default_factory=set)  #: stages that this process finished
    stages: set[str] = field(default_factory=set)  #: finished stages of this recipe; `done/` may hold others' too

    @cached_property
    def context(self) -> Context:
        """What steps get."""
        models = Models({role: self.recipe.model_for(role) for role in ROLES}, self._load)
        recipe = self.recipe
        return Context(recipe.task, recipe.language, recipe.seed, models, self.progress, recipe.sources)

    def context_of(self, replicate: Replicate) -> Context:
        """What steps of a replicate get."""
        return replace(self.context, seed=replicate.seed)

    def _load(self, spec: ModelSpec) -> Model:
        if not spec.is_server:
            return Recorded(load_model(spec), self.ledger, RUNNING.get, self.spending, spec.price)
        from homespun.models.server import connect

        return connect(
            spec,
            self.ledger,
            stage=RUNNING.get,
            say=self.progress.say,
            spending=self.spending,
            retry_failed=self.retry_failed,
        )

    @cached_property
    def ledger(self) -> Ledger:
        """The record of every answer, opened when a model is asked for the first time."""
        return Ledger(self.answers or self.store.path("ledger.db"))

    def asked(self) -> list[JSONDict]:
        """Return what each stage has asked of each model over all starts of the run, and what that cost."""
        prices = self.recipe.prices()
        if "ledger" not in self.__dict__ and not self.store.has("ledger.db"):
            return []
        return [
            {
                "stage": total.stage,
                "model": total.named,
                "requests": total.attempts,
                "prompt_tokens": total.prompt_tokens,
                "completion_tokens": total.completion_tokens,
                "money": round(cost(price, total.prompt_tokens, total.completion_tokens), 6) if price else None,
            }
            for total in self.ledger.totals()
            for price in (prices.get(total.named),)
        ]

    @cached_property
    def spending(self) -> Spending:
        """What the run has cost, earlier starts included."""
        spending = Spending(self.recipe.budget)
        prices = self.recipe.prices()
        for total in self.ledger.totals():
            spending.charge(prices.get(total.named), total.prompt_tokens, total.completion_tokens)
        return spending

    def close(self) -> None:
        """Close what the run opened."""
        if "ledger" in self.__dict__:
            self.ledger.close()

    def identity(self, role: str) -> str:
        """Return name and content hash of a role's model, without loading it."""
        spec = self.recipe.model_for(role)
        key = spec.model_dump_json()
        if key not in self.identities:
            self.identities[key] = f"{model_identity(spec)} {spec.device} {spec.dtype}"
        return self.identities[key]

    def in_use(self, role: str) -> bool:
        """Tell whether a stage has asked for the identity of a role's model."""
        return self.recipe.model_for(role).model_dump_json() in self.identities

    def base(self) -> JSONDict:
        """Return what every fingerprint begins with."""
        task = self.recipe.task
        return {"task": task.model_dump(mode="json") if task else None, "language": self.recipe.language}

    def source_of(self, generator: Generator) -> JSONDict:
        """Return what a generator's fingerprint says of the source and file it takes; nothing where it takes none."""
        own = {"file": digest} if (digest := generator.digest()) else {}
        name = generator.source_of(self.recipe.sources)
        if name is None:
            return own
        source = self.recipe.sources[name]
        told = source.model_dump(mode="json", exclude={"path"})
        return {**own, "source": {**told, "digest": source.digest()}}

    def finished(self, stage: str, fingerprint: str) -> bool:
        """Whether a stage of this recipe need not run."""
        found = self.store.finished(stage, fingerprint)
        if found:
            self.stages.add(stage)
        return found

    def finish(self, stage: str, fingerprint: str, outputs: list[str], **facts: object) -> None:
        """Mark a stage as finished."""
        self.store.finish(stage, fingerprint, outputs, **facts)
        self.fresh.add(stage)
        self.stages.add(stage)

    def markers(self) -> dict[str, JSONDict]:
        """Return the markers of the finished stages of this recipe, by name."""
        return {stage: self.store.told(stage) for stage in sorted(self.stages)}

    def again(self, stage: str) -> bool:
        """Whether a finished stage is done again because some of its rows failed and that is asked for."""
        return self.retry_failed and bool((self.store.marker(stage) or {}).get("counts", {}).get("failed"))

    def begin(self, stage: str) -> None:
        """Note that a stage runs, and whether it goes on where an earlier process stopped."""
        RUNNING.set(stage)
        if self.store.has(f"work/{stage}"):
            self.resumed.add(stage)

"""`kind` -> class, lazily: built-in strategies and those of third parties; and the sections of a page.

A strategy is a frozen pydantic model whose fields are its YAML and which is called to do its work; a section is an
object (report/page.py). Built-ins are listed here as `module:Name` so that nothing heavy is imported before it is
used; plug-ins register the same under an entry-point group `homespun.GROUP` (examples/plugin shows some).
Payloads (homespun.data.records.Payload) are found in the same way, by the kind that tables name.
There is one registry for all stages and no decorator magic: what is not in the table does not exist.
"""

from __future__ import annotations

import difflib
import importlib
from functools import cache
from importlib.metadata import entry_points
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict

from homespun.errors import UsageError
from homespun.task import Task

BUILT_IN: dict[str, dict[str, str]] = {
    "payload": {
        "labelled": "homespun.data.records:Labelled",
        "response": "homespun.data.records:Response",
        "variant": "homespun.data.records:Variant",
    },
    "source": {
        "file": "homespun.sources.file:FileSource",
        "documents": "homespun.sources.documents.source:DocumentSource",
    },
    "generator": {
        "labelled": "homespun.generate.labelled:LabelledGenerator",
        "responses": "homespun.generate.responses:Responses",
        "original": "homespun.generate.original:Original",
        "paraphrase": "homespun.generate.paraphrase:Paraphrase",
        "template": "homespun.generate.templates:Templates",
        "facts": "homespun.generate.facts:Facts",
        "graph": "homespun.generate.graph:Graph",
        "spa": "homespun.generate.spa:Spa",
        "given": "homespun.generate.given:Given",
    },
    "scorer": {
        "similarity": "homespun.score.similarity:Similarity",
        "probability": "homespun.score.probability:Probability",
        "judge": "homespun.score.judge:Judge",
        "centrality": "homespun.score.centrality:Centrality",
        "perplexity": "homespun.score.perplexity:Perplexity",
        "embedding": "homespun.score.embedding:Embedding",
    },
    "rule": {
        "at_least": "homespun.select.rules.threshold:AtLeast",
        "at_most": "homespun.select.rules.threshold:AtMost",
        "band": "homespun.select.rules.threshold:Band",
        "top": "homespun.select.rules.share:Top",
        "bottom": "homespun.select.rules.share:Bottom",
        "middle": "homespun.select.rules.share:Middle",
        "agreement": "homespun.select.rules.agreement:Agreement",
        "random": "homespun.select.rules.share:Random",
        "quota": "homespun.select.rules.quota:Quota",
        "exact_duplicates": "homespun.select.rules.duplicates:ExactDuplicates",
        "rouge_l": "homespun.select.rules.rouge:RougeL",
        "minhash": "homespun.select.rules.minhash:MinHash",
        "contamination": "homespun.select.rules.contamination:Contamination",
        "semantic": "homespun.select.rules.semantic:Semantic",
        "semdedup": "homespun.select.rules.semantic:SemDedup",
        "prototypes": "homespun.select.rules.prototypes:Prototypes",
        "d4": "homespun.select.rules.prototypes:D4",
        "coverage": "homespun.select.rules.coverage:Coverage",
        "fact_balanced": "homespun.select.rules.facts:FactBalanced",
        "all": "homespun.select.rules.combine:AllOf",
        "any": "homespun.select.rules.combine:AnyOf",
    },
    "trainer": {"sft": "homespun.train.sft:Sft", "continual": "homespun.train.continual:Continual"},
    "evaluation": {
        "classification": "homespun.evaluate.classification:Classification",
        "closed_book": "homespun.evaluate.closed_book:ClosedBook",
        "general": "homespun.evaluate.general:General",
    },
    "section": {  # of the page of a run, in order
        "recommendation": "homespun.report.sections.advice:RECOMMENDATION",
        "exposure": "homespun.report.sections.curves:EXPOSURE",
        "reach": "homespun.report.sections.reach:REACH",
        "variants": "homespun.report.sections.curves:VARIANTS",
        "loss": "homespun.report.sections.curves:LOSS",
        "kinds": "homespun.report.sections.kinds:KINDS",
        "forgetting": "homespun.report.sections.forgetting:FORGETTING",
        "verdicts": "homespun.report.sections.verdicts:VERDICTS",
        "comparison": "homespun.report.sections.evaluated:COMPARISON",
        "numbers": "homespun.report.sections.evaluated:NUMBERS",
        "funnel": "homespun.report.sections.funnel:FUNNEL",
        "scores": "homespun.report.sections.scores:SCORES",
        "correlation": "homespun.report.sections.scores:CORRELATION",
        "training": "homespun.report.sections.training:TRAINING",
        "rows": "homespun.report.sections.rows:ROWS",
        "coverage": "homespun.report.sections.coverage:COVERAGE",
        "time": "homespun.report.sections.costs:COSTS",
        "made": "homespun.report.sections.made:MADE",
        "use": "homespun.report.sections.made:USE",
    },
}


class Strategy(BaseModel):
    """Base of everything that a recipe can name by `kind`: immutable, strict, picklable."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    group: ClassVar[str]  #: of the table above, and of entry points
    kind: str
    added: ClassVar[frozenset[str]] = frozenset()  #: settings that older runs had not: no change where at their default
    needs_task: ClassVar[bool] = True  #: False: works in a recipe that describes no task

    def check(self, task: Task) -> None:
        """Raise a UsageError when this strategy cannot do the task; called before anything runs."""

    def needs(self) -> frozenset[str]:
        """Return the score columns this strategy reads, as `scorer` or `scorer.column`."""
        return frozenset()


S = TypeVar("S", bound=Strategy)


def did_you_mean(name: str, known: list[str]) -> str:
    """Return ` Did you mean "x"?` for a near miss, else the empty string."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f' Did you mean "{close[0]}"?' if close else ""


def kinds(group: str) -> dict[str, str]:
    """Return every known kind of a group with where it comes from (`module:Class`)."""
    found = dict(BUILT_IN[group])
    for point in entry_points(group=f"homespun.{group}"):
        found.setdefault(point.name, point.value)  # a plug-in cannot replace a built-in
    return found


@cache
def find_any(group: str, kind: str) -> Any:
    """Import and return the class, or the section, behind a kind of a group.

    Raises:
        UsageError: no such kind (with a suggestion), or a plug-in that does not load.
    """
    known = kinds(group)
    if kind not in known:
        raise UsageError(
            f'unknown {group} kind "{kind}".{did_you_mean(kind, list(known))} Known kinds: {", ".join(sorted(known))}.'
            " Others come with plug-ins, which must be installed."
        )
    module_name, _, attribute = known[kind].partition(":")
    try:
        found = getattr(importlib.import_module(module_name), attribute)
    except Exception as error:  # whatever the code of others raises
        if kind in BUILT_IN[group]:
            raise
        place, what = known[kind], f"{type(error).__name__}: {error}"
        raise UsageError(
            f'the plug-in for {group} "{kind}" ({place}) does not load: {what}. Mend it, or uninstall it.'
        ) from error
    return found


def lookup(base: type[S], kind: str) -> type[S]:
    """Return the class behind a kind (see find_any); `base` is that of its group.

    Raises:
        UsageError: as find_any, or a plug-in whose class is none of the group or lacks what one has to say.
    """
    found = find_any(base.group, kind)
    if not (isinstance(found, type) and issubclass(found, base)):
        place = kinds(base.group)[kind]
        raise UsageError(f'the plug-in for {base.group} "{kind}" ({place}) is no {base.__name__} class')
    if lacks := sorted(found.__abstractmethods__):
        place = kinds(base.group)[kind]
        raise UsageError(f'the plug-in for {base.group} "{kind}" ({place}) lacks {", ".join(lacks)}')
    return found

"""How the run was made, and how to use what came out of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from homespun.report.format import said, visible
from homespun.report.page import Section
from homespun.run.readback import RunData


def view(run: RunData) -> Mapping[str, Any]:
    """Return the command, the recipe, and the manifest as small tables: loose values, then one per nested part."""
    manifest = {key: value for key, value in run.manifest.items() if key not in ("usage", "stages")}
    loose = [(key, [said(value)]) for key, value in manifest.items() if not isinstance(value, Mapping)]
    nested = [(part, _flat(values)) for part, values in manifest.items() if isinstance(values, Mapping)]
    return {
        "command": f"homespun run {run.root / 'recipe.yaml'} --out {run.root}",
        "recipe_yaml": run.recipe_yaml,
        "tables_title": "Versions, machine, models",
        "tables": ([("run", loose)] if loose else []) + nested,
    }


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, list[str]]]:
    lines: list[tuple[str, list[str]]] = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            lines += _flat(value, f"{prefix}{key} ")
        else:
            lines.append((f"{prefix}{key}", [said(value)]))
    return lines


def view_use(run: RunData) -> Mapping[str, Any]:
    """Return commands that use the result, and where it is."""
    commands: list[tuple[str, str]] = []
    if run.cards:
        arm = f"{run.root} --arm {_best_arm(run)}"
        commands = [
            ("Apply the tuned model to a file", f"homespun predict {arm} FILE"),
            (
                "Write a model folder that transformers and vLLM load",
                f"homespun export {arm} --model merged --out tuned-model",
            ),
            ("Serve it", "vllm serve ./tuned-model"),
            (
                "Write the chosen rows for another trainer",
                f"homespun export {arm} --format messages --out rows.jsonl",
            ),
        ]
    files = [
        (f"{arm}, {what}", [Markup("<code>{}</code>").format(visible(path))])
        for arm, found in run.files.items()
        for what, path in found.items()
    ]
    return {"commands": commands, "files": files}


def _best_arm(run: RunData) -> str:
    """Return the arm that the run advises or the recipe's with the highest primary metric, for the examples."""
    if advised := run.results.get("recommendation"):
        return str(advised["choice"]["arm"])
    arms = [arm for arm in run.arms if arm in run.recipe.arms] or list(run.arms)
    evaluation, metric = run.primary
    entries = run.results["evaluations"].get(evaluation, {"arms": {}})["arms"]
    known = [arm for arm in arms if arm in entries]
    return max(known, key=lambda arm: entries[arm]["metrics"][metric]["mean"]) if known else arms[0]


MADE = Section("How it was made", "made.html", view)
USE = Section("Use the result", "use.html", view_use)

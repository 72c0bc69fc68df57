"""The commands: parse, call, print. No logic of their own; how the process ends is cli.py's business.

A command returns its exit code. Imports stay inside the commands, so `homespun --help` answers at once.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

PARTIAL = 2

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Fine-tune a language model on data it writes for itself, and prove which rows were worth keeping.",
)
models_app = typer.Typer(help="Models that come without a server: list, pull.", no_args_is_help=True)
app.add_typer(models_app, name="models")

RecipeFile = Annotated[Path, typer.Argument(help="a recipe (YAML)")]
RunDir = Annotated[Path, typer.Argument(help="a run directory")]
ArmName = Annotated[str, typer.Option("--arm", help="an arm of the run")]
Seed = Annotated[int | None, typer.Option("--seed", help="training seed; default: the arm's first")]

DocumentsIn = Annotated[
    Path, typer.Option("--documents", help="a folder or file: txt, md, html, pdf, docx; jsonl, csv, parquet")
]
Column = Annotated[
    list[str] | None, typer.Option(metavar="ROLE=FIELD", help="of a data file, e.g. text=passage; may repeat")
]
ChunkSize = Annotated[
    int | None, typer.Option(metavar="TOKENS", help="length of pieces; 0: none; default: 300 for text files")
]
Encoding = Annotated[str | None, typer.Option(help="of text files that are not UTF-8, e.g. cp1252")]
SkipUnreadable = Annotated[bool, typer.Option("--skip-unreadable", help="go on without scanned or broken files")]


def _say(*lines: str) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()


def _progress() -> Any:
    from homespun.engine.progress import best_for

    return best_for(sys.stderr)


@app.command()
def run(
    recipe: RecipeFile,
    out: Annotated[Path | None, typer.Option(help="run directory; default runs/NAME")] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="change the recipe: train.epochs=3")
    ] = None,
    arms: Annotated[str | None, typer.Option(help="only these arms, with commas between")] = None,
    retry_failed: Annotated[bool, typer.Option(help="ask servers again for rows that failed")] = False,
) -> int:
    """Run a recipe. The same command again goes on where the last one stopped."""
    from homespun.recipe.recipefile import load
    from homespun.run import loop
    from homespun.run.outcome import more
    from homespun.run.replicates import draws_of
    from homespun.run.stages import PAGE

    loaded = load(recipe, overrides or [])
    folder = out or Path("runs") / loaded.name
    chosen = [name.strip() for name in arms.split(",") if name.strip()] if arms else None
    outcome = loop.run(loaded, folder, arms=chosen, progress=_progress(), retry_failed=retry_failed)
    if not outcome.fresh:
        _say(f"nothing to do: {folder} is complete\n")
    _say(*outcome.summary)
    if options := more(loaded, outcome.results):
        same = "".join(f" --set {shlex.quote(change)}" for change in overrides or [])
        same += f" --arms {arms}" if arms else ""
        anew = draws_of(loaded) == "split"  # other parts, so nothing of this run can be kept
        told = "in a directory of their own" if anew else "beside these"
        _say(f"more replicates, {told}: homespun run {recipe} --out {folder}{'-larger' * anew}{same} {options}")
    if loaded.paged:
        _say(f"report: {folder / PAGE}")
    else:
        form = "messages" if any(one.gives.answer for one in loaded.generate.values()) else "text"
        arm = "".join(f"--arm {name} " for name in [*(chosen or loaded.arms)][:1])
        _say(f"next: homespun export {folder} {arm}--format {form} --out rows.jsonl; homespun report {folder}")
    return PARTIAL if outcome.missing else 0


@app.command()
def plan(
    recipe: RecipeFile,
    out: Annotated[Path | None, typer.Option(help="run directory; default runs/NAME")] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="change the recipe: train.epochs=3")
    ] = None,
    worth: Annotated[
        float | None, typer.Option(help="points that a verdict should be able to show; says how many replicates")
    ] = None,
) -> int:
    """Try a handful of rows of every stage and say what the run will take, and which differences it can show."""
    from homespun.recipe.recipefile import load
    from homespun.run import planview
    from homespun.run.plan import plan as estimate

    loaded = load(recipe, [*(overrides or []), *([f"worth={worth:g}"] if worth is not None else [])])
    folder = out or Path("runs") / loaded.name
    _say(*planview.lines(estimate(loaded, folder, _progress()), folder, loaded.budget))
    return 0


@app.command()
def report(folder: RunDir) -> int:
    """Write the report of a run again and say where it is."""
    from homespun.report import page

    _say(str(page.rewrite(folder)))
    return 0


@app.command()
def ledger(
    folder: RunDir,
    row: Annotated[str | None, typer.Option(help="show every attempt for this row, as JSON lines")] = None,
) -> int:
    """Show what models were asked and what they answered: counts, tokens, failures by kind."""
    from homespun.data.store import Store
    from homespun.recipe.recipefile import prices_in
    from homespun.run import ledgerview

    path = Store(folder).path("ledger.db")
    found = ledgerview.answers(path, row) if row else ledgerview.summary(path, prices_in(folder / "recipe.yaml"))
    _say(*found)
    return 0


@app.command()
def predict(
    folder: RunDir,
    file: Annotated[Path, typer.Argument(help="JSONL, CSV or Parquet with the task's fields")],
    arm: ArmName,
    seed: Seed = None,
    out: Annotated[Path | None, typer.Option(help="JSONL to write; default: standard output")] = None,
) -> int:
    """Apply a tuned model to a file."""
    from homespun.run import use

    lines = use.predict(folder, arm, file, seed, _progress())
    if out is None:
        _say(*lines)
    else:
        out.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        _say(f"{len(lines)} predictions in {out}")
    return 0


@app.command()
def export(
    folder: RunDir,
    out: Annotated[Path, typer.Option(help="file (rows) or folder (model) to write")],
    arm: Annotated[str | None, typer.Option("--arm", help="an arm of the run, where it has some")] = None,
    format: Annotated[
        str | None, typer.Option(help="rows: messages, prompt-completion, alpaca, sharegpt, parquet; text (variants)")
    ] = None,
    model: Annotated[str | None, typer.Option(help="model: merged or adapter")] = None,
    seed: Seed = None,
) -> int:
    """Write an arm's rows for another trainer, or its tuned model for transformers and vLLM."""
    from homespun.errors import UsageError

    if (format is None) == (model is None):
        raise UsageError("give either --format (rows) or --model (the tuned model)")
    if format is not None:
        from homespun.run.export import export_rows

        _say(export_rows(folder, arm, format, out, seed))
    else:
        from homespun.run.use import export_model

        if arm is None:
            raise UsageError("--arm is missing: whose model?")
        _say(export_model(folder, arm, str(model), out, seed))
    return 0


@app.command()
def select(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="JSONL, CSV, Parquet, or a dataset folder (docs/select.md)")
    ],
    out: Annotated[Path | None, typer.Option(help="write what is kept: .jsonl, .csv or .parquet")] = None,
    field: Annotated[
        list[str] | None, typer.Option(help='what rules compare: a field (default: text), or "{question} {answer}"')
    ] = None,
    output: Annotated[str | None, typer.Option(help="a field with the output or label of a record")] = None,
    within: Annotated[str | None, typer.Option(metavar="FIELD", help="compare and rank within its values")] = None,
    exact: Annotated[bool, typer.Option("--exact", help="drop copies (case, width and spacing do not count)")] = False,
    against: Annotated[
        list[str] | None, typer.Option(metavar="FILE", help="drop what stands in an evaluation set; may repeat")
    ] = None,
    at_least: Annotated[
        list[str] | None, typer.Option(metavar="FIELD:VALUE", help="keep where a number is at least; may repeat")
    ] = None,
    at_most: Annotated[
        list[str] | None, typer.Option(metavar="FIELD:VALUE", help="keep where a number is at most; may repeat")
    ] = None,
    minhash: Annotated[
        str | None, typer.Option(metavar="T", help="drop near copies of long texts: Jaccard > T")
    ] = None,
    rouge_l: Annotated[str | None, typer.Option(metavar="T", help="drop near copies: ROUGE-L F > T, e.g. 0.7")] = None,
    semantic: Annotated[str | None, typer.Option(metavar="T", help="drop what means the same: cosine > T")] = None,
    semdedup: Annotated[str | None, typer.Option(metavar="T", help="the same within clusters, for large sets")] = None,
    d4: Annotated[
        str | None, typer.Option(metavar="SHARE", help="SemDeDup, then SSL prototypes: keep this share")
    ] = None,
    perplexity: Annotated[
        str | None, typer.Option(metavar="PART:SHARE", help="low:0.5, middle:0.5 or high:0.5 under --model")
    ] = None,
    top: Annotated[
        list[str] | None, typer.Option(metavar="FIELD:SHARE", help="keep the highest, e.g. quality:0.5; may repeat")
    ] = None,
    bottom: Annotated[list[str] | None, typer.Option(metavar="FIELD:SHARE", help="keep the lowest; may repeat")] = None,
    random: Annotated[str | None, typer.Option(metavar="SHARE", help="keep by lot: a share or a number")] = None,
    rules: Annotated[Path | None, typer.Option(help="YAML with models, score, select, as in a recipe")] = None,
    embeddings: Annotated[
        str | None, typer.Option(metavar="FIELD|MODEL", help="a field with vectors, embedded, PATH, hub id, URL#MODEL")
    ] = None,
    model: Annotated[str | None, typer.Option(help="scores perplexity; default: embedded")] = None,
    verdicts: Annotated[Path | None, typer.Option(help="write why each dropped record was dropped")] = None,
    report: Annotated[Path | None, typer.Option(help="write a web page about the selection")] = None,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="select nothing: how near are rows by ROUGE-L, and which threshold fits")
    ] = False,
    language: Annotated[str | None, typer.Option(help="en or ja; default: by the script of the text")] = None,
    own_id: Annotated[str, typer.Option("--id", metavar="FIELD", help="names a record in the verdicts")] = "id",
    seed: Annotated[int, typer.Option(help="of rules that draw by lot")] = 0,
) -> int:
    """Apply rules to files of records and write what they keep, unchanged and in order."""
    from homespun.select.files.command import look_at
    from homespun.select.files.command import select as apply
    from homespun.select.files.outcome import Request

    given = {
        "--exact": "" if exact else None, "--against": _lines(against), "--at-least": _lines(at_least),
        "--at-most": _lines(at_most), "--minhash": minhash, "--rouge-l": rouge_l, "--semantic": semantic,
        "--semdedup": semdedup, "--d4": d4, "--perplexity": perplexity, "--top": _lines(top),
        "--bottom": _lines(bottom), "--random": random,
    }  # fmt: skip
    request = Request(
        files, out, tuple(field or ("text",)), output, own_id, within, language,
        {option: value for option, value in given.items() if value is not None},
        rules, embeddings, model, verdicts, report, seed,
    )  # fmt: skip
    outcome = look_at(request, _progress()) if calibrate else apply(request, _progress())
    _say(*outcome.lines())
    return PARTIAL if outcome.intake.partial else 0


@app.command()
def init(
    name: Annotated[str, typer.Argument(help="a recipe of `homespun recipes`")],
    folder: Annotated[Path, typer.Option("--out", help="where to put it")] = Path("."),
) -> int:
    """Copy a recipe that comes with the package, with its data, to start from."""
    from homespun.recipe import shipped

    for path in shipped.copy(name, folder):
        _say(f"wrote {path}")
    _say(f"next: homespun run {folder / (name + '.yaml')}")
    return 0


@app.command()
def recipes() -> int:
    """List the recipes that come with the package."""
    from homespun.recipe import shipped

    for name, about in shipped.listing():
        _say(f"{name:<20} {about}")
    return 0


@app.command()
def corpus(
    out: Annotated[Path, typer.Option(help="folder to write documents.jsonl, questions.jsonl and card.json to")],
    language: Annotated[str, typer.Option(help="en or ja")] = "en",
    documents: Annotated[int, typer.Option(help="how many, over five categories")] = 50,
    seed: Annotated[int, typer.Option(help="another seed, another world")] = 0,
) -> int:
    """Write documents of made-up companies with questions, to measure what a model learns from documents."""
    from homespun.sources.corpus import files

    _say(*files.make(out, language, documents, seed))
    return 0


@app.command()
def documents(
    path: Annotated[Path, typer.Argument(help="a folder or file: txt, md, html, pdf, docx; jsonl, csv, parquet")],
    column: Column = None,
    chunk: ChunkSize = None,
    skip_unreadable: SkipUnreadable = False,
    encoding: Encoding = None,
    limit: Annotated[int | None, typer.Option(min=1, help="only so many documents")] = None,
    show: Annotated[int, typer.Option(min=0, help="print so many, from the first on")] = 1,
) -> int:
    """Read documents as a run would: how many, how long, and what cannot be read."""
    from homespun.sources.documents.look import from_options, look

    for line in look(from_options(path, column or [], chunk, skip_unreadable, limit, encoding), show):
        _say(line)
    return 0


@app.command()
def questions(
    path: DocumentsIn,
    out: Annotated[Path, typer.Option(help="write the questions: .jsonl, .csv or .parquet")],
    model: Annotated[str, typer.Option(help="who writes them: embedded, PATH, hub id, URL#MODEL")] = "embedded",
    per_document: Annotated[int, typer.Option(help="questions about each document, at most")] = 8,
    language: Annotated[str | None, typer.Option(help="en or ja; default: by the script of the documents")] = None,
    split: Annotated[float, typer.Option(help="share marked train: for training text, not for a test")] = 0.0,
    column: Column = None,
    chunk: ChunkSize = None,
    skip_unreadable: SkipUnreadable = False,
    encoding: Encoding = None,
    limit: Annotated[int | None, typer.Option(min=1, help="only so many documents")] = None,
    seed: Annotated[int, typer.Option(help="another seed, other questions")] = 0,
) -> int:
    """Ask a model for questions about documents; keep those whose answer stands in the document word for word."""
    from homespun.run.questions import Wish, make
    from homespun.sources.documents.look import from_options

    source = from_options(path, column or [], chunk, skip_unreadable, limit, encoding)
    _say(*make(source, Wish(out, model, per_document, language, split, seed), _progress()))
    return 0


@app.command()
def schema() -> int:
    """Print the JSON Schema of a recipe, for editors."""
    import json

    from homespun.recipe.schema import json_schema

    _say(json.dumps(json_schema(), ensure_ascii=False, indent=1))
    return 0


@models_app.command("list")
def models_list() -> int:
    """Say which models there are and where they are kept."""
    from homespun.models.embedded import list_models

    for model in list_models():
        where = str(model.path) if model.path else f"not pulled; run: homespun models pull {model.name}"
        _say(f"{model.name:<10} {model.title:<26} {model.licence:<11} {model.size_bytes / 1e6:>4.0f} MB  {where}")
    return 0


@models_app.command("pull")
def models_pull(name: Annotated[str, typer.Argument(help="smollm2")]) -> int:
    """Fetch an embedded model and convert it once."""
    from homespun.errors import UsageError
    from homespun.models.embedded import pull_smollm2

    if name != "smollm2":
        raise UsageError(f'there is no embedded model "{name}"; there is: smollm2')
    _say(str(pull_smollm2(_progress())))
    return 0


def _lines(values: list[str] | None) -> str | None:
    return "\n".join(values) if values else None


def _version(show: bool) -> None:
    if show:
        from homespun import __version__

        _say(__version__)
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="print the version and leave")
    ] = False,
) -> None:
    pass

"""Scripted runs of generators of variants: two documents, a faithful writer, and what is told on the way."""

from __future__ import annotations

from homespun.data.records import Document, Record
from homespun.data.store import Store
from homespun.engine.context import Context, Models
from homespun.engine.progress import Silent
from homespun.models.scripted import ScriptedModel
from homespun.task import ModelSpec

TEXTS = {"a": "Junarix weighs 340 g and is made of copper.", "b": "The Preligan pump lifts 75 litres of water an hour."}
FAITHFUL = {
    "a": "There is a copper thing of 340 g, and its name is Junarix",
    "b": "Of water, 75 litres an hour: so much the pump of Preligan lifts",
}


class Telling(Silent):
    def __init__(self):
        self.said = []

    def say(self, text):
        self.said.append(text)


def documents(*names):
    return [Document(name, "", TEXTS[name], "product") for name in names]


def context(found, reply, model=None, language="en", seed=0):
    model = model or ScriptedModel(reply=reply)
    models = Models({"writer": ModelSpec(id="scripted:test")}, lambda _: model)
    records = [Record(document.id, document) for document in found]
    return Context(None, language, seed, models, Telling(), sources={"documents": lambda: iter(records)})


def run(tmp_path, spec, ctx):
    with Store.open(tmp_path / "run") as store:
        return list(spec("pool", ctx, store.work("pool/pool", "f")))


def word(request):
    """Return a word that is another one for another seed."""
    return "".join(chr(97 + int(digit)) for digit in str(request.seed))


def of(request):
    return next(name for name, text in TEXTS.items() if text in request.messages[-1][1])


def faithful(request):
    return f"Here is the rewritten text:\n\n{FAITHFUL[of(request)]}, version {word(request)}."

"""The documents and questions that come with the knowledge recipes are those of `homespun corpus`."""

from __future__ import annotations

from homespun.recipe import shipped
from homespun.recipe.recipefile import load
from homespun.sources.corpus.files import make


def test_the_shipped_documents_are_what_the_command_writes(tmp_path):
    make(tmp_path / "corpus", "en", 5, 0)
    for name in ("documents.jsonl", "questions.jsonl"):
        shipped_bytes = (shipped.FOLDER / "data/knowledge" / name).read_bytes()
        assert shipped_bytes == (tmp_path / "corpus" / name).read_bytes()


def test_a_copy_of_the_recipe_finds_its_documents_and_questions(tmp_path):
    for name in ("knowledge", "knowledge-documents"):
        shipped.copy(name, tmp_path / name)
        recipe = load(tmp_path / name / f"{name}.yaml")
        source, questions = recipe.sources["documents"], recipe.evaluate["closed_book"]
        assert len(list(source())) == 5
        assert len(questions.load_items(None)) == 80

"""The corpus of made-up companies: what it promises, for both languages, many seeds and sizes."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import LCSseq

from homespun.errors import DegenerateError, HomespunError, StoreError, UsageError
from homespun.sources.corpus import files
from homespun.sources.corpus.builder import LIMIT, build, numbers
from homespun.sources.corpus.check import check
from homespun.sources.corpus.pools import expand, names, shuffled
from homespun.sources.corpus.templates import CATEGORIES, LANGUAGES, load
from homespun.text.normalise import script_share
from homespun.text.tokens import count_tokens
from homespun.text.words import words

HOMESPUN = str(Path(sys.executable).parent / "homespun")
GOLDEN = {  # documents.jsonl, questions.jsonl
    "en": ("6b8cce572aba6c16", "2801a6802498038c"),
    "ja": ("9460d895b106aae6", "2bbc3ce6f74bc2eb"),
}
PLAIN = {"en": "fa6cabe260103f78", "ja": "5a5a22eb63f61ab5"}  # documents.jsonl as it was before wordings and questions


def homespun(*options: object, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [HOMESPUN, *map(str, options)], capture_output=True, text=True, env={**os.environ, **env}, check=False
    )


def read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


# Pools


def test_a_pattern_lists_all_its_values():
    lists = {"way": ["folding", "sliding"], "part": ["lid", "tray"]}
    assert expand("{way} {part}", lists) == ["folding lid", "folding tray", "sliding lid", "sliding tray"]
    assert expand("{210..212} g", {}) == ["210 g", "211 g", "212 g"]
    assert expand("{1.15..1.17} times", {}) == ["1.15 times", "1.16 times", "1.17 times"]
    assert expand("${980..1010/10:,}", {}) == ["$980", "$990", "$1,000", "$1,010"]
    assert expand("{2009..2010}年{1..2}月", {}) == ["2009年1月", "2009年2月", "2010年1月", "2010年2月"]
    with pytest.raises(KeyError, match="nothing"):
        expand("{nothing}", lists)


def test_a_name_has_a_piece_of_every_column_and_no_blocked_word():
    assert names(["So Mi", "ny ra"], ["sony"]) == ["Sora", "Miny", "Mira"]
    assert names(["タカ", "ナ ソニー"], ["ソニー"]) == ["タカナ"]


def test_no_made_up_name_is_a_brand():
    brands = "sony canon toyota nike ikea lego bosch panasonic パナソニック トヨタ ソニー カシオ ヤナセ エルモ".split()
    for language in LANGUAGES:
        for category in load(language):
            made = [*category.subjects, *(value for slot in category.slots if slot.is_name for value in slot.pool)]
            assert len(made) > 1000
            found = [name for name in made for brand in brands if brand in name.casefold()]
            assert found == []


def test_no_japanese_name_is_a_word_of_the_dictionary():
    sudachi = pytest.importorskip("sudachipy")
    tokenizer = sudachi.Dictionary(dict="small").tokenizer(mode=sudachi.SplitMode.C)
    made = {name for c in load("ja") for name in c.subjects}
    made |= {value for c in load("ja") for slot in c.slots if slot.is_name for value in slot.pool}
    known = [name for name in made for parts in [tokenizer.tokenize(name)] if len(parts) == 1 and not parts[0].is_oov()]
    assert len(made) > 5000 and known == []


def test_an_order_depends_on_values_and_key_alone():
    assert shuffled(["a", "b", "c", "d"], "x") == shuffled(["d", "c", "b", "a"], "x")
    assert shuffled(map(str, range(9)), "x") != shuffled(map(str, range(9)), "y")


def test_numbers_of_an_answer():
    assert numbers("$4,350") == {Decimal(4350)}
    assert numbers("2021年3月14日") == {Decimal(2021), Decimal(3), Decimal(14)}
    assert numbers("2.40 times") == {Decimal("2.4")}
    assert numbers("３４０ｇ") == {Decimal(340)}
    assert numbers("a folding tray") == set()


def test_tokens_counted_by_hand():
    assert count_tokens("It weighs 340 g.", "en") == 5
    assert count_tokens("重量は340gです。", "ja") == 7  # 重量 は 340 g で す 。


# Templates


@pytest.mark.parametrize("language", LANGUAGES)
def test_templates_are_whole_and_test_wordings_are_not_those_of_training(language):
    categories = load(language)
    assert tuple(category.name for category in categories) == CATEGORIES
    wordings = Counter(wording for c in categories for slot in c.slots for wording in (*slot.train, *slot.test))
    assert max(wordings.values()) == 1
    for category in categories:
        assert len(category.slots) == 8 and len(category.texts) == 2
        assert not numbers("".join(category.texts))  # every number of a document belongs to a fact
        for text in category.texts:
            assert "{subject}" in text and all(text.count(f"{{{slot.attribute}}}") >= 1 for slot in category.slots)
        for slot in category.slots:
            assert len(slot.train) == 3 and len(slot.test) == 2
            assert all("{subject}" in wording and "{value}" not in wording for wording in (*slot.train, *slot.test))
            assert "{value}" in slot.reverse and "{subject}" not in slot.reverse
            assert len(slot.wordings) == 8
            assert all("{value}" in said and "{subject}" in said for said in (slot.fact, *slot.wordings))
            assert len(slot.pool) == len(set(slot.pool)) > 1.25 * LIMIT / len(CATEGORIES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_test_wordings_are_far_from_those_of_training(language):
    for category in load(language):
        for slot in category.slots:
            for test in slot.test:
                for given_ in (*slot.train, slot.fact, *slot.wordings):
                    a, b = (words(wording.format(subject="X", value="V"), language) for wording in (test, given_))
                    assert 2 * LCSseq.similarity(a, b) / (len(a) + len(b)) < 0.75, (test, given_)


@pytest.mark.parametrize("language", LANGUAGES)
def test_facts_of_one_category_agree_across_languages(language):
    for here, there in zip(load(language), load("en"), strict=True):
        assert [slot.attribute for slot in here.slots] == [slot.attribute for slot in there.slots]


# The corpus


def promises(corpus) -> None:
    """What the guide says, by other means than the builder's own check."""
    texts = {document["id"]: document["text"] for document in corpus.documents}
    category = {document["id"]: document["category"] for document in corpus.documents}
    for question in corpus.questions:
        holders = [
            name
            for name, text in texts.items()
            if category[name] == question["category"] and question["answer"].lower() in text.lower()
        ]
        assert holders == [question["document"]], question
        assert question["answer"] not in question["question"]
    subjects = {document["facts"][0]["subject"] for document in corpus.documents}
    assert len(subjects) == len(corpus.documents)
    for document in corpus.documents:
        assert 100 <= count_tokens(document["text"], corpus.language) <= 150
        found = [number for fact in document["facts"] for number in numbers(fact["value"])]
        assert len(found) == len(set(found))
        for fact in document["facts"]:
            assert set(fact) == {"subject", "attribute", "value", "sentence", "wordings", "questions"}
            assert fact["value"] in document["text"] and fact["value"] in fact["sentence"]
            assert fact["subject"] in document["text"] and fact["subject"] in fact["sentence"]
            statements = {fact["sentence"], *fact["wordings"]}
            assert len(fact["wordings"]) == 8 and len(statements) == 9
            assert len(set(fact["questions"])) == 3
            assert all(said.count(fact["value"]) == said.count(fact["subject"]) == 1 for said in statements)
            assert all(numbers(said) == numbers(fact["value"]) for said in statements)
            assert all(fact["subject"] in asked and fact["value"] not in asked for asked in fact["questions"])
            assert sum(said.index(fact["value"]) < said.index(fact["subject"]) for said in statements) >= 2
    sizes = Counter(category.values())
    assert max(sizes.values()) - min(sizes.values()) <= 1
    per_document = Counter((question["document"], question["split"]) for question in corpus.questions)
    assert set(per_document.values()) == {8} and len(per_document) == 3 * len(texts)
    by_split = {
        split: {question["question"] for question in corpus.questions if question["split"] == split}
        for split in ("train", "test", "reverse")
    }
    assert all(len(asked) == 8 * len(texts) for asked in by_split.values())
    assert not by_split["train"] & by_split["test"]
    given_ = {asked for document in corpus.documents for fact in document["facts"] for asked in fact["questions"]}
    assert by_split["train"] <= given_ and not by_split["test"] & given_


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("documents", "seed"), [(50, 0), (50, 1), (50, 2), (50, -7), (7, 3), (1, 4), (120, 5)])
def test_promises_hold(language, documents, seed):
    corpus = build(language, documents, seed)
    assert len(corpus.documents) == documents
    check(corpus)
    promises(corpus)


@pytest.mark.parametrize("language", LANGUAGES)
def test_promises_hold_for_five_hundred_documents(language):
    corpus = build(language, 500)
    check(corpus)
    assert len(corpus.documents) == 500
    smaller = build(language, 50)  # a larger corpus goes on where a smaller one ends
    assert corpus.documents[:50] == smaller.documents and corpus.questions[: 50 * 24] == smaller.questions


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("seed", range(3))
def test_promises_hold_for_as_many_documents_as_allowed(language, seed):
    check(build(language, LIMIT, seed))


@settings(max_examples=20)
@given(language=st.sampled_from(LANGUAGES), seed=st.integers(-(10**20), 10**20), documents=st.integers(1, 25))
def test_promises_hold_for_any_seed(language, seed, documents):
    corpus = build(language, documents, seed)
    check(corpus)
    promises(corpus)


def test_another_seed_is_another_world():
    one, other = (build("en", 50, seed) for seed in (0, 1))
    assert one.documents != other.documents
    values = [{fact["value"] for d in corpus.documents for fact in d["facts"]} for corpus in (one, other)]
    assert len(values[0] & values[1]) < 0.1 * len(values[0])


def test_both_texts_of_a_category_and_all_wordings_are_used():
    corpus = build("en", 500)
    product = [document["text"] for document in corpus.documents if document["category"] == "product"]
    designed = sum(text.startswith("Designed for") for text in product)
    assert 35 <= designed <= 65  # of 100
    weights = [q["question"] for q in corpus.questions if q["attribute"] == "weight" and q["split"] == "test"]
    assert 35 <= sum(question.startswith("State") for question in weights) <= 65


def test_japanese_is_japanese():
    corpus = build("ja", 50)
    for document in corpus.documents:
        assert " " not in document["text"] and script_share(document["text"], "ja") > 0.9
        assert document["text"].endswith("。")
    assert all(question["question"].endswith("。") for question in corpus.questions)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_default_corpus_never_changes_silently(tmp_path, language):
    """A run is compared with earlier ones on the same corpus; change these hashes only on purpose.

    Wordings and questions came later than the rest: texts, values and questions.jsonl are those of before.
    """
    files.make(tmp_path, language)
    found = tuple(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()[:16] for name in files.FILES)
    assert found == GOLDEN[language]
    documents = read(tmp_path / "documents.jsonl")
    for document in documents:
        for stated in document["facts"]:
            del stated["wordings"], stated["questions"]
    plain = "".join(json.dumps(document, ensure_ascii=False) + "\n" for document in documents)
    assert hashlib.sha256(plain.encode()).hexdigest()[:16] == PLAIN[language]


# The check


@cache
def sound():
    return build("en", 10)


def broken(change):
    corpus = copy.deepcopy(sound())
    change(corpus)
    return corpus


def weight(corpus, key, value):
    question = next(q for q in corpus.questions if q["id"] == "product-001-weight-test")
    question[key] = value


def fact(corpus, index, key, value):
    document = corpus.documents[1]
    old = document["facts"][index][key]
    document["text"] = document["text"].replace(old, value)
    for stated in document["facts"]:
        for name, said in stated.items():
            stated[name] = (
                [text.replace(old, value) for text in said] if isinstance(said, list) else said.replace(old, value)
            )


def weigh(corpus, key, change):
    """Change the wordings or questions of a product's weight."""
    stated = corpus.documents[1]["facts"][7]
    stated[key] = change(stated)


def repeat_train_question(corpus):
    first, second = (q for q in corpus.questions if q["id"] in ("product-001-weight-train", "product-002-weight-test"))
    names_ = [corpus.documents[index]["facts"][0]["subject"] for index in (1, 6)]
    second["question"] = first["question"].replace(*names_)


def two_facts(corpus):
    feature = corpus.documents[1]["facts"][1]["value"]
    weigh(corpus, "wordings", lambda f: [*f["wordings"], f"{f['subject']} weighs {f['value']} with its {feature}."])


def give_test_question(corpus):
    asked = next(q["question"] for q in corpus.questions if q["id"] == "product-001-weight-test")
    weigh(corpus, "wordings", lambda f: [*f["wordings"], f"{asked} {f['value']}"])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda c: weight(c, "answer", "1 g"), "not in its document"),
        (lambda c: weight(c, "answer", "g"), "another document of the category"),
        (lambda c: weight(c, "question", f"{c.documents[1]['facts'][7]['value']}?"), "gives its answer away"),
        (lambda c: weight(c, "question", c.documents[1]["text"][:40]), "stands in a document"),
        (lambda c: weight(c, "id", "product-001-power-test"), "repeated question id"),
        (repeat_train_question, "both for training and for testing"),
        (lambda c: c.questions.pop(), "not 8 questions"),
        (lambda c: weight(c, "document", "product-009"), "about no document"),
        (lambda c: c.documents[5].update(category="product"), "more than one document"),
        (lambda c: c.documents[0].update(text=c.documents[0]["text"][:200]), "tokens"),
        (lambda c: c.documents[0]["facts"].pop(), "facts"),
        (lambda c: c.documents[0]["facts"][0].update(value="Nobody"), "not in the text"),
        (lambda c: c.documents[0]["facts"][0].update(sentence="It is so."), "vague"),
        (lambda c: weigh(c, "wordings", lambda f: f["wordings"][:4]), "has 4, not 5 or more"),
        (lambda c: weigh(c, "wordings", lambda f: [*f["wordings"], f["sentence"].upper()]), "repeated wording"),
        (lambda c: weigh(c, "wordings", lambda f: [*f["wordings"], "It weighs 776 g."]), "vague statement"),
        (
            lambda c: weigh(c, "wordings", lambda f: [*f["wordings"], f"{f['subject']} is no 1: {f['value']}"]),
            "no fact",
        ),
        (lambda c: weigh(c, "questions", lambda f: f["questions"][:2]), "has 2, not 3"),
        (lambda c: weigh(c, "questions", lambda f: [*f["questions"][:2], "How heavy is it?"]), "vague question"),
        (lambda c: weigh(c, "questions", lambda f: [*f["questions"][:2], f["sentence"]]), "gives its answer away"),
        (lambda c: weigh(c, "questions", lambda f: [*f["questions"][:2], f"Is {f['subject']} one of 9?"]), "no fact"),
        (lambda c: weigh(c, "questions", lambda f: [f"{q} Really?" for q in f["questions"]]), "is not given"),
        (two_facts, "a statement of two facts"),
        (give_test_question, "near a text that is given"),
        (lambda c: weight(c, "attribute", "colour"), "about no fact"),
        (lambda c: c.documents[1].update(text=c.documents[1]["text"] + " 77"), "belongs to no fact"),
        (lambda c: c.documents[1]["facts"][6].update(value=c.documents[1]["facts"][7]["value"]), "in two facts"),
        (lambda c: fact(c, 0, "subject", c.documents[5]["facts"][0]["subject"]), "a repeated name"),
        (lambda c: fact(c, 4, "value", c.documents[6]["facts"][4]["value"].upper()), "a repeated name"),
        (lambda c: fact(c, 4, "value", c.documents[6]["facts"][4]["value"][:-1]), "a part of another"),
        (lambda c: c.documents[1].update(title=c.documents[6]["title"]), "repeated title"),
    ],
)
def test_the_check_finds_every_broken_promise(change, says):
    with pytest.raises(DegenerateError, match=says):
        check(broken(change))


# Files and the command


def test_the_command_writes_the_corpus_and_says_what_a_guess_is_worth(tmp_path):
    out = tmp_path / "new" / "corpus"
    done = homespun("corpus", "--out", out)
    assert done.returncode == 0, done.stderr
    documents, questions = (read(out / name) for name in files.FILES)
    card = json.loads((out / "card.json").read_text())
    assert set(documents[0]) == {"id", "category", "title", "text", "facts"}
    assert set(questions[0]) == {"id", "document", "category", "attribute", "question", "answer", "split"}
    assert card["documents"] == len(documents) == 50 and card["categories"] == dict.fromkeys(CATEGORIES, 10)
    assert card["questions"] == {"train": 400, "test": 400, "reverse": 400} == Counter(q["split"] for q in questions)
    assert (card["seed"], card["language"]) == (0, "en")
    assert 100 <= card["tokens"]["least"] <= card["tokens"]["mean"] <= card["tokens"]["most"] <= 150
    assert card["chance"]["product"]["weight"] == 1 / 776  # 210 g to 985 g
    assert card["chance"]["product"]["launched"] == 1 / 360  # 12 months of 30 years
    assert card["chance_among_answers"]["product"] == 1 / 10
    assert "weight 776" in done.stdout and "400 test questions" in done.stdout
    means = [sum(1 / len(slot.pool) for slot in category.slots) / 8 for category in load("en")]
    assert card["chance_mean"]["forward"] == pytest.approx(sum(means) / 5)
    for name in files.FILES:
        assert card["sha256"][name] == hashlib.sha256((out / name).read_bytes()).hexdigest()


def test_seven_documents_in_japanese(tmp_path):
    files.make(tmp_path, "ja", 7, seed=3)
    card = json.loads((tmp_path / "card.json").read_text())
    assert card["categories"] == {"terms": 2, "product": 2, "procedure": 1, "glossary": 1, "company": 1}
    assert sum(card["questions"].values()) == 7 * 24
    few = tmp_path / "few"
    files.make(few, "en", 2)
    assert set(json.loads((few / "card.json").read_text())["chance"]) == {"terms", "product"}


def test_a_corpus_may_be_written_again_but_nothing_else_is_touched(tmp_path):
    files.make(tmp_path, "en", 5)
    first = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    files.make(tmp_path, "en", 5)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == first
    files.make(tmp_path, "en", 5, seed=1)
    assert (tmp_path / "documents.jsonl").read_bytes() != first["documents.jsonl"]
    (tmp_path / "notes.txt").write_text("mine")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(StoreError, match=r"holds other files \(notes.txt\)"):
        files.make(tmp_path, "en", 5)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_killed_command_leaves_no_card_and_the_next_one_makes_it_whole(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    files.make(whole, "en", 5)
    files.make(killed, "en", 5, seed=1)
    options = ("corpus", "--documents", 5, "--out", killed)
    assert homespun(*options, HOMESPUN_CRASH_AT="4").returncode == -9  # the questions are on disk, not yet in place
    assert {path.name for path in killed.iterdir()} == {"documents.jsonl", "questions.jsonl", "questions.jsonl.tmp"}
    assert homespun(*options).returncode == 0
    assert {p.name: p.read_bytes() for p in killed.iterdir()} == {p.name: p.read_bytes() for p in whole.iterdir()}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"language": "jp"}, 'there is no corpus in "jp"; give one of: en, ja'),
        ({"language": "EN"}, 'there is no corpus in "EN"; give one of: en, ja'),
        ({"documents": 0}, f"give 1 to {LIMIT}"),
        ({"documents": -5}, f"give 1 to {LIMIT}"),
        ({"documents": LIMIT + 1}, f"{LIMIT + 1} documents cannot be made; give 1 to {LIMIT}"),
    ],
)
def test_what_cannot_be_made_is_refused(tmp_path, options, says):
    with pytest.raises(UsageError, match=says):
        files.make(tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_where_nothing_can_be_written(tmp_path):
    taken = tmp_path / "file"
    taken.write_text("mine")
    with pytest.raises(StoreError, match="is a file"):
        files.make(taken, "en", 5)
    with pytest.raises(HomespunError, match="cannot write"):
        files.make(taken / "below", "en", 5)
    assert taken.read_text() == "mine"


def test_user_errors_of_the_command(tmp_path):
    for options, says in [((), "--out"), (("--out", tmp_path / "x", "--documents", 5000), f"give 1 to {LIMIT}")]:
        done = homespun("corpus", *options)
        assert done.returncode == 1 and says in done.stderr and "Traceback" not in done.stderr

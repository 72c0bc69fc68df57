"""What a corpus promises, checked on the finished documents and questions; nothing the builder did is trusted.

A corpus that breaks a promise would make a wrong answer look right (an answer that another document holds too) or a
right one look learned (a test question seen in training), so building ends here and nothing is written.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from homespun.data.records import JSONDict
from homespun.errors import DegenerateError
from homespun.near.rouge import rouge_l
from homespun.sources.corpus.builder import Corpus, numbers
from homespun.sources.corpus.templates import load
from homespun.text.normalise import comparable
from homespun.text.tokens import count_tokens
from homespun.text.words import words

TOKENS = (100, 150)  #: 125 +- 20 %
FACTS = 8
WORDINGS = 5  #: statements of a fact beside its sentence, at least
QUESTIONS = 3  #: training wordings of its question
NEAR = 0.75  #: ROUGE-L from which a text is near a test question


def check(corpus: Corpus) -> None:
    """Check every promise of a corpus.

    Raises:
        DegenerateError: one is broken; this is a defect of the templates, never of the command.
    """
    by_category: dict[str, list[JSONDict]] = defaultdict(list)
    for document in corpus.documents:
        by_category[document["category"]].append(document)
        _check_document(document, corpus.language)
    sizes = [len(documents) for documents in by_category.values()]
    _demand(max(sizes) - min(sizes) <= 1, "categories differ by more than one document", str(sizes))
    _unique("document id", (document["id"] for document in corpus.documents))
    _unique("title", (document["title"] for document in corpus.documents))
    _check_names(corpus)
    _check_questions(corpus, by_category)


def _check_names(corpus: Corpus) -> None:
    """A made-up name stands for one thing, and none is a part of another."""
    named = {(c.name, slot.attribute) for c in load(corpus.language) for slot in c.slots if slot.is_name}
    made = [comparable(document["facts"][0]["subject"]) for document in corpus.documents]
    for document in corpus.documents:
        made += [
            comparable(fact["value"])
            for fact in document["facts"]
            if (document["category"], fact["attribute"]) in named
        ]
    _unique("name", made)
    everything = "\n".join(made)
    inside = [name for name in made if everything.count(name) > 1]
    _demand(not inside, "a name that is a part of another", ", ".join(inside[:5]))


def _check_document(document: JSONDict, language: str) -> None:
    name, text, facts = document["id"], document["text"], document["facts"]
    tokens = count_tokens(text, language)
    _demand(TOKENS[0] <= tokens <= TOKENS[1], "tokens", f"{name} has {tokens}, not {TOKENS[0]} to {TOKENS[1]}")
    _demand(len(facts) == FACTS, "facts", f"{name} has {len(facts)}, not {FACTS}")
    stated = Counter(number for fact in facts for number in numbers(fact["value"]))
    repeated = [str(number) for number, count in stated.items() if count > 1]
    _demand(not repeated, "a number in two facts", f"{name}: {', '.join(repeated)}")
    _demand(numbers(text) == set(stated), "a number that belongs to no fact", name)
    for fact in facts:
        place = f"{name}: {fact['attribute']} {fact['value']!r}"
        _demand(fact["value"] in text and fact["subject"] in text, "a fact that is not in the text", place)
        statements = [fact["sentence"], *fact["wordings"]]
        _demand(len(statements) > WORDINGS, "wordings", f"{place} has {len(statements) - 1}, not {WORDINGS} or more")
        _unique(f"wording of {place}", map(comparable, statements))
        for said in statements:
            _demand(fact["value"] in said and fact["subject"] in said, "a vague statement", f"{place}: {said}")
            _demand(numbers(said) == numbers(fact["value"]), "a number that belongs to no fact", f"{place}: {said}")
            others = [other["value"] for other in facts if other is not fact and other["value"] in said]
            _demand(not others, "a statement of two facts", f"{place}: {said}")
        asked = fact["questions"]
        _demand(len(asked) == QUESTIONS, "questions", f"{place} has {len(asked)}, not {QUESTIONS}")
        _unique(f"question of {place}", map(comparable, asked))
        for question in asked:
            _demand(fact["subject"] in question, "a vague question", f"{place}: {question}")
            _demand(
                comparable(fact["value"]) not in comparable(question), "a question that gives its answer away", place
            )
            _demand(not numbers(question), "a number that belongs to no fact", f"{place}: {question}")


def _check_questions(corpus: Corpus, by_category: dict[str, list[JSONDict]]) -> None:
    plain = {document["id"]: comparable(document["text"]) for document in corpus.documents}
    everything = {
        category: "\n".join(plain[document["id"]] for document in documents)
        for category, documents in by_category.items()
    }
    for question in corpus.questions:
        _demand(question["document"] in plain, "a question about no document", question["id"])
        own, category, answer = plain[question["document"]], question["category"], comparable(question["answer"])
        place = f"{question['id']}: {question['answer']!r}"
        _demand(answer in own, "an answer that is not in its document", place)
        alone = everything[category].count(answer) == own.count(answer)
        _demand(alone, "an answer that another document of the category holds", place)
        asked = comparable(question["question"])
        _demand(answer not in asked, "a question that gives its answer away", place)
        _demand(asked not in everything[category], "a question that stands in a document", place)
    _check_wordings(corpus)
    _check_given(corpus)
    _unique("question id", (question["id"] for question in corpus.questions))
    _unique("question", (comparable(question["question"]) for question in corpus.questions))
    asked_of = Counter((question["document"], question["split"]) for question in corpus.questions)
    uneven = [f"{document}, {split}" for (document, split), count in asked_of.items() if count != FACTS]
    _demand(not uneven, f"not {FACTS} questions of a split", "; ".join(uneven[:5]))


def _check_wordings(corpus: Corpus) -> None:
    """No test question is a training question with another name in it."""
    subjects = {document["id"]: document["facts"][0]["subject"] for document in corpus.documents}
    wordings: dict[str, set[str]] = defaultdict(set)
    for question in corpus.questions:
        wordings[question["split"]].add(question["question"].replace(subjects[question["document"]], ""))
    shared = wordings["train"] & wordings["test"]
    _demand(not shared, "a wording both for training and for testing", "; ".join(sorted(shared)[:3]))


def _check_given(corpus: Corpus) -> None:
    """Documents give the questions of training, and no statement or question near a test question of the same fact."""
    facts = {(d["id"], fact["attribute"]): fact for d in corpus.documents for fact in d["facts"]}
    for question in corpus.questions:
        fact = facts.get((question["document"], question["attribute"]))
        _demand(fact is not None, "a question about no fact", question["id"])
        assert fact is not None
        if question["split"] == "train":
            _demand(question["question"] in fact["questions"], "a training question that is not given", question["id"])
        if question["split"] == "test":
            asked = words(question["question"], corpus.language, tokenizer="characters")
            for text in (fact["sentence"], *fact["wordings"], *fact["questions"]):
                near = rouge_l(words(text, corpus.language, tokenizer="characters"), asked)
                _demand(near < NEAR, "a test question near a text that is given", f"{question['id']}: {text}")


def _unique(what: str, values: Iterable[str]) -> None:
    repeated = [value for value, count in Counter(values).items() if count > 1]
    _demand(not repeated, f"a repeated {what}", ", ".join(repeated[:5]))


def _demand(holds: bool, what: str, place: str) -> None:
    if not holds:
        raise DegenerateError(f"the corpus breaks its own rule: {what} ({place}). Please report this: it is a defect")

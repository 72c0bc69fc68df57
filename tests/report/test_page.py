"""The report page as text: well formed, self-contained, escaped, complete, equal for equal data."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import knowledge
import pytest
import sample
from hypothesis import given, settings
from hypothesis import strategies as st

from homespun.data.records import Labelled, Scores
from homespun.errors import StoreError
from homespun.evaluate.base import ItemResult
from homespun.evaluate.classification import Classification
from homespun.evaluate.compare import compare
from homespun.evaluate.versus import Against
from homespun.report import page as report
from homespun.report.format import tied
from homespun.report.page import render, run_sections, write_page
from homespun.task import Task

VOID = {"meta", "br", "wbr"}
VARIANTS = {
    "no selecting arm": lambda: sample.sample(0),
    "one arm": lambda: sample.sample(1),
    "one seed": lambda: sample.sample(1, seeds=1),
    "five arms": lambda: sample.sample(5),
    "after generation": sample.after_generation,
    "after selection": sample.after_selection,
    "hostile": sample.hostile,
    "japanese": sample.japanese,
    "nothing": sample.empty,
    "documents": knowledge.knowledge,
    "documents, one seed": lambda: knowledge.knowledge(knowledge.FEW, 1),
    "documents, hostile": knowledge.hostile,
}


class Page(HTMLParser):
    """Checks nesting while it collects elements and their text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> repeats an attribute"
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> at {self.getpos()} closes another element"

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.texts.append((self.open[-1], data))

    @property
    def text(self) -> str:
        return " ".join(" ".join(data for _, data in self.texts).split())

    def within(self, tag: str) -> list[str]:
        return [data for found, data in self.texts if found == tag]


@pytest.fixture(scope="module", params=VARIANTS)
def page(request: pytest.FixtureRequest) -> str:
    return render(VARIANTS[request.param]())


def test_page_is_well_formed(page: str) -> None:
    found = Page(page)
    ids = [attrs["id"] for _, attrs in found.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    sections = [attrs["id"] for tag, attrs in found.elements if tag == "section"]
    known = list(run_sections())
    assert sections == [key for key in known if key in sections]
    assert set(sections) >= set(known[known.index("verdicts") :])
    links = [attrs["href"] for tag, attrs in found.elements if tag == "a"]
    assert links[1:] == [f"#{name}" for name in sections]
    assert links[0] in links[1:]  # past the contents to the first of them


def test_page_is_self_contained(page: str) -> None:
    found = Page(page)
    tags = {tag for tag, _ in found.elements}
    assert not tags & {"script", "img", "link", "iframe", "object", "embed", "base", "form", "input", "image", "use"}
    for _, attrs in found.elements:
        assert "src" not in attrs
        assert not [name for name in attrs if name.startswith("on")]
    style = page.split("<style>")[1].split("</style>")[0]
    assert "url(" not in style and "@import" not in style
    policy = next(a["content"] for _, a in found.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def test_graphics_and_tables_say_what_they_are(page: str) -> None:
    found = Page(page)
    for tag, attrs in found.elements:
        if tag == "svg" and attrs.get("role") == "img":
            assert attrs["aria-label"]
    tags = [tag for tag, _ in found.elements]
    assert tags.count("caption") == tags.count("table")
    assert tags.count("h1") == 1
    levels = [int(tag[1]) for tag in tags if re.fullmatch(r"h[1-6]", tag)]
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_hostile_text_is_shown_not_run() -> None:
    text = render(sample.hostile())
    assert "<script" not in text
    assert "<img" not in text
    found = Page(text)
    assert sample.SCRIPT in found.text
    assert sample.IMAGE in found.text
    assert "{{ 7 * 7 }} {% raw %} <!-- --> </style></details>" in found.text


def test_invisible_characters_are_written_out() -> None:
    text = render(sample.hostile())
    assert not re.search("[\u200b-\u200f\u202a-\u202e\u2066-\u2069\x00-\x08\ud800-\udfff]", text)
    for code in ("202E", "200B", "2066", "0007", "D800"):
        assert f"⟨U+{code}⟩" in text
    text.encode("utf-8")


@given(st.text(alphabet=st.characters(), max_size=60))
@settings(max_examples=60, deadline=None)
def test_any_text_survives_as_a_row(text: str) -> None:
    run = sample.empty()
    row = sample.attempt(Labelled({"review": text}, text), {"label": text, "keyword": text}, "i")
    sample.add_pool(run, "labelled", [row], lambda _: f"hygiene: {text}")
    page = render(run)
    Page(page)
    page.encode("utf-8")


def test_equal_data_gives_equal_bytes(tmp_path: Path) -> None:
    write_page(render(sample.sample(5)), tmp_path / "one" / "index.html")
    write_page(render(sample.sample(5)), tmp_path / "two.html")
    assert (tmp_path / "one" / "index.html").read_bytes() == (tmp_path / "two.html").read_bytes()
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["one", "two.html"]


def test_a_page_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"index\.html"):
        write_page(render(sample.sample(0)), tmp_path / "file" / "index.html")


@pytest.mark.parametrize("arms", [1, 5])
def test_every_arm_and_control_has_its_numbers(arms: int) -> None:
    run = sample.sample(arms)
    found = Page(render(run))
    evaluation = run.results["evaluations"]["accuracy"]
    for name, entry in evaluation["arms"].items():
        assert name in found.within("th")
        accuracy = entry["metrics"]["accuracy"]
        assert f"{100 * accuracy['mean']:.1f}\u00a0%" in found.within("b")
        assert f"{100 * accuracy['low']:.1f} to {100 * accuracy['high']:.1f}\u00a0%" in found.within("span")
        for seed in accuracy["seeds"]:
            assert f"{100 * seed:.1f} %" in found.text
        if entry["versus_control"]:
            difference = f"{100 * entry['versus_control']['difference']:+.1f} points".replace("-", "\u2212")
            assert difference in found.within("p")
            assert tied(entry["versus_control"]["sentence"]) in found.within("p")
    for mode, value in (("free", "61.0\u00a0%"), ("constrained", "79.7\u00a0%")):
        assert evaluation["baseline"][mode]["accuracy"] == pytest.approx(float(value[:-2]) / 100)
        assert value in found.within("dd")
    words = [word for word in found.text.split() if word in ("helped", "hurt")]
    assert len(words) >= arms


@pytest.mark.parametrize(
    ("arms", "verdicts", "expected"),
    [
        (1, ["helped"], "Training only on the rows that “judge” chose helped."),
        (1, ["hurt"], "Training only on the rows that “judge” chose hurt."),
        (1, ["no evidence"], "No evidence that the rows “judge” chose beat as many random ones."),
        (2, ["no evidence"] * 2, "No evidence that any of the 2 ways of selecting rows beats a random choice."),
        (3, ["helped", "hurt", "no evidence"],
         "1 of 3 ways of selecting rows helped, 1 hurt, 1 shows no evidence."),
        (0, [], "The arms are evaluated; none of them selects rows, so there is no selection to judge."),
    ],
)  # fmt: skip
def test_headline_says_what_the_verdicts_say(arms: int, verdicts: list[str], expected: str) -> None:
    run = sample.sample(arms)
    entries = run.results["evaluations"]["accuracy"]["arms"]
    for name, verdict in zip(sample.ARMS, verdicts, strict=False):
        entries[name]["versus_control"]["verdict"] = verdict
    assert Page(render(run)).within("h1") == [expected]


def test_what_compare_writes_is_shown() -> None:
    def answers(wrong: int, seed: int) -> list[ItemResult]:
        labels = ("positive", "negative")
        return [
            ItemResult(f"i{item}", labels[item % 2], labels[(item + (item % 100 < wrong + seed)) % 2], mode)
            for mode in ("constrained", "free")
            for item in range(200)
        ]

    task = Task(description="Judge a review.", labels={"positive": "liked", "negative": "disliked"})
    errors = {"unfiltered": 20, "judge": 5, "judge/random": 20}
    arms = {name: {seed: answers(wrong, seed) for seed in (0, 1)} for name, wrong in errors.items()}
    against = {"judge": Against("judge/random", "unfiltered")}
    run = sample.sample(1)
    run.results["evaluations"]["accuracy"] = compare(
        Classification(data="reviews.jsonl"), task, {"untrained": {0: answers(40, 0)}}, arms, against
    )
    found = Page(render(run))
    entry = run.results["evaluations"]["accuracy"]["arms"]["judge"]
    assert entry["versus_control"]["verdict"] == "helped"
    assert "+15.0 points" in found.within("p")
    assert tied(entry["versus_control"]["sentence"]) in found.within("p")
    heads = found.within("th")
    assert heads.index("accuracy") < heads.index("vs random control") < heads.index("macro F1")
    assert "free accuracy" in heads and "unparsed" not in heads


def test_a_metric_without_interval_and_no_share_is_shown_plainly() -> None:
    run = sample.sample(1)
    for entry in run.results["evaluations"]["accuracy"]["arms"].values():
        entry["metrics"]["judge_score"] = {"mean": 3.25, "low": None, "high": None, "seeds": [3.0, 3.5]}
    found = Page(render(run))
    assert "3.250" in found.within("b")
    assert "3.000, 3.500" in found.within("td")


def test_funnel_counts_stand_on_the_page() -> None:
    run = sample.empty()
    counts = {"asked": 1234, "answered": 1230, "failed": 4, "parsed": 1200, "unparsed": 30, "kept": 1100}
    run.attempts, run.counts = (
        {"labelled": []},
        {"labelled": counts | {"dropped_by": {"duplicate": 40, "too short": 60}}},
    )
    run.checks = {"labelled": []}
    found = Page(render(run))
    assert {"1,234", "1,230", "1,200", "1,100", "60", "40"} <= set(found.within("b"))
    assert {"− 4 failed", "− 30 unparsed", "− 100 dropped by the checks"} <= set(found.within("span"))
    assert [text for text in found.within("span") if text in ("too short", "duplicate")] == ["too short", "duplicate"]


def test_sections_of_a_run_that_ended_early_say_what_is_missing() -> None:
    run = sample.after_generation()
    found = Page(render(run))
    assert len([text for text in found.within("p") if text.startswith("No ")]) == 9
    (headline,) = found.within("h1")
    assert headline == f"{len(run.accepted())} rows are written and accepted; no arm has chosen among them yet."
    assert Page(render(sample.after_selection())).within("h1")[0].startswith("5 arms have chosen their rows")


def test_scores_without_numbers_make_no_panel() -> None:
    run = sample.sample(1)
    scores = [replace(one, columns={one.primary: [float("nan")] * len(one.ids)}) for one in run.scores]
    assert "No distributions" in render(replace(run, scores=scores))


def test_large_runs_are_cut_and_say_of_how_many() -> None:
    run = sample.empty()
    cells = [(f"word{number}", number % 3) for number in range(500)]
    attempts = [
        sample.attempt(Labelled({"review": f"{word} {copy} " + "x" * 5000}, "positive"),
                       {"label": "positive", "keyword": word}, f"{word}-{copy}")
        for word, _ in cells for copy in range(3)
    ]  # fmt: skip
    kept = {f"{word} {copy} " for word, count in cells for copy in range(count)}
    sample.add_pool(run, "labelled", attempts, lambda row: "" if row.text.rstrip("x") in kept else "hygiene: no")
    ids = [row.id for row in run.accepted()]
    values = [place / 1e5 for place in range(len(ids))]
    run.scores = [Scores("judge", "score", ids, {f"c{n}": values for n in range(30)} | {"score": values})]
    run.results = {"arms": {"judge": {"control": "r", "kept": 1, "candidates": 2, "dropped_by": {}}}}
    sample.select(run, "judge", "judge.score", values)
    text = render(run)
    found = Page(text)
    assert len(text) < 500_000
    assert "12 of 1,001" in found.within("span")
    assert "characters in all)" in found.text
    assert "7 more are left out" in found.text
    assert "Shown are the 96 keywords with the fewest accepted rows, of 500." in found.within("p")
    assert "word0" in found.within("th") and "word2" not in found.within("th")


def _luminance(color: tuple[float, ...]) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_contrast_is_at_least_4_5(scheme: str) -> None:
    style = (report.HERE / "page.css").read_text(encoding="utf-8")
    blocks = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    colors = {
        name: tuple(int(value[at : at + 2], 16) / 255 for at in (0, 2, 4))
        for block in blocks[: 1 if scheme == "light" else 2]
        for name, value in re.findall(r"--([\w-]+): #([0-9a-f]{6})", block)
    }
    heat = tuple(0.34 * a + 0.66 * b for a, b in zip(colors["accent-soft"], colors["page"], strict=True))
    pairs = [(ink, colors[ground]) for ink in ("text", "muted", "accent", "good", "bad", "none")
             for ground in ("page", "card")]  # fmt: skip
    pairs += [("good", colors["good-tint"]), ("bad", colors["bad-tint"]), ("none", colors["none-tint"])]
    pairs += [("care", colors["care-tint"]), ("text", colors["care-tint"]), ("text", colors["soft"]), ("text", heat)]
    for ink, ground in pairs:
        low, high = sorted((_luminance(colors[ink]), _luminance(ground)))
        assert (high + 0.05) / (low + 0.05) >= 4.5, (scheme, ink, ground)

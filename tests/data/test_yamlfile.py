"""YAML as recipes use it: no surprises of YAML 1.1, lines for every path, nothing dangerous."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from homespun.data.yamlfile import dump, parse, read
from homespun.errors import RecipeError


def test_words_stay_words_and_numbers_are_numbers():
    value, _ = parse("{a: yes, b: no, c: on, d: true, e: 1e-4, f: 0.6, g: 3, h: null, i: 'x'}", "r.yaml")
    assert value == {
        "a": "yes", "b": "no", "c": "on", "d": True, "e": 1e-4, "f": 0.6, "g": 3, "h": None, "i": "x",
    }  # fmt: skip


def test_every_path_has_its_line():
    _, lines = parse("name: x\narms:\n  a:\n    select:\n      - {kind: top}\n      - kind: band\n", "r.yaml")
    assert lines[("arms", "a", "select", 1, "kind")] == 6
    assert lines[("arms", "a")] == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\nb: 2\na: 3\n", 'r.yaml:3: key "a" stands twice'),
        ("a: &x [1, 2]\nb: *x\n", "aliases"),
        ("a: [1, 2\nb: 3\n", "not valid YAML"),
        ("a: !!python/object/apply:os.system ['true']\n", "not valid YAML"),
        ("a: \tb\n\t- c", "not valid YAML"),
    ],
)
def test_what_is_refused_names_the_place(text, words):
    with pytest.raises(RecipeError, match=r"r\.yaml") as caught:
        parse(text, "r.yaml")
    assert words in str(caught.value)


def test_a_bomb_is_refused_before_it_grows():
    bomb = "a: &a [x, x]\n" + "".join(f"{n}: &{n} [*{p}, *{p}]\n" for p, n in zip("abcdefg", "bcdefgh", strict=True))
    with pytest.raises(RecipeError, match="aliases"):
        parse(bomb, "r.yaml")


def test_files(tmp_path):
    with pytest.raises(RecipeError, match="no such recipe file"):
        read(tmp_path / "none.yaml")
    bad = tmp_path / "bad.yaml"
    bad.write_bytes("name: 映画".encode("cp932"))
    with pytest.raises(RecipeError, match="not UTF-8"):
        read(bad)


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(st.characters(codec="utf-8"), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcxyz", min_size=1), inner, max_size=4),
    max_leaves=12,
)


@given(plain)
@example("\x85")
@example({"a": ["x\u2028y", "\u2029", " \x85 two"]})
def test_what_is_dumped_is_read_back(value):
    assert parse(dump(value), "r.yaml")[0] == value

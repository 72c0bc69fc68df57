"""Ids follow content, seeds follow names, and neither follows the order of keys."""

from hypothesis import given
from hypothesis import strategies as st

from homespun.data.records import Labelled, Lineage, Row, canonical_json, content_hash, derive_seed


def make(text: str, key: str = "positive|plot|0", label: str = "positive") -> Row:
    return Row.make(
        Labelled({"review": text}, label),
        language="en",
        groups={"label": label, "keyword": "plot"},
        lineage=Lineage("labelled", key),
    )


def test_same_content_and_place_give_the_same_id():
    assert make("Fine.").id == make("Fine.").id
    assert make("Fine.").id != make("Fine!").id
    assert make("Fine.").id != make("Fine.", label="negative").id


def test_the_same_text_from_two_cells_has_two_ids():
    assert make("Fine.").id != make("Fine.", key="positive|plot|1").id


def test_seed_is_that_of_the_specification():
    # sha256(b"0|labelled|a|1")[:8] as a big-endian integer, less its lowest bit to fit signed 64-bit columns
    import hashlib

    digest = hashlib.sha256(b"0|labelled|a|1").digest()
    assert derive_seed(0, "labelled", "a", 1) == int.from_bytes(digest[:8], "big") >> 1
    assert 0 <= derive_seed(0) < 2**63


@given(st.dictionaries(st.text(), st.integers() | st.text(), max_size=6))
def test_hash_does_not_depend_on_key_order(value):
    turned = dict(reversed(list(value.items())))
    assert canonical_json(value) == canonical_json(turned)
    assert content_hash(value) == content_hash(turned)
    assert len(content_hash(value)) == 16


def test_text_of_one_field_is_its_value_and_of_two_names_them():
    assert make("Fine.").text == "Fine."
    row = Row.make(Labelled({"a": "x", "b": "y"}, "l"), language="en", groups={}, lineage=Lineage("g", "k"))
    assert row.text == "a: x\nb: y"

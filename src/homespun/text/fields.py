"""The text of a row that a scorer or rule reads: all input, or named fields, the output among them."""

from __future__ import annotations

from collections.abc import Sequence

from homespun.data.records import Row
from homespun.errors import UsageError
from homespun.registry import did_you_mean

OUTPUT = "output"  #: name of a row's output, beside its input fields
FIELDS = f"fields to read, `{OUTPUT}` for the output; all input fields unless given"


def field_text(row: Row, names: Sequence[str] | None) -> str:
    """Return the named fields of a row, a line each; its whole input where none are named.

    Raises:
        UsageError: the row has no such field.
    """
    return row.text if names is None else "\n".join(field_value(row, name) for name in names)


def field_texts(row: Row, names: Sequence[str] | None) -> list[str]:
    """Return the named fields of a row, or all of its input, each by itself.

    Raises:
        UsageError: the row has no such field.
    """
    return [field_value(row, name) for name in names] if names else list(row.payload.fields.values())


def field_value(row: Row, name: str) -> str:
    """Return one field of a row, or its output.

    Raises:
        UsageError: the row has no such field.
    """
    if name in row.payload.fields:
        return row.payload.fields[name]
    if name == OUTPUT:
        return row.payload.output
    known = [*row.payload.fields, OUTPUT]
    raise UsageError(f'rows have no field "{name}".{did_you_mean(name, known)} Fields: {", ".join(known)}.')

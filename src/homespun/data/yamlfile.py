"""YAML as recipes use it: values with the line each one stands on.

Stricter and safer than YAML 1.1: `yes`, `no`, `on` and `off` are words (they are labels more often than
truth values), `1e-4` is a number, a key may stand only once, aliases are refused (no billion laughs), and
only plain data can be built.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from homespun.errors import RecipeError

Path_ = tuple[str | int, ...]
MAX_NODES = 20_000


class _Loader(yaml.SafeLoader):
    """SafeLoader without YAML 1.1's surprises."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":bool", ":float"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:\d[\d_]*\.\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|\d+[eE][-+]?\d+|\.inf|\.nan)$"),
    list("-+0123456789."),
)


class _Dumper(yaml.SafeDumper):
    """Quotes every text that this reader or a YAML 1.1 reader would take for something else."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_Dumper.yaml_implicit_resolvers = {
    first: [*yaml.SafeDumper.yaml_implicit_resolvers.get(first, []), *resolvers]
    for first, resolvers in {
        **yaml.SafeDumper.yaml_implicit_resolvers,
        **_Loader.yaml_implicit_resolvers,
    }.items()
}


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    """Write a text; one with the line breaks of Unicode in double quotes, since in others they are folded away."""
    odd = any(character in value for character in "\x85\u2028\u2029")
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style='"' if odd else None)


_Dumper.add_representer(str, _text)


def dump(value: Any) -> str:
    """Return plain data as YAML that parse reads back as the same data."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def parse(text: str, name: str) -> tuple[Any, dict[Path_, int]]:
    """Parse YAML text and return its value and the line (from 1) of every path in it.

    Raises:
        RecipeError: not YAML, a repeated key, an alias, or too large.
    """
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        lines: dict[Path_, int] = {}
        if node is None:
            return None, lines
        count = _walk(node, (), lines, name, set())
        if count > MAX_NODES:
            raise RecipeError(f"{name}: {count} values are too many for a recipe (at most {MAX_NODES})")
        return loader.construct_document(node), lines
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{name}:{mark.line + 1}" if mark else name
        raise RecipeError(f"{where}: not valid YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise RecipeError(f"{name}: not valid YAML: {error}") from None
    finally:
        loader.dispose()


def _walk(node: yaml.Node, path: Path_, lines: dict[Path_, int], name: str, seen: set[int]) -> int:
    line = node.start_mark.line + 1
    if id(node) in seen:
        raise RecipeError(f"{name}:{line}: aliases (*name) are not allowed in a recipe; write the value out")
    seen.add(id(node))
    lines[path] = line
    count = 1
    if isinstance(node, yaml.MappingNode):
        keys: set[str] = set()
        for key, value in node.value:
            if key.value in keys:
                raise RecipeError(f'{name}:{key.start_mark.line + 1}: key "{key.value}" stands twice; keep one of them')
            keys.add(key.value)
            count += _walk(value, (*path, key.value), lines, name, seen)
            lines[(*path, key.value)] = key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            count += _walk(value, (*path, index), lines, name, seen)
    return count


def read(path: Path) -> tuple[Any, dict[Path_, int]]:
    """Read a YAML file; see parse.

    Raises:
        RecipeError: no such file, not UTF-8, or whatever parse raises.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise RecipeError(f"{path}: no such recipe file") from None
    except UnicodeDecodeError as error:
        raise RecipeError(f"{path}: not UTF-8 (byte {error.start}); save the file as UTF-8") from None
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read: {error.strerror}") from None
    return parse(text, path.name)

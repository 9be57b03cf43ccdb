"""YAML as people write it: one line per thing, and comments where something is to be decided."""

from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from assay.printable import printable

WIDTH = 116


def flow(value: Any) -> str:
    """A value on one line, as it may stand anywhere in a file."""
    text = yaml.safe_dump([value], default_flow_style=True, sort_keys=False, allow_unicode=True, width=10**9)
    return text.strip()[1:-1]


def entry(key: str, value: Any, indent: str = "") -> str:
    """`key: value`."""
    return f"{indent}{flow(key)}: {flow(value)}"


def entries(values: Mapping[str, Any], indent: str = "  ") -> list[str]:
    """A line per key."""
    return [entry(key, value, indent) for key, value in values.items()]


def comment(text: str, indent: str = "") -> list[str]:
    """Lines of a comment, broken between words."""
    lines, line = [], f"{indent}#"
    for word in printable(text).split(" "):
        if len(line) + 1 + len(word) > WIDTH and not line.endswith("#"):
            lines.append(line)
            line = f"{indent}#  "
        line += f" {word}"
    return [*lines, line]


def decide(text: str, indent: str = "") -> list[str]:
    """A comment where a person has to decide."""
    return comment(f"decide: {text}", indent)


def document(lines: Iterable[str]) -> str:
    """Lines as a file's text."""
    return "\n".join(lines) + "\n"

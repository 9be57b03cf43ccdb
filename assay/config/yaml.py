"""Safe YAML with line numbers: duplicate keys refused, size and aliases limited."""

from pathlib import Path
from typing import Any

import yaml

from assay.config.base import Origin
from assay.errors import ConfigError

MAX_BYTES = 1_000_000


def read_yaml(path: Path) -> tuple[dict[str, Any], Origin]:
    """One YAML mapping and where each of its keys stands.

    Args:
        path: The file to read.

    Raises:
        ConfigError: The file is missing, too large, not YAML, not a mapping, has a key twice, or uses aliases.
    """
    if not path.is_file():
        raise ConfigError("A configuration file is missing.", where=str(path), expected="a YAML file")
    if path.stat().st_size > MAX_BYTES:
        raise ConfigError("A configuration file is too large.", where=str(path), expected=f"at most {MAX_BYTES} bytes")
    try:
        text = path.read_text(encoding="utf-8")
        for token in yaml.scan(text, Loader=yaml.SafeLoader):
            if isinstance(token, yaml.AliasToken):
                line = token.start_mark.line + 1
                raise ConfigError("YAML aliases are not used in configuration.", where=f"{path}:{line}")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}:{mark.line + 1}" if mark else str(path)
        problem = getattr(error, "problem", None) or str(error)
        raise ConfigError("A configuration file is not valid YAML.", where=place, found=problem) from error
    if not isinstance(data, dict):
        raise ConfigError("A configuration file holds no mapping.", where=str(path), expected="key: value lines")
    lines: dict[tuple[str | int, ...], int] = {}
    if node is not None:
        _collect(node, (), lines, path)
    return data, Origin(str(path), lines)


def _collect(node: yaml.Node, at: tuple[str | int, ...], lines: dict[tuple[str | int, ...], int], path: Path) -> None:
    """Record the line of every key below a node; refuse a key that stands twice."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*at, key.value)
            if here in lines:
                raise ConfigError(
                    f"The key {key.value!r} stands twice.",
                    where=f"{path}:{key.start_mark.line + 1}",
                    do=f"keep one of them (the first is on line {lines[here]})",
                )
            lines[here] = key.start_mark.line + 1
            _collect(value, here, lines, path)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            lines[(*at, index)] = value.start_mark.line + 1
            _collect(value, (*at, index), lines, path)

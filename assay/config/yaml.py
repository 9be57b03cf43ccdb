"""Safe YAML with line numbers: size, depth and numbers limited; no aliases, tags or keys that stand twice."""

from pathlib import Path
from typing import Any

import yaml

from assay.config.base import Origin
from assay.errors import ConfigError

MAX_BYTES = 1_000_000
MAX_DEPTH = 32
MAX_DIGITS = 40
_OPENS = (yaml.BlockMappingStartToken, yaml.BlockSequenceStartToken, yaml.FlowMappingStartToken,
          yaml.FlowSequenceStartToken)  # fmt: skip
_CLOSES = (yaml.BlockEndToken, yaml.FlowMappingEndToken, yaml.FlowSequenceEndToken)


def read_yaml(path: Path) -> tuple[dict[str, Any], Origin]:
    """One YAML mapping and where each of its keys stands.

    Args:
        path: The file to read.

    Raises:
        ConfigError: The file is missing, no file, too large, not YAML or not a mapping; has a key twice or one that is
            no text, an alias, a tag, a number that is too long, or is nested too deeply.
    """
    if not path.is_file():
        what = "is no file" if path.exists() else "is missing"
        raise ConfigError(f"A configuration file {what}.", where=str(path), expected="a YAML file")
    content = _read(path)
    if len(content) > MAX_BYTES:
        raise ConfigError("A configuration file is too large.", where=str(path), expected=f"at most {MAX_BYTES} bytes")
    lines: dict[tuple[str | int, ...], int] = {}
    try:
        text = content.decode()
        _check_tokens(text, path)
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is not None:
            _collect(node, (), lines, path)
        data = None if node is None else loader.construct_document(node)
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}:{mark.line + 1}" if mark else str(path)
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise ConfigError("A configuration file is not valid YAML.", where=place, found=problem) from error
    if not isinstance(data, dict):
        raise ConfigError("A configuration file holds no mapping.", where=str(path), expected="key: value lines")
    return data, Origin(str(path), lines)


def _read(path: Path) -> bytes:
    """The file's bytes, but no more than is needed to see that it is too large."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError("A configuration file cannot be read.", where=str(path), found=error.strerror) from error


def _check_tokens(text: str, path: Path) -> None:
    """Refuse, before anything is built from it, what could make much out of little."""
    depth = 0
    for token in yaml.scan(text, Loader=yaml.SafeLoader):
        where = f"{path}:{token.start_mark.line + 1}"
        depth += isinstance(token, _OPENS) - isinstance(token, _CLOSES)
        if depth > MAX_DEPTH:
            raise ConfigError(
                "A configuration file is nested too deeply.", where=where, expected=f"at most {MAX_DEPTH} levels"
            )
        if isinstance(token, (yaml.AliasToken, yaml.AnchorToken)):
            raise ConfigError("YAML aliases are not used in configuration.", where=where)
        if isinstance(token, yaml.TagToken):
            raise ConfigError(
                "YAML tags are not used in configuration.", where=where, found="".join(filter(None, token.value)),
                do="leave it out; put quotes around a text that begins with !",
            )  # fmt: skip


def _collect(node: yaml.Node, at: tuple[str | int, ...], lines: dict[tuple[str | int, ...], int], path: Path) -> None:
    """Record the line of every key below a node; refuse a key that stands twice or is no text, and endless numbers."""
    where = f"{path}:{node.start_mark.line + 1}"
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            _check_key(key, path)
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
    elif node.tag.rpartition(":")[2] in ("int", "float") and len(node.value) > MAX_DIGITS:
        raise ConfigError(
            "A number is too long.", where=where, found=f"{len(node.value)} digits", expected=f"at most {MAX_DIGITS}"
        )


def _check_key(key: yaml.Node, path: Path) -> None:
    if key.tag != "tag:yaml.org,2002:str":
        raise ConfigError(
            "A key is no text.",
            where=f"{path}:{key.start_mark.line + 1}",
            found=f"{key.value} ({key.tag.rpartition(':')[2]})"
            if isinstance(key, yaml.ScalarNode)
            else "a list or a mapping",
            do="put quotes around it: YAML reads yes, no, on, off, true, false, numbers, dates and << as no text",
        )

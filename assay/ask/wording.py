"""Statements as text: where one ends, which version of a table it names, and which text two dialects read alike."""

import re
from collections.abc import Iterator

from assay.ask.kinds import AT, NotQuickError

_PARTS = re.compile(
    r"""
      (?P<string> '(?:[^'\\]|\\.)*('|\Z) | "(?:[^"\\]|\\.)*("|\Z) )
    | (?P<name>   `[^`]*(`|\Z) )
    | (?P<note>   --[^\n]* | /\*.*?\*/ )
    | (?P<end>    ; )
    | (?P<other>  . )
    """,
    re.VERBOSE | re.DOTALL,
)
_VERSION = re.compile(
    r"\b(?P<schema>\w+)\.(?P<table>\w+)\s+(?:for\s+)?(?:system_)?version\s+as\s+of\s+(?P<number>\d+)\b", re.IGNORECASE
)
_ALIKE = re.compile(r"[\w\s.,()=<>!+\-*/|;]*", re.ASCII)
_NUMBER = re.compile(r"(?<![\w.])\d[\w.]*")


def statements(text: str) -> list[str]:
    """The statements of a script; semicolons in strings, names and comments end none."""
    found, so_far = [], ""
    for kind, part in _parts(text):
        if kind == "end":
            found.append(so_far)
            so_far = ""
        elif kind != "note":
            so_far += part
        else:
            so_far += " "
    return [one.strip() for one in (*found, so_far) if one.strip()]


def is_whole(text: str) -> bool:
    """Whether the text ends with a semicolon that ends a statement, but for blanks and comments."""
    last = ""
    for kind, part in _parts(text):
        if kind != "note" and part.strip():
            last = kind
    return last == "end"


def for_duckdb(statement: str) -> str:
    """A statement in Spark's dialect as DuckDB reads it: a table's version in its name, names in double quotes.

    Raises:
        NotQuickError: It has a sign, a number or a string that the dialects may read differently.
    """
    made, plain = "", ""
    for kind, part in (*_parts(statement), ("last", "")):
        if kind == "other":
            plain += part
            continue
        made += _plain(plain)
        plain = ""
        if kind == "string" and (part[0] == '"' or "\\" in part or made.endswith("'") or _is_word(made[-1:])):
            raise NotQuickError(f"how the string {part} is written")
        if kind == "note" or (kind == "name" and not re.fullmatch(r"`\w+`", part)):
            raise NotQuickError(f"{part}")
        made += f'"{part[1:-1]}"' if kind == "name" else part
    if not re.match(r"(select|with)\b", made, re.IGNORECASE):
        raise NotQuickError("a statement that is no select")
    return made


def _plain(text: str) -> str:
    if not _ALIKE.fullmatch(text):
        raise NotQuickError("a sign that dialects read differently")
    for number in _NUMBER.findall(text):
        if not re.fullmatch(r"\d+(\.\d+)?", number):
            raise NotQuickError(f"the number {number}")
    return _VERSION.sub(rf'\g<schema>."\g<table>{AT}\g<number>"', text)


def _is_word(sign: str) -> bool:
    return sign.isalnum() or sign == "_"


def _parts(text: str) -> Iterator[tuple[str, str]]:
    for found in _PARTS.finditer(text):
        yield str(found.lastgroup), found.group()

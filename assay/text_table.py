"""Tables for the terminal."""

import unicodedata
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from assay.ask.answer import as_text
from assay.printable import printable


def text_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Columns under their names, numbers to the right, NULL as NULL; a row is one line whatever its values hold."""
    heads = [printable(name) for name in columns]
    texts = [[printable(as_text(value)) for value in row] for row in rows]
    widths = [max(map(_width, [name, *(row[at] for row in texts)])) for at, name in enumerate(heads)]
    right = [all(_is_number(row[at]) or row[at] is None for row in rows) for at in range(len(heads))]

    def line(cells: Sequence[str]) -> str:
        padded = []
        for cell, width, to_the_right in zip(cells, widths, right, strict=True):
            blanks = " " * (width - _width(cell))
            padded.append(blanks + cell if to_the_right else cell + blanks)
        return "  ".join(padded).rstrip()

    return "\n".join([line(heads), "  ".join("-" * width for width in widths), *map(line, texts)])


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def _width(text: str) -> int:
    """How many places a text takes: two for a wide sign, none for one that is put over another."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(sign) else 2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text
    )

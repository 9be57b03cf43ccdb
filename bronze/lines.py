"""Lines of a text in bounded memory, whatever is in it."""

import codecs
import io

MAX_RECORD = 16_000_000
"""Characters of a record that is read; a longer one is corrupt."""

MAX_KEPT = 1 << 26
"""Characters of a line that are kept as its raw text."""


class TooLongError(ValueError):
    """A record is longer than `MAX_RECORD`; reading goes on with the next line."""


class Lines:
    """Lines of a text, remembering those of the current record and the number of its first.

    A line that is too long is read to its end but kept only in part. A record that is too long ends with the line that
    makes it so: a quote that never closes costs no more memory than a record may.
    """

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._number = 0
        self.first = 1
        self.size = 0
        self.current: list[str] = []

    def begin(self) -> None:
        """A new record begins with the next line."""
        self.current.clear()
        self.size = 0
        self.first = self._number + 1

    def __iter__(self) -> "Lines":
        return self

    def __next__(self) -> str:
        line = self._text.readline(MAX_KEPT)
        if not line:
            raise StopIteration
        if self._number == 0:
            line = line.removeprefix(codecs.BOM_UTF8.decode())
        self._number += 1
        self.current.append(line)
        self.size += len(line)
        if self.size > MAX_RECORD:
            left_out = self._skip() if len(line) >= MAX_KEPT and not _ends(line) else 0
            raise TooLongError(
                f"longer than {MAX_RECORD:,} characters"
                + (f": {self.size + left_out:,}, of which the first {self.size:,} are kept" if left_out else "")
            )
        return line

    def _skip(self) -> int:
        """Read to the end of the line; how many characters that were."""
        skipped = 0
        while piece := self._text.readline(1 << 20):
            skipped += len(piece)
            if _ends(piece):
                break
        return skipped

    def unreadable(self) -> str | None:
        """Why the record's text cannot be taken as it is, if so."""
        if any(not line.isascii() and not encodable(line) for line in self.current):
            return "not UTF-8"
        return "has a NUL byte" if any("\0" in line for line in self.current) else None

    def raw(self) -> str:
        """The record's text as it can be kept: bytes that are no UTF-8, and NUL, are written in hexadecimal."""
        return printable("".join(self.current))


def printable(text: str) -> str:
    """Text that Arrow takes."""
    shown = text.rstrip("\r\n")
    if not shown.isascii():
        shown = shown.encode(errors="surrogateescape").decode(errors="backslashreplace")
    return shown.replace("\0", "\\x00")


def encodable(text: str) -> bool:
    """Whether a text is Unicode throughout."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _ends(line: str) -> bool:
    return line.endswith(("\n", "\r"))

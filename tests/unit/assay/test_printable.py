"""What comes from outside makes no line of its own in logs and errors, and looks like nothing else."""

import logging
import sys

import pytest

from assay.cli import set_up_logging
from assay.errors import SourceError
from assay.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2013-03-01.csv", "2013-03-01.csv"),
        ("Größe °F – 漢字", "Größe °F – 漢字"),
        ("a\nINFO all is well", "a\\nINFO all is well"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("gpj.\u202ecsv", "gpj.\\u202ecsv"),
        ("a\u200bb\u00a0c\u2028d", "a\\u200bb\\xa0c\\u2028d"),
        ("\udcff", "\\udcff"),
    ],
    ids=["plain", "letters", "line feed", "terminal", "direction", "invisible", "half a character"],
)
def test_printable_writes_what_cannot_be_seen_as_its_escape(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_an_error_stays_on_its_lines() -> None:
    error = SourceError("What.", where="a\n  do:       send money", found="b\x1b[2J")
    assert str(error) == "What.\n  where:    a\\n  do:       send money\n  found:    b\\x1b[2J"


def test_a_logged_name_makes_no_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    root, before = logging.getLogger(), logging.getLogger().handlers[:]
    try:
        set_up_logging(verbose=True, lakehouse="x")
        logging.getLogger("bronze").warning("%s: quarantined", "a\n2013 ERROR b")
        sys.stderr.flush()
        lines = capsys.readouterr().err.splitlines()
    finally:
        root.handlers[:] = before
    assert len(lines) == 1
    assert lines[0].endswith("WARNING bronze lakehouse=x a\\n2013 ERROR b: quarantined")

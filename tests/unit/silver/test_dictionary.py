"""The data dictionary: what a contract says, shown and never taken for markup."""

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from assay.config import LakehouseConfig, Source, load_lakehouse
from assay.config.lakehouse import LakehouseFile
from silver.dictionary import as_html, as_markdown

ROOT = Path(__file__).parents[3]
HOSTILE = "<script>alert('1')</script> | [x](http://example.org) `a` *b*"


def lakehouse(**more: Any) -> LakehouseConfig:
    source = Source.model_validate({
        "name": "readings", "description": HOSTILE, "from": {"files": "landing/*.csv", "available": {"column": "sent"}},
        "key": ["id"], "nulls": ["", "<b>"],
        "columns": {
            "id": {"type": "int"},
            "sent": {"type": "timestamp", "required": True, "from": "Sent at"},
            "temp": {
                "type": "double", "min": -60, "max": 60.5, "unit": "°C", "description": HOSTILE,
                "on_fail": {"max": {"severity": "flag", "at_most": "0.5%"}, "min": "fail"},
            },
            "kind": {"type": "string", "optional": True, "allowed": ["a", "b|c"], "pattern": "a|<b>"},
        },
        "derived": {"day": {"expr": "to_date(`sent`)", "required": True}},
        "checks": {"warm": {"holds": "temp > 0 or kind = '|'", "on_fail": "flag", "description": "Warm"}}, **more,
    })  # fmt: skip
    file = LakehouseFile(name="tiny", description=HOSTILE)
    return LakehouseConfig(file=file, sources={"readings": source}, features={}, models={})


class Page(HTMLParser):
    """Tags, and what is shown."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_shows_hostile_texts_and_points_nowhere() -> None:
    page = Page(as_html(lakehouse()))
    assert page.text.count(HOSTILE) == 3
    assert "script" not in {tag for tag, _ in page.tags}
    points = {value for _, attributes in page.tags for name, value in attributes.items() if name in ("href", "src")}
    assert points == {"data:,", "#readings"}


def test_markdown_shows_hostile_texts_as_they_are() -> None:
    page = as_markdown(lakehouse())
    shown = r"&lt;script&gt;alert('1')&lt;/script&gt; \| \[x\](http://example.org) \`a\` \*b\*"
    assert page.count(shown) == 3
    assert "<script>" not in page
    assert "`temp > 0 or kind = '\\|'`" in page


def test_every_row_says_what_must_be_and_what_happens_where_it_is_not() -> None:
    lines = as_markdown(lakehouse()).splitlines()
    temp = next(line for line in lines if line.startswith("| `temp`"))
    assert temp.startswith(
        "| `temp` | double | °C | at least -60 and at most 60.5 | max: flag, at most 0.5%, min: fail | "
    )
    assert "| `id` | int |  | given | quarantine |  |" in lines
    assert "| `sent` | timestamp |  | given | quarantine | In the raw record: Sent at. |" in lines
    assert (
        r"| `kind` | string |  | one of a, b\|c; as a whole like a\|&lt;b&gt; | quarantine | The raw record may lack it. |"
        in lines
    )
    assert "| `day` |  | given | `` to_date(`sent`) `` |  |" in lines
    assert "| can be used from | the time in the column sent |" in lines


def test_the_dictionary_of_the_flights_is_that_of_their_contracts() -> None:
    written = (ROOT / "docs" / "flights-dictionary.md").read_text(encoding="utf-8")
    told = "write it anew: .venv/bin/assay contract docs --to docs/flights-dictionary.md"
    assert written == as_markdown(load_lakehouse(ROOT / "conf" / "flights")), told

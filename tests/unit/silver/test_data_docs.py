"""Publishing: what is stored, what the pages say, and that they need nothing from outside."""

import re
import socket
import time
import warnings
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path

import pytest

from silver import data_docs
from silver.expectations import BatchResult, CheckResult, publish

RAW = "<script>alert('raw')</script>"
BATCH = BatchResult(
    lakehouse="flights",
    source="outcomes",
    description="What happened to <each> flight.",
    batch=7,
    as_of=datetime(2013, 3, 1, tzinfo=UTC),
    run_id="silver/1:a",
    rows=900,
    checks=(
        CheckResult("type", "dep_delay", {"type": "int"}, 900, 20, 0),
        CheckResult("max", "wind_speed", {"max": 100, "unit": "mph"}, 900, 20, 2, ("1048", RAW)),
        CheckResult("pattern", "tailnum", {"pattern": "(?<!x)N$"}, 900, 0, 0),
        CheckResult("unique", None, {"key": ["carrier", "flight"]}, 900, 0, 0),
        CheckResult("record", None, {}, 900, 0, 1, ("", "AA,1,<img src=http://example.org/x>")),
    ),
)
PASSED = replace(BATCH, source="planes", checks=tuple(replace(c, failed=0, examples=()) for c in BATCH.checks))


@pytest.fixture(scope="module", autouse=True)
def _library() -> None:
    """The library's own imports warn of what they use; what it does for us afterwards may not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import_module("great_expectations")


class Tags(HTMLParser):
    """The names of a page's tags, and all that they point to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.links: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data", "action")]


def files(root: Path) -> dict[str, bytes]:
    """Every file below a folder, with its bytes."""
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def pages(root: Path) -> dict[str, str]:
    return {name: text.decode() for name, text in files(root).items() if name.endswith(".html")}


def test_publish_stores_a_project_that_the_library_opens(tmp_path: Path) -> None:
    import great_expectations as gx

    publish(tmp_path, [BATCH, PASSED])
    context = gx.get_context(context_root_dir=tmp_path)
    found = context.suites.get("outcomes")
    [stored] = [
        context.validation_results_store.get(key)
        for key in context.validation_results_store.list_keys()
        if key.expectation_suite_identifier.name == "outcomes"
    ]

    assert sorted(each.name for each in context.suites.all()) == ["outcomes", "planes"]
    assert len(found.expectations) == 5
    assert found.notes == "What happened to <each> flight."
    assert not stored.success
    assert stored.results[1].result["unexpected_count"] == 2
    assert context.variables.analytics_enabled is False


def test_index_names_failing_checks_and_leads_to_their_pages(tmp_path: Path) -> None:
    index = publish(tmp_path, [BATCH, PASSED])
    text = index.read_text()

    assert index == tmp_path / "data_docs" / "index.html"
    assert "max:wind_speed <b>2</b>" in text
    assert "record <b>1</b>" in text
    links = re.findall(r'href="([^"]+\.html)"', text)
    assert len(links) >= 6
    assert all((index.parent / link).is_file() for link in links)
    assert sum("validations/outcomes/" in link for link in links) == 2


def test_page_of_a_batch_shows_count_examples_and_how_to_get_the_rows(tmp_path: Path) -> None:
    publish(tmp_path, [BATCH])
    [page] = [text for name, text in pages(tmp_path).items() if "validations" in name]

    assert "wind_speed is at most 100 mph" in page
    assert "2 unexpected values found" in page
    assert "1048" in page
    assert "SELECT * FROM silver.outcomes__quarantine WHERE batch = 7" in page
    assert "every raw record can be read" in page


def test_links_between_pages_hold(tmp_path: Path) -> None:
    site = publish(tmp_path, [BATCH, PASSED]).parent
    for path in site.rglob("*.html"):
        for link in re.findall(r'href="([^"#:]+)"', path.read_text()):
            assert (path.parent / link).is_file(), f"{path.relative_to(site)} links to {link}"


def test_raw_values_and_descriptions_are_escaped(tmp_path: Path) -> None:
    publish(tmp_path, [BATCH])

    for name, page in pages(tmp_path).items():
        assert "<script" not in page, name
        assert "<img" not in page, name
        assert "<each>" not in page, name
        assert "(?<!x)" not in page, name
    [page] = [text for name, text in pages(tmp_path).items() if "validations" in name]
    assert "&lt;script&gt;alert(&#x27;raw&#x27;)&lt;/script&gt;" in page
    assert "(?&lt;!x)N$" in page


def test_pages_ask_nothing_of_the_network(tmp_path: Path) -> None:
    publish(tmp_path, [BATCH, PASSED])

    for name, page in pages(tmp_path).items():
        tags = Tags(page)
        assert not tags.names & {"script", "img", "iframe", "object", "base"}, name
        outside = [link for link in tags.links if re.match(r"([a-z]+:)?//|[a-z]+:(?!,$)", link)]
        assert outside == [], name
        style = page[page.index("<style>") : page.index("</style>")]
        assert "url(" not in style, name
        assert "@import" not in style, name


def test_publish_asks_nothing_of_the_network_whatever_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        pytest.fail("publish opened a connection")

    monkeypatch.setenv("GX_ANALYTICS_ENABLED", "true")
    monkeypatch.delenv("DO_NOT_TRACK", raising=False)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)

    publish(tmp_path, [BATCH])


def test_publish_writes_below_its_root_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("home", "work"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "work")

    publish(tmp_path / "root", [replace(BATCH, run_id="../../../escape")])

    assert {name.split("/")[0] for name in files(tmp_path)} == {"root"}


def test_publish_twice_leaves_the_same_files(tmp_path: Path) -> None:
    publish(tmp_path, [BATCH, PASSED])
    once = files(tmp_path)
    publish(tmp_path, [PASSED, BATCH])

    assert files(tmp_path) == once


def test_publish_again_replaces_what_the_run_said_of_the_batch(tmp_path: Path) -> None:
    publish(tmp_path, [BATCH])
    index = publish(tmp_path, [replace(BATCH, checks=PASSED.checks)])

    assert "max:wind_speed" not in index.read_text()
    assert sum("validations" in name for name in pages(tmp_path)) == 1


def test_index_keeps_the_newest_of_every_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_docs, "INDEXED_PER_SOURCE", 3)
    publish(tmp_path, [replace(PASSED, as_of=datetime(2012, 1, 1, tzinfo=UTC))])
    for night in range(5):
        publish(tmp_path, [replace(BATCH, batch=night, as_of=BATCH.as_of + timedelta(days=night))])

    index = (tmp_path / "data_docs" / "index.html").read_text()
    listed = re.findall(r">(planes|outcomes)<td><a[^>]*>batch (\d+)", index)
    assert listed == [("outcomes", "4"), ("outcomes", "3"), ("outcomes", "2"), ("planes", "7")]
    assert sum("validations/outcomes" in name for name in pages(tmp_path)) == 5


def test_index_that_cannot_be_read_starts_anew_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    site = publish(tmp_path, [PASSED]).parent
    (site / "index.json").write_text('[{"source": ')

    index = publish(tmp_path, [BATCH])

    assert "starts anew" in caplog.text
    assert "max:wind_speed" in index.read_text()


def test_publish_of_nothing_leaves_an_index(tmp_path: Path) -> None:
    assert "Data Docs" in publish(tmp_path, []).read_text()


def test_a_night_costs_the_same_after_many_nights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_docs, "INDEXED_PER_SOURCE", 5)

    def night(number: int) -> float:
        results = [
            replace(BATCH, source=f"source_{n}", batch=number, as_of=BATCH.as_of + timedelta(days=number))
            for n in range(3)
        ]
        started = time.process_time()
        publish(tmp_path, results)
        return time.process_time() - started

    seconds = [night(number) for number in range(60)]

    assert min(seconds[-10:]) < 2 * min(seconds[5:15])
    assert min(seconds[-10:]) < 0.75


def test_a_run_whose_id_is_a_number_is_no_date(tmp_path: Path) -> None:
    index = publish(tmp_path, [replace(BATCH, run_id="2170917454624721")])
    assert any("run 2170917454624721" in page.read_text() for page in index.parent.rglob("*.html"))

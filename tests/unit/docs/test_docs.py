"""What the documentation says exists: links, files, commands, configuration; and the reference is that of the code."""

import re
import runpy
import shlex
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import pytest

from assay.cli import COMMANDS, main
from assay.config import LakehouseConfig, load_lakehouse
from assay.config.origins import Files
from docs.generate_reference import PAGE, page
from gold.aggregates import check_aggregates
from jobs.completion import parser_of
from model.gates import check_gates

ROOT = Path(__file__).parents[3]
DOCS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
TUTORIAL = ROOT / "docs" / "tutorial.md"
EXAMPLES = ("conf/parcels/", "conf/env/cluster.yml", "conf/shop", "conf/env/shop.yml")
"""Files that a reader makes."""

every_page = pytest.mark.parametrize("doc", DOCS, ids=lambda doc: doc.relative_to(ROOT).as_posix())


def headings(doc: Path) -> set[str]:
    """A page's headings as anchors."""
    titles = re.findall(r"^#+ (.*)$", doc.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def code_lines(doc: Path) -> list[str]:
    """Lines of code blocks, fenced or indented."""
    lines, fenced = [], False
    for line in doc.read_text(encoding="utf-8").splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            lines.append(line.strip())
    return lines


def inline_code(doc: Path) -> list[str]:
    """Code within sentences."""
    return re.findall(r"(?<!`)`([^`\n]+)`(?!`)", doc.read_text(encoding="utf-8"))


def programs(doc: Path) -> Iterator[list[str]]:
    """Words of each command in a page's code blocks, without variables before it and folders in its name."""
    for line in code_lines(doc):
        if not re.match(r"([A-Z_]+=\S+ )*([\w./]*/)?(assay|make|spark-submit) ", line):
            continue
        words = shlex.split(line)
        while "=" in words[0]:
            words.pop(0)
        yield [words[0].rpartition("/")[2], *words[1:]]


def wrong_arguments(command: str, arguments: list[str]) -> str | None:
    """Why a command would refuse its arguments."""
    if command not in COMMANDS:
        return f"no command {command}"
    try:
        parser_of(command).parse_args(arguments)
    except SystemExit:
        return f"assay {command} {shlex.join(arguments)}"
    return None


def wrong(words: list[str]) -> str | None:
    """Why a command of the documentation would not run."""
    program, *rest = words
    if program == "make":
        targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
        return None if rest[0] in targets else f"make {rest[0]}"
    if program == "spark-submit":
        at = next(index for index, word in enumerate(rest) if word.startswith("jobs/"))
        if not (ROOT / rest[at]).is_file():
            return f"no file {rest[at]}"
        return wrong_arguments(Path(rest[at]).stem, rest[at + 1 :])
    return wrong_arguments(rest[0], rest[1:])


def tutorial_lakehouse(folder: Path) -> LakehouseConfig:
    """The tutorial's files, written where it says, and read."""
    text = TUTORIAL.read_text(encoding="utf-8")
    for path, content in re.findall(r"^```\w+\n# (\S+)\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content, encoding="utf-8")
    copytree(ROOT / "conf" / "env", folder / "conf" / "env")
    return load_lakehouse(folder / "conf" / "parcels")


@every_page
def test_every_link_leads_somewhere(doc: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", doc.read_text(encoding="utf-8"))
    lost = []
    for link in links:
        path, _, anchor = link.partition("#")
        target = (doc.parent / path).resolve() if path else doc
        if "://" not in link and not (target.exists() and (not anchor or anchor in headings(target))):
            lost.append(link)
    assert lost == []


@every_page
def test_every_file_that_is_named_exists(doc: Path) -> None:
    folders = tuple(f"{path.name}/" for path in ROOT.iterdir() if path.is_dir() and path.name != "warehouse")
    named = [word for word in inline_code(doc) if word.startswith(folders) and not re.search(r"[<*{ ]", word)]
    assert [name for name in named if not name.startswith(EXAMPLES) and not (ROOT / name).exists()] == []


@every_page
def test_every_command_in_a_code_block_takes_its_arguments(doc: Path) -> None:
    assert [why for words in programs(doc) if (why := wrong(words))] == []


@every_page
def test_every_command_in_a_sentence_exists_with_its_options(doc: Path) -> None:
    unknown = []
    for words in (code.split() for code in inline_code(doc) if code.startswith("assay ")):
        known = parser_of(words[1])._option_string_actions if words[1] in COMMANDS else {}
        if words[1] not in (*COMMANDS, "<command>") or any(w.startswith("--") and w not in known for w in words[2:]):
            unknown.append(" ".join(words))
    assert unknown == []


@every_page
def test_every_make_target_in_a_sentence_exists(doc: Path) -> None:
    named = [code.split() for code in inline_code(doc) if code.startswith("make ")]
    assert [why for words in named if (why := wrong(words))] == []


def test_commands_are_found_where_they_stand() -> None:
    found = {doc.relative_to(ROOT).as_posix(): {words[0] for words in programs(doc)} for doc in DOCS}
    assert {doc: names for doc, names in found.items() if names} == {
        "README.md": {"assay", "make"},
        "docs/gates.md": {"assay"},
        "docs/how-to.md": {"assay", "spark-submit"},
        "docs/operations.md": {"assay"},
        "docs/performance.md": {"assay"},
        "docs/tutorial.md": {"assay"},
    }


def test_the_reference_is_that_of_the_code() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "write it anew: .venv/bin/python docs/generate_reference.py"


def test_every_decision_is_in_the_list_of_decisions() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", (folder / "README.md").read_text(encoding="utf-8"))
    assert listed == sorted(path.name for path in folder.glob("[0-9]*.md"))


def test_the_tutorial_s_configuration_is_valid(tmp_path: Path) -> None:
    config = tutorial_lakehouse(tmp_path)
    for table in config.features.values():
        check_aggregates(table)
    for model in config.models.values():
        check_gates(model)
    assert (set(config.sources), set(config.features), set(config.models)) == (
        {"parcels", "deliveries"}, {"courier_delays"}, {"late_parcel"},
    )  # fmt: skip


def test_the_tutorial_s_feeds_have_the_columns_of_its_contracts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tutorial_lakehouse(tmp_path)
    monkeypatch.chdir(tmp_path)
    runpy.run_path("make_parcels.py")
    landing = tmp_path / "warehouse" / "parcels"
    found = {
        name: {path.read_text(encoding="utf-8").splitlines()[0] for path in landing.glob(source.come_from.files)}
        for name, source in config.sources.items()
        if isinstance(source.come_from, Files)
    }
    assert found == {name: {",".join(source.columns)} for name, source in config.sources.items()}


def test_the_tutorial_s_files_are_enough_for_a_proposal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tutorial_lakehouse(tmp_path)
    monkeypatch.chdir(tmp_path)
    runpy.run_path("make_parcels.py")
    (words,) = (words for words in programs(TUTORIAL) if words[:2] == ["assay", "init"])
    assert main([*words[1:], "--conf-dir", "conf/parcels"]) == 0
    config = load_lakehouse(tmp_path / "conf" / words[2])
    assert (set(config.sources), set(config.features), set(config.models)) == (
        {"parcels", "deliveries"}, {"courier_deliveries"}, {"minutes_late"},
    )  # fmt: skip
    assert {source.key for source in config.sources.values()} == {("parcel_id",)}


@every_page
def test_every_test_that_is_named_exists(doc: Path) -> None:
    tests = {
        path.relative_to(ROOT / "tests").as_posix(): set(
            re.findall(r"^def (test_\w+)\(", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        )
        for path in (ROOT / "tests").rglob("test_*.py")
    }
    missing = []
    for said in inline_code(doc):
        named = re.fullmatch(r"(?:tests/)?([\w/]*test_\w+\.py)?(?:::)?(test_\w+)?(…?)", said)
        if named and said:
            file, test, cut = named.groups()
            files = [names for path, names in tests.items() if file is None or f"/{path}".endswith(f"/{file}")]
            found = [name for name in set().union(*files) if name == test or (cut and name.startswith(test))]
            if not files or (test and not found):
                missing.append(said)
    assert missing == []

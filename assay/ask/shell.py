"""The interactive shell of `assay sql`: statements over several lines, history, completion, and commands with a dot."""

import contextlib
import os
import readline
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from assay.ask.completion import completions
from assay.ask.delta_files import DeltaFiles
from assay.ask.kinds import NotQuickError
from assay.ask.output import FORMATS, show
from assay.ask.question import ENGINES, local_folder
from assay.ask.wording import is_whole, statements
from assay.errors import AssayError, ConfigError, nearest
from assay.lakehouse import Lakehouse
from assay.text_table import text_table

PROMPT, GOES_ON = "assay> ", "   ... "
_KEPT = 10_000
_ENDS = " \t\n(),;=<>!+*/|'\""
"""Between the words that are completed."""


@dataclass
class Shell:
    """What the shell asks, and how it shows the answers.

    Args:
        lakehouse: Whose tables are asked.
        engine: Who answers.
        format: How answers are shown.
        limit: Most rows that are shown.
    """

    lakehouse: Lakehouse
    engine: str
    format: str
    limit: int | None
    _found: list[str] = field(default_factory=list, init=False)

    def run(self) -> None:
        """Read statements and commands until the end of input; an error ends the statement, not the shell."""
        history = _history()
        readline.set_auto_history(False)
        readline.set_completer_delims(_ENDS)
        readline.set_completer(self._complete)
        readline.parse_and_bind("tab: complete")
        print("SQL, ended by a semicolon; .help lists the commands; Ctrl-D ends.")  # noqa: T201  # a command's answer
        try:
            with contextlib.suppress(EOFError):
                while True:
                    self._obey(_read())
        finally:
            readline.set_history_length(_KEPT)
            with contextlib.suppress(OSError):  # of a home that cannot be written, nothing is remembered
                readline.write_history_file(history)

    def _obey(self, text: str) -> None:
        try:
            if text.startswith((".", "\\")):
                self._command(*text.rstrip("; ").split())
                return
            for statement in statements(text):
                show(self.lakehouse, statement, format=self.format, limit=self.limit, engine=self.engine)
        except AssayError as error:
            print(f"assay: {error}", file=sys.stderr)  # noqa: T201
        except KeyboardInterrupt:
            print("\nassay: the query was cancelled", file=sys.stderr)  # noqa: T201

    def _command(self, name: str, *words: str) -> None:
        if name not in COMMANDS:
            raise ConfigError(f"There is no command {name}.", expected=nearest(name, COMMANDS))
        call, takes, _ = COMMANDS[name]
        if len(words) > 1 or (words and not takes):
            raise ConfigError(f"{name} takes {takes or 'nothing'}.", found=" ".join(words))
        call(self, words[0] if words else "")

    def tables(self, begins: str) -> None:
        """The names of all tables, or of those that begin so."""
        names = [name for name in self._files().names() if name.startswith(begins)]
        print("\n".join(names) if names else "No table yet.")  # noqa: T201

    def columns(self, name: str) -> None:
        """The columns of a table and their types; without a name, the tables."""
        if not name:
            self.tables("")
            return
        try:
            found = [[column.name, column.type] for column in self._files().columns(name)]
        except NotQuickError:
            show(self.lakehouse, f"DESCRIBE TABLE {name}", format=self.format, limit=self.limit, engine="spark")
        else:
            print(text_table(["column", "type"], found))  # noqa: T201

    def set_engine(self, name: str) -> None:
        """Who answers from now on."""
        self.engine = _one_of(name or self.engine, ENGINES)
        print(self.engine)  # noqa: T201

    def set_format(self, name: str) -> None:
        """How answers are shown from now on."""
        self.format = _one_of(name or self.format, [known for known in FORMATS if known != "parquet"])
        print(self.format)  # noqa: T201

    def set_limit(self, number: str) -> None:
        """How many rows are shown from now on."""
        if number and not (number.isdigit() and int(number)):
            raise ConfigError("The limit is not a number of rows.", found=number, expected="1 or more")
        self.limit = int(number) if number else self.limit
        print(self.limit or "as usual")  # noqa: T201

    def help(self, _: str) -> None:
        """What can be typed."""
        lines = [f"  {name:<9} {takes:<8} {told}" for name, (_, takes, told) in COMMANDS.items()]
        print("\n".join(lines))  # noqa: T201

    def quit(self, _: str) -> None:
        """End the shell."""
        raise EOFError

    def _files(self) -> DeltaFiles:
        try:
            return DeltaFiles(local_folder(self.lakehouse))
        except NotQuickError as why:
            raise ConfigError(
                "The names cannot be listed.", found=str(why), do="ask Spark: show tables in gold;"
            ) from why

    def _complete(self, word: str, state: int) -> str | None:
        if state == 0:
            self._found = self._completions(word)
        return self._found[state] if state < len(self._found) else None

    def _completions(self, word: str) -> list[str]:
        before = readline.get_line_buffer()
        if before.lstrip().startswith((".", "\\")) and before.lstrip() == word:
            return [name for name in COMMANDS if name.startswith(word)]
        with contextlib.suppress(AssayError):
            return completions(word, before, self._files())
        return completions(word, before, None)


def _one_of(name: str, known: tuple[str, ...] | list[str]) -> str:
    if name not in known:
        raise ConfigError(f"{name} is none of them.", expected=nearest(name, known))
    return name


def _read() -> str:
    """A command, or a statement up to its semicolon; EOFError at the end of input. Ctrl-C drops what was begun."""
    lines: list[str] = []
    while True:
        try:
            lines.append(input(GOES_ON if lines else PROMPT))
        except EOFError:
            print()  # noqa: T201
            raise
        except KeyboardInterrupt:
            print()  # noqa: T201
            lines = []
            continue
        text = "\n".join(lines).strip()
        if text and (is_whole(text) or text.startswith((".", "\\"))):
            readline.add_history("; ".join(statements(text)).replace("\n", " ") + (";" if is_whole(text) else ""))
            return text
        lines = lines if text else []


def _history() -> Path:
    """The file of what was typed before, which nobody else may read; it is read in."""
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    path = state / "assay" / "sql_history"
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        readline.read_history_file(path)
    return path


COMMANDS: Mapping[str, tuple[Callable[[Shell, str], None], str, str]] = {
    ".tables": (Shell.tables, "[BEGIN]", "the tables whose names begin so, or all"),
    ".columns": (Shell.columns, "TABLE", "the columns of a table"),
    ".engine": (Shell.set_engine, "[NAME]", f"who answers: {', '.join(ENGINES)}"),
    ".format": (Shell.set_format, "[NAME]", "how: table, csv, json"),
    ".limit": (Shell.set_limit, "[ROWS]", "most rows to show"),
    ".help": (Shell.help, "", "this list"),
    ".quit": (Shell.quit, "", "the end, as Ctrl-D"),
    "\\d": (Shell.columns, "[TABLE]", "as in psql: .columns, or .tables"),
    "\\q": (Shell.quit, "", "as in psql: .quit"),
}

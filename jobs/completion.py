"""`assay completion bash | zsh | fish`: a script by which the shell completes commands and options."""

import sys

if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder, whose names would hide the layers bronze and silver, and dbt


import argparse
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from unittest.mock import patch

from assay.cli import COMMANDS, job_of, parser, run

Options = Mapping[str, Sequence[argparse.Action]]
"""Command -> what it takes."""


def main(arguments: Sequence[str]) -> None:
    """Print a script by which the shell completes commands, options and their choices."""
    options = parser(main.__doc__ or "", as_of=False)
    options.add_argument("shell", choices=sorted(SHELLS), help="for which shell")
    given = options.parse_args(arguments)
    script = SHELLS[given.shell]({name: parser_of(name)._actions for name in COMMANDS})  # noqa: SLF001
    print(json.dumps({"script": script}) if given.json else script, end="\n" if given.json else "")  # noqa: T201


class _Built(Exception):  # noqa: N818  # not an error: it carries a parser out of a job's main
    def __init__(self, made: argparse.ArgumentParser) -> None:
        self.made = made


def parser_of(command: str) -> argparse.ArgumentParser:
    """The argument parser of a command, without running it."""

    def stop(made: argparse.ArgumentParser, *_: object, **__: object) -> None:
        raise _Built(made)

    with patch.object(argparse.ArgumentParser, "parse_args", stop):
        try:
            job_of(command).main([])
        except _Built as built:
            return built.made
    raise AssertionError(f"assay {command} parses no arguments")


def _bash(options: Options) -> str:
    cases, after = _cases(options, "words='{}'", "return")
    return f"""\
# Written by assay completion bash; to be sourced by ~/.bashrc
_assay() {{
    local word="${{COMP_WORDS[COMP_CWORD]}}" command="${{COMP_WORDS[1]}}" words=
    if [ "$COMP_CWORD" -eq 1 ]; then
        words='{_first()}'
    else
        case "$command:${{COMP_WORDS[COMP_CWORD-1]}}" in
{cases}
        *) case "$command" in
{after}
            esac ;;
        esac
    fi
    COMPREPLY=($(compgen -W "$words" -- "$word"))
}}
complete -o default -F _assay assay
"""


def _zsh(options: Options) -> str:
    cases, after = _cases(options, "compadd -- {}", "_files")
    return f"""\
# Written by assay completion zsh; to be sourced by ~/.zshrc, after compinit
_assay() {{
    local command="$words[2]"
    if (( CURRENT == 2 )); then
        compadd -- {_first()}
    else
        case "$command:$words[CURRENT-1]" in
{cases}
        *) case "$command" in
{after}
            esac ;;
        esac
    fi
}}
compdef _assay assay
"""


def _first() -> str:
    return " ".join([*COMMANDS, "--help", "--version"])


def _cases(options: Options, words: str, files: str) -> tuple[str, str]:
    """Branches of a shell's `case`: what may stand after an option that takes a value, and after a command.

    Args:
        options: What the commands take.
        words: What the shell is to do where there is a choice of words.
        files: What it is to do where anything may stand: complete the name of a file.
    """
    cases = [
        f"        {_at(name, [action])}) {words.format(' '.join(_choices(action)))} ;;"
        for name, actions in options.items()
        for action in actions
        if action.option_strings and _choices(action)
    ] + [
        f"        {_at(name, free)}) {files} ;;"
        for name, actions in options.items()
        if (free := [one for one in actions if one.option_strings and one.nargs != 0 and not _choices(one)])
    ]
    after = [f"            {name}) {words.format(' '.join(_words(actions)))} ;;" for name, actions in options.items()]
    return "\n".join(cases), "\n".join(after)


def _at(command: str, actions: Sequence[argparse.Action]) -> str:
    """A pattern of a command and the option that stands before the word."""
    return "|".join(f"{command}:{option}" for action in actions for option in action.option_strings)


def _fish(options: Options) -> str:
    lines = [
        "# Written by assay completion fish; to be kept as ~/.config/fish/completions/assay.fish",
        "complete -c assay -f",
    ]
    for name, actions in options.items():
        lines.append(f"complete -c assay -n __fish_use_subcommand -a {name} -d {_quoted(COMMANDS[name])}")
        lines += [
            f"complete -c assay -n '__fish_seen_subcommand_from {name}' {told}"
            for action in actions
            for told in _fish_option(action)
        ]
    return "\n".join([*lines, ""])


def _fish_option(action: argparse.Action) -> Iterator[str]:
    choices = f" -a '{' '.join(_choices(action))}'" if _choices(action) else ""
    if not action.option_strings:
        if choices:
            yield choices.strip()
        return
    names = "".join(f" {'-l' if name.startswith('--') else '-s'} {name.lstrip('-')}" for name in action.option_strings)
    takes = (" -x" if choices else " -r -F") if action.nargs != 0 else ""
    yield f"{names.strip()}{takes}{choices} -d {_quoted(action.help or '')}"


def _words(actions: Sequence[argparse.Action]) -> list[str]:
    """What may stand after a command: options, and words where there is a choice."""
    return [word for action in actions for word in (action.option_strings or _choices(action))]


def _choices(action: argparse.Action) -> list[str]:
    return [str(choice) for choice in action.choices or ()]


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


SHELLS: Mapping[str, Callable[[Options], str]] = {"bash": _bash, "fish": _fish, "zsh": _zsh}


if __name__ == "__main__":
    raise SystemExit(run(main))

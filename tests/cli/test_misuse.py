"""What a person mistypes is one line and exit code 2, whichever command and option it was."""

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from vapor_cli.main import app


def commands(group=None, path=()):
    """Every command by its words, with its parameters."""
    for name, command in (group or get_command(app)).commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


def takes_a_number(option):
    """As this version of typer says it."""
    described = getattr(option, "type_descriptor", None)
    return described.annotation in (int, float) if described else option.type.name in ("integer", "float")


NUMBERS = [
    ([*words, option.opts[0], "x"], option.opts[0])
    for words, command in commands()
    for option in command.params
    if option.opts[0].startswith("--") and takes_a_number(option)
]
MISTYPED = [
    *NUMBERS,
    *(
        ([*words, "--nope"], "--nope") for words, _ in commands() if words[0] not in ("run", "serve")
    ),  # theirs go on
    (["nope"], "nope"),
    (["journal", "nope"], "nope"),
    (["journal", "check"], "PATH_OR_URL"),
    (["measure", "more"], "more"),
]


def test_there_are_options_that_take_a_number():
    assert len(NUMBERS) >= 3


@pytest.mark.parametrize(("words", "named"), MISTYPED, ids=[" ".join(words) for words, _ in MISTYPED])
def test_a_mistyped_word_is_one_line(words, named):
    """`--count x` drew a box of five lines."""
    said = CliRunner().invoke(app, words)
    assert said.exit_code == 2
    assert said.stdout == ""
    assert len(said.stderr.splitlines()) == 1
    assert named in said.stderr
    assert "\u2500" not in said.stderr


def test_without_a_command_the_help_is_shown():
    said = CliRunner().invoke(app, [])
    assert "Commands" in said.output
    assert said.exit_code == 2

"""However a command is called wrongly, what is said is one line, with exit code 2."""

import pytest
from typer.testing import CliRunner

from vapor_cli.main import app

WRONG = [
    ["estimate", "--model", "openai-community/gpt2", "--count", "x"],
    ["estimate", "--max-cost", "much"],
    ["estimate", "--unheard-of"],
    ["follow"],
    ["serve", "--port", "x"],
    ["serve", "--unheard-of"],
    ["run", "--port", "x"],
    ["measure", "more"],
    ["doctor", "--repair"],
    ["journal", "check"],
    ["journal", "nothing"],
    ["nothing"],
]


@pytest.mark.parametrize("call", WRONG, ids=" ".join)
def test_a_wrong_call_is_one_line(call):
    said = CliRunner().invoke(app, call)
    assert said.exit_code == 2
    assert len(said.stderr.strip().splitlines()) == 1
    assert not said.stdout


def test_help_is_no_error():
    for call in (["--help"], ["estimate", "--help"], ["journal", "--help"]):
        said = CliRunner().invoke(app, call)
        assert said.exit_code == 0
        assert "Usage" in said.stdout

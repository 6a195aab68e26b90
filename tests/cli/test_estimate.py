"""`vapor estimate`: the table, the JSON, and the exit codes that a pipeline goes by."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from vapor_cli.main import app
from vapor_core.advice.estimate import estimate
from vapor_core.contracts.training import JobConfig

FILES = Path(__file__).parents[1] / "data" / "trainers"
SMALL = ["--model", "HuggingFaceTB/SmolLM2-135M"]
LARGE = ["--model", "Qwen/Qwen2.5-7B", "--method", "full"]


def vapor(*words, given=None):
    return CliRunner().invoke(app, ["estimate", *words], input=given)


def test_a_model_and_a_method_are_enough_and_every_figure_has_its_range():
    said = vapor(*SMALL)
    found = estimate(JobConfig(model="HuggingFaceTB/SmolLM2-135M"))
    assert said.exit_code == 0, said.output
    assert "It fits." in said.output
    for label in (
        "memory of a card",
        "time",
        "cost",
        "train loss, last",
        "eval loss, last",
        "tokens a second",
    ):
        assert any(line.startswith(label) and " to " in line for line in said.output.splitlines()), label
    assert f"{found.final_loss:.3f}" in said.output


def test_json_holds_the_whole_estimate_and_nothing_else_is_printed():
    said = json.loads(vapor(*SMALL, "--json").stdout)
    config = JobConfig(**said["config"])
    assert said["estimate"] == estimate(config).model_dump(mode="json")
    assert said["exceeded"] == []


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ([*LARGE], 0, ""),
        ([*LARGE, "--must-fit"], 1, "the card has 24 GB"),
        ([*SMALL, "--must-fit"], 0, ""),
        ([*SMALL, "--max-cost", "0.0001"], 1, "may cost $0.00"),
        ([*SMALL, "--max-cost", "1000"], 0, ""),
        ([*SMALL, "--max-hours", "0.0001"], 1, "hours"),
        ([*SMALL, "--max-hours", "1e6"], 0, ""),
    ],
)
def test_limits_set_the_exit_code_and_say_why(words, code, told):
    said = vapor(*words)
    assert (said.exit_code, "refused:" in said.stderr) == (code, code == 1)
    assert told in said.stderr


def test_the_upper_end_of_a_range_can_be_held_against_a_limit():
    found = estimate(JobConfig(model="HuggingFaceTB/SmolLM2-135M"))
    between = str((found.cost_usd + found.cost_usd_high) / 2)
    assert vapor(*SMALL, "--max-cost", between).exit_code == 0
    assert vapor(*SMALL, "--max-cost", between, "--surely").exit_code == 1


@pytest.mark.parametrize("file", sorted(path.name for path in FILES.iterdir()))
def test_any_trainers_file_is_estimated_or_refused_in_one_line(file):
    said = vapor(str(FILES / file))
    if said.exit_code == 0:
        assert "steps" in said.output
    else:
        assert said.exit_code == 2
        assert len(said.stderr.strip().splitlines()) == 1
        with_model = vapor(str(FILES / file), "--model", "Qwen/Qwen2.5-0.5B")
        assert with_model.exit_code == 0, with_model.stderr


def test_a_file_is_read_from_stdin_and_options_come_before_what_it_says():
    own = json.dumps({"model": "HuggingFaceTB/SmolLM2-135M", "micro_batch_size": 2})
    said = json.loads(vapor("-", "--json", "--count", "2", "--set", "learning_rate=1e-5", given=own).stdout)[
        "config"
    ]
    assert (said["micro_batch_size"], said["accelerator_count"], said["learning_rate"]) == (2, 2, 1e-5)


def test_what_a_file_leaves_out_or_cannot_say_is_named():
    said = vapor(str(FILES / "axolotl_dpo.yaml"), "--model", "Qwen/Qwen2.5-0.5B").output
    assert "not modelled: datasets" in said
    assert "assumed:" in said


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["none.yaml"],
        [str(FILES)],
        ["--model", "me/none"],
        [*SMALL, "--accelerator", "abacus"],
        [*SMALL, "--set", "micro_batch_size=many"],
        [*SMALL, "--set", "micro_batch_size"],
        [*SMALL, "--set", "x=[1"],
        [*SMALL, "--set", "self=1"],
    ],
)
def test_what_cannot_be_estimated_is_one_line_and_no_traceback(words):
    said = vapor(*words)
    assert said.exit_code == 2
    assert len(said.stderr.strip().splitlines()) == 1
    assert not said.stdout


def test_the_first_word_waits_for_no_server_no_database_and_no_charts():
    """What it imports: a figure in seconds would be one of the machine that runs the test."""
    program = (
        "import sys; sys.argv = ['vapor', 'estimate', '--model', 'HuggingFaceTB/SmolLM2-135M', '--json']\n"
        "from vapor_cli.main import app\n"
        "try: app()\n"
        "except SystemExit: pass\n"
        "heavy = {'streamlit', 'sqlalchemy', 'altair', 'pandas', 'pyarrow', 'torch', 'rich.table'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603 - our own
    assert done.stderr.strip() == "[]"
    assert json.loads(done.stdout)["exceeded"] == []


def test_colours_are_for_terminals():
    said = vapor(*LARGE)
    assert "\x1b[" not in said.output

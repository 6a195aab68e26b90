"""The script that Export hands out is the program that runs here: the same losses from the same spec and seed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.real.programs import ROWS, folder_of, tiny, told, trained
from vapor_core.backends.local.supervisor import ENVIRONMENT
from vapor_core.exports.launch_spec import launch_spec
from vapor_core.exports.single_file import single_file

pytestmark = pytest.mark.real
RUN = [sys.executable]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


def script_ran(folder: Path, config, command: list[str] = RUN) -> subprocess.CompletedProcess:
    """Let the exported script run, in a folder where nothing of Vapor can be imported."""
    folder.mkdir()
    spec = {**launch_spec(config), "most_rows": ROWS}
    (folder / "train.py").write_text(single_file(spec, docstring="A test.", packages=()), encoding="utf-8")
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | ENVIRONMENT
    command = [*command, "train.py", "out"]
    return subprocess.run(  # noqa: S603
        command, cwd=folder, capture_output=True, text=True, timeout=240, env=env, check=False
    )


def test_it_learns_the_same_as_the_program_here(tmp_path):
    config = tiny(schedule="cosine", seed=3)
    here = folder_of(tmp_path / "here", config)
    assert trained(here).returncode == 0
    done = script_ran(tmp_path / "there", config)
    assert done.returncode == 0, done.stderr[-2000:]
    there = tmp_path / "there" / "out"
    for event, value in (("log", "loss"), ("log", "learning_rate"), ("eval", "eval_loss")):
        ours, theirs = ([(line["step"], line[value]) for line in told(each, event)] for each in (here, there))
        assert ours == theirs and len(ours) > 1, value
    assert told(there, "end")[-1]["reason"] == "completed"
    assert list((there / "result").glob("*.safetensors"))


def test_torchrun_spreads_the_batch_and_the_first_worker_tells(tmp_path):
    done = script_ran(tmp_path / "two", tiny(accelerator_count=2, max_steps=4), TORCHRUN)
    assert done.returncode == 0, done.stderr[-2000:]
    there = tmp_path / "two" / "out"
    assert [line["step"] for line in told(there, "log")] == [1, 2, 3, 4]
    assert told(there, "log")[-1]["tokens"] == pytest.approx(4 * 2 * 2 * 64, rel=0.02)
    assert [line["reason"] for line in told(there, "end")] == ["completed"]


def test_another_number_of_workers_is_refused_in_a_sentence(tmp_path):
    done = script_ran(tmp_path / "one", tiny(accelerator_count=2))
    assert done.returncode == 1
    assert (
        "2 accelerators are asked for and 1 can be used"
        in told(tmp_path / "one" / "out", "end")[0]["message"]
    )

"""What was acknowledged survives kills and flipped bytes; `make kill` and `make rot` do it hundreds of times."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def run(module, *options):
    command = [sys.executable, "-m", f"benchmarks.{module}", *options]
    done = subprocess.run(  # noqa: S603 - our own interpreter and program
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.postgres
def test_nothing_acknowledged_is_lost_and_nothing_false_is_said_when_processes_are_killed():
    output = run("kill", "--kills", "10", "--server-kills", "10", "--seed", "7")
    assert "10 kills" in output and not re.search(r"\b0 actions", output)


def test_no_flipped_byte_changes_or_loses_an_event_in_silence():
    output = run("rot", "--flips", "60", "--seed", "7")
    assert "0 silent, 0 errors" in output and "told" in output

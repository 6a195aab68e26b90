"""A workspace that is killed at any instant loses nothing that was acknowledged; `make kill` does it 300 times."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def test_nothing_acknowledged_is_lost_when_a_busy_workspace_is_killed():
    command = [sys.executable, "-m", "benchmarks.kill", "--kills", "10", "--seed", "7"]
    done = subprocess.run(  # noqa: S603 - our own interpreter and program
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "10 kills" in done.stdout and " 0 actions" not in done.stdout

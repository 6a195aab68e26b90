"""A fork is called after its parent, whatever the parent is called."""

import pytest

from vapor_core.contracts.training import JobConfig
from vapor_core.workspace.store import Store


@pytest.mark.parametrize(
    ("name", "fork"),
    [
        ("run", "run fork"),
        ("run fork", "run fork 2"),
        ("run fork 2", "run fork 3"),
        ("run fork 9", "run fork 10"),
        ("run fork fork fork", "run fork 4"),  # as forks of forks were called before they were counted
        ("pitch fork stand", "pitch fork stand fork"),
        ("run 2", "run 2 fork"),
        ("x" * 196, "x" * 195 + " fork"),
        ("x" * 200, "x" * 195 + " fork"),
        ("x" * 195 + " fork", "x" * 193 + " fork 2"),
        ("x" * 191 + " fork 999", "x" * 190 + " fork 1000"),
        (" fork"[1:], "fork fork"),
    ],
)
def test_a_job_of_a_long_name_can_be_forked_and_forks_of_forks_are_counted(name, fork):
    store = Store()
    store.submit(JobConfig(model="openai-community/gpt2", max_steps=50), name=name, now=0.0)
    store.advance(now=1e5)
    assert store.fork("job-1", step=10, changes={}, now=1e5).name == fork

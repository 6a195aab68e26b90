from typing import get_args

import pytest

from vapor_core.contracts.lifecycle import (
    DEPLOYMENT_ENDS,
    DEPLOYMENT_TRANSITIONS,
    JOB_ENDS,
    JOB_TRANSITIONS,
    DeploymentStatus,
    JobStatus,
    check_deployment,
    check_job,
)
from vapor_core.errors import ForbiddenTransition

JOB_STATUSES, DEPLOYMENT_STATUSES = get_args(JobStatus), get_args(DeploymentStatus)


def test_every_status_has_a_row_and_leads_to_known_ones():
    assert set(JOB_STATUSES) == set(JOB_TRANSITIONS)
    assert set(DEPLOYMENT_STATUSES) == set(DEPLOYMENT_TRANSITIONS)
    assert {target for row in JOB_TRANSITIONS.values() for target in row} <= set(JOB_STATUSES)
    assert {target for row in DEPLOYMENT_TRANSITIONS.values() for target in row} <= set(DEPLOYMENT_STATUSES)


def test_ends_are_final():
    assert {"completed", "failed", "stopped"} == JOB_ENDS
    assert {"stopped", "failed"} == DEPLOYMENT_ENDS


def pairs(statuses, allowed):
    """Pairs of states that a table lets follow each other, and the others."""
    every = [(status, target) for status in statuses for target in statuses]
    return [pair for pair in every if pair[1] in allowed[pair[0]]], [
        pair for pair in every if pair[1] not in allowed[pair[0]]
    ]


JOB_PASSES, JOB_REFUSED = pairs(JOB_STATUSES, JOB_TRANSITIONS)
DEPLOYMENT_PASSES, DEPLOYMENT_REFUSED = pairs(DEPLOYMENT_STATUSES, DEPLOYMENT_TRANSITIONS)


@pytest.mark.parametrize(
    ("status", "target"),
    [
        ("queued", "initializing"),
        ("initializing", "running"),
        ("running", "paused"),
        ("running", "completed"),
    ],
)
def test_the_way_of_a_job_is_in_the_table(status, target):
    assert (status, target) in JOB_PASSES


@pytest.mark.parametrize(("status", "target"), JOB_PASSES)
def test_a_job_passes_where_the_table_lets_it(status, target):
    check_job("job-1", status, target)


@pytest.mark.parametrize(("status", "target"), JOB_REFUSED)
def test_a_job_passes_nowhere_else(status, target):
    with pytest.raises(ForbiddenTransition) as told:
        check_job("job-1", status, target)
    sentence = str(told.value)
    assert f"job-1 is {status} and cannot become {target}" in sentence
    assert all(allowed in sentence for allowed in JOB_TRANSITIONS[status])


@pytest.mark.parametrize(("status", "target"), DEPLOYMENT_PASSES)
def test_a_deployment_passes_where_the_table_lets_it(status, target):
    check_deployment("deployment-1", status, target)


@pytest.mark.parametrize(("status", "target"), DEPLOYMENT_REFUSED)
def test_a_deployment_passes_nowhere_else(status, target):
    with pytest.raises(ForbiddenTransition, match=f"deployment-1 is {status} and cannot become {target}"):
        check_deployment("deployment-1", status, target)


def test_a_final_state_is_called_final():
    with pytest.raises(ForbiddenTransition, match="completed is final"):
        check_job("job-1", "completed", "running")

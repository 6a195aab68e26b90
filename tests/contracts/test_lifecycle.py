import pytest

from vapor_core.contracts.lifecycle import (
    DEPLOYMENT_ENDS,
    DEPLOYMENT_STATUSES,
    DEPLOYMENT_TRANSITIONS,
    JOB_ENDS,
    JOB_STATUSES,
    JOB_TRANSITIONS,
    check_deployment,
    check_job,
)
from vapor_core.errors import ForbiddenTransition


def test_every_status_has_a_row_and_leads_to_known_ones():
    assert set(JOB_STATUSES) == set(JOB_TRANSITIONS)
    assert set(DEPLOYMENT_STATUSES) == set(DEPLOYMENT_TRANSITIONS)
    assert {target for row in JOB_TRANSITIONS.values() for target in row} <= set(JOB_STATUSES)
    assert {target for row in DEPLOYMENT_TRANSITIONS.values() for target in row} <= set(DEPLOYMENT_STATUSES)


def test_ends_are_final():
    assert {"completed", "failed", "stopped"} == JOB_ENDS
    assert {"stopped", "failed"} == DEPLOYMENT_ENDS


@pytest.mark.parametrize("status", JOB_STATUSES)
@pytest.mark.parametrize("target", JOB_STATUSES)
def test_a_job_passes_exactly_where_the_table_lets_it(status, target):
    if target in JOB_TRANSITIONS[status]:
        check_job("job-1", status, target)
        return
    with pytest.raises(ForbiddenTransition) as told:
        check_job("job-1", status, target)
    sentence = str(told.value)
    assert f"job-1 is {status} and cannot become {target}" in sentence
    assert all(allowed in sentence for allowed in JOB_TRANSITIONS[status])


@pytest.mark.parametrize("status", DEPLOYMENT_STATUSES)
@pytest.mark.parametrize("target", DEPLOYMENT_STATUSES)
def test_a_deployment_passes_exactly_where_the_table_lets_it(status, target):
    if target in DEPLOYMENT_TRANSITIONS[status]:
        check_deployment("deployment-1", status, target)
        return
    with pytest.raises(ForbiddenTransition, match=f"deployment-1 is {status} and cannot become {target}"):
        check_deployment("deployment-1", status, target)


def test_a_final_state_is_called_final():
    with pytest.raises(ForbiddenTransition, match="completed is final"):
        check_job("job-1", "completed", "running")

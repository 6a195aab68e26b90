"""A choice that a person has made stays made while time goes on."""

import pytest
from screen import opened, ran, still_store

from vapor_core.contracts.training import JobConfig

CONFIG = JobConfig(
    model="HuggingFaceTB/SmolLM2-135M", dataset="yahma/alpaca-cleaned", accelerator="nvidia-l4", epochs=1
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "parameters"), [("3_Compare", {"jobs": "job-1,job-2"}), ("2_Monitor", {}), ("7_Calibrate", {})]
)
def test_a_running_job_does_not_fall_out_of_what_was_chosen(page, parameters):
    """A browser sends labels back; a running job's told how far it was, and was no choice any more a second later."""
    store = still_store()
    for seed in (1, 2):
        store.submit(CONFIG.changed(seed=seed), now=0.0)
    app = opened(page, store, parameters)
    offered = [each.options for each in (*app.multiselect, *app.selectbox)]
    assert any("job-1" in label for labels in offered for label in labels)
    for now in (1.0, 2.0):  # to a run that has begun, and on
        store.skip(600.0, now=now)
        store.advance(now=now)
        ran(app)
        assert [each.options for each in (*app.multiselect, *app.selectbox)] == offered
    assert store.job("job-1").step > 0

"""A run at the Hub from the form: its machines at its prices, a token that is kept nowhere, and given again."""

import time

import pytest
from screen import button, opened, ran, still_store, store_of, words

from tests.backends.hf_jobs.conftest import at_the_hub  # noqa: F401 - a fixture
from tests.backends.hf_jobs.hub import OTHER, TOKEN
from tests.backends.hf_jobs.using import until, until_true
from vapor_core.backends.hf_jobs import hardware, jobs

pytestmark = pytest.mark.slow  # processes, threads and pages

PAGE, MONITOR = "1_Train", "2_Monitor"


@pytest.fixture
def server(at_the_hub, monkeypatch):  # noqa: F811
    """One that may use the Hub, on loopback."""
    monkeypatch.setattr("vapor_ui.shell.settings.st.get_option", lambda name: "127.0.0.1")
    monkeypatch.setenv("VAPOR_TEST_STEP_S", "0.03")
    return at_the_hub


def at_the_hubs(store=None):
    app = opened(PAGE, store)
    app.segmented_control(key="train.backend").set_value("hf_jobs")
    return ran(app)


def with_machine(app, name="hf-jobs/l4x1", token=TOKEN):
    app.selectbox(key="train.rented_machine").set_value(name)
    ran(app)
    app.text_input(key="rental.key").input(token)
    return ran(app)


def small():
    store = still_store()
    store.choices["train"] = {"model": "HuggingFaceTB/SmolLM2-135M", "max_steps": 20}
    return store


def test_the_hubs_machines_are_offered_with_their_prices(server):
    app = at_the_hubs()
    offers = app.selectbox(key="train.rented_machine").options
    assert offers == [
        "CPU server (cpu-basic), $0.01 an hour",
        "L4 (l4x1), $0.80 an hour",
        "4 × A100 80 GB (a100x4), $10.00 an hour",
    ]
    assert button(app, "Train for real").disabled
    assert "Choose a machine and give your token first" in words(app)
    assert "The result is lost when the job ends" in words(app)


def test_a_run_is_started_with_the_persons_token_and_seen_on_monitor(server, tmp_path):
    store = small()
    app = with_machine(at_the_hubs(store))
    assert app.text_input(key="rental.key").proto.type == app.text_input(key="rental.key").proto.PASSWORD
    assert TOKEN not in words(app)
    button(app, "Train for real").click()
    ran(app)
    (job,) = store_of(app).jobs()
    assert (job.config.backend, job.config.accelerator.id) == ("hf_jobs", "hf-jobs/l4x1")
    assert job.expected is not None
    until(store, job.id, "completed")
    assert len(server.jobs) == 1
    events = store.journal.read(store.workspace)
    assert TOKEN not in repr(events) + repr(store.choices)


def test_a_token_that_is_refused_is_told_beside_the_form_and_nothing_is_recorded(server):
    store = small()
    app = with_machine(at_the_hubs(store), token="hf_thisIsNobodysToken")  # noqa: S106
    button(app, "Train for real").click()
    ran(app)
    assert "refuses the token" in words(app) and "hf_thisIsNobodysToken" not in words(app)
    assert not store.jobs()


def test_a_machine_of_several_cards_is_taken_whole_and_left_behind_with_the_hub(server):
    app = with_machine(at_the_hubs(), "hf-jobs/a100x4")
    chosen = store_of(app).choices["train"]
    assert chosen["accelerator_count"] == 4
    app.segmented_control(key="train.backend").set_value("simulated")
    ran(app)
    assert not button(app, "Start training").disabled
    assert "a100x4" not in words(app)


def test_a_hub_that_tells_no_machines_is_said_and_can_be_asked_again(server):
    hardware.forget()
    server.faults["GET /api/jobs/hardware"] = (503, {}, b"")
    app = at_the_hubs()
    assert "fault of its own" in words(app)
    assert button(app, "Train for real").disabled
    server.faults.clear()
    button(app, "Ask again").click()
    ran(app)
    assert len(app.selectbox(key="train.rented_machine").options) == 3


def test_a_job_whose_token_the_server_has_forgotten_is_looked_at_again(server):
    store = small()
    app = with_machine(at_the_hubs(store))
    button(app, "Train for real").click()
    ran(app)
    until(store, "job-1", "running", step=2)
    jobs.forget_all()
    store.advance(now=time.time())
    app = opened(MONITOR, store, job="job-1")
    assert "Give your token again to look at this job" in words(app)
    app.text_input(key="rental.key").input(OTHER)
    ran(app)
    button(app, "Look at this job again").click()
    ran(app)
    assert "the token is of bob" in words(app)
    app.text_input(key="rental.key").input(TOKEN)
    ran(app)
    button(app, "Look at this job again").click()
    ran(app)
    until_true(lambda: until(store, "job-1", "running", "completed").step > 3)
    assert len(server.jobs) == 1

"""Rehearse or run for real: the form, where the server allows it, on the machine as it was measured."""

import json

import pytest
from screen import ROOT, button, opened, ran, still_store, store_of, words
from streamlit.testing.v1 import AppTest

from tests.backends.local.test_machine import PROCESSOR
from vapor_core import JobConfig
from vapor_core.backends.base import JobSpec
from vapor_core.backends.local.jobs import LocalJobs

PAGE = "1_Train"


@pytest.fixture
def server(tmp_path, monkeypatch):
    """One that may train, on loopback."""
    monkeypatch.setenv("VAPOR_BACKENDS", "local")
    monkeypatch.setenv("VAPOR_RUNS", str(tmp_path))
    monkeypatch.setattr("vapor_core.backends.local.jobs.NEEDED", ())
    monkeypatch.setattr("vapor_core.backends.local.jobs.LocalJobs._supervise", lambda self, run: None)
    monkeypatch.setattr("vapor_ui.shell.settings.st.get_option", lambda name: "127.0.0.1")
    return tmp_path


def for_real(app):
    app.segmented_control(key="train.backend").set_value("local")
    return ran(app)


def test_a_server_that_does_no_real_work_offers_none(monkeypatch):
    monkeypatch.delenv("VAPOR_BACKENDS", raising=False)
    app = opened(PAGE)
    assert not [each for each in app.segmented_control if each.key == "train.backend"]
    assert store_of(app).choices["train"].get("backend") is None


def test_a_server_that_names_its_backends_in_its_secrets_trains_from_the_first_page_on(server, monkeypatch):
    """The core asked the environment alone, so that a run was refused until some page had read the secrets."""
    monkeypatch.delenv("VAPOR_BACKENDS")
    app = AppTest.from_file(str(ROOT / "Home.py"), default_timeout=30)
    app.secrets["VAPOR_BACKENDS"] = "local"
    ran(app)
    config = JobConfig(
        model="openai-community/gpt2", backend="local", dataset="python/standard-library", method="pretrain"
    )
    LocalJobs("default", None).check(JobSpec("job-1", config, 0.0))


def test_a_machine_that_was_not_measured_is_measured_first(server):
    app = for_real(opened(PAGE))
    assert button(app, "Train for real").disabled
    assert "until this machine is measured" in words(app)
    assert button(app, "Measure this machine")


def test_a_real_run_is_submitted_for_the_machine_with_what_it_was_rehearsed_to_be(server):
    (server / "machine.json").write_text(json.dumps(PROCESSOR))
    store = still_store()
    store.choices["train"] = {"dataset": "python/standard-library", "method": "pretrain", "max_steps": 20}
    app = for_real(opened(PAGE, store))
    assert not [each for each in app.selectbox if each.key == "train.accelerator"]
    assert "AMD EPYC" in words(app)
    button(app, "Train for real").click()
    ran(app)
    (job,) = store.jobs()
    assert job.config.backend == "local"
    assert job.config.accelerator.id == "this-machine"
    assert job.expected is not None
    assert job.status == "queued"


def test_an_hour_of_the_machine_has_the_price_that_its_owner_says(server):
    (server / "machine.json").write_text(json.dumps(PROCESSOR))
    app = for_real(opened(PAGE))
    app.number_input(key="train.machine_price").set_value(3.0)
    ran(app)
    assert json.loads((server / "machine.json").read_text())["price_per_hour"] == 3.0
    costs = {metric.label: metric.value for metric in app.metric}
    assert costs["Cost"] != "$0.00"


def test_a_choice_of_real_work_is_left_out_where_the_server_no_longer_allows_it(server, monkeypatch):
    (server / "machine.json").write_text(json.dumps(PROCESSOR))
    store = still_store()
    store.choices["train"] = {"backend": "local"}
    monkeypatch.setenv("VAPOR_BACKENDS", "")
    app = opened(PAGE, store)
    assert not button(app, "Start training").disabled


def test_what_is_proposed_for_the_machine_is_done_on_it(server):
    (server / "machine.json").write_text(json.dumps(PROCESSOR))
    store = still_store()
    store.choices["train"] = {"dataset": "python/standard-library", "model": "HuggingFaceTB/SmolLM2-135M"}
    app = in_dialog(for_real(opened(PAGE, store)))
    assert not [each for each in app.multiselect if each.label == "Accelerators"]
    in_dialog(app, lambda: button(app, "Propose").click())
    in_dialog(app, lambda: app.button(key="fit.take.0").click())
    assert store.choices["train"]["backend"] == "local"
    assert not button(app, "Train for real").disabled


def in_dialog(app, act=lambda: None):
    """The page with its dialog open: the press that opens it holds for one run."""
    button(app, "Fit it for me").click()
    act()
    return ran(app)

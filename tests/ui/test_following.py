"""Runs of others on a screen: where the server offers to follow them, and what is said of one."""

import json

import pytest
from screen import button, opened, ran, still_store, words

from vapor_core import catalog
from vapor_core.backends.followed.tracking import Point, tracked_run
from vapor_core.backends.unknown import UNKNOWN_CARD, UNKNOWN_DATA
from vapor_core.contracts.training import JobConfig

PAGE = "2_Monitor"


@pytest.fixture
def root(tmp_path, monkeypatch):
    """The server's folder of runs, with one in it."""
    monkeypatch.setenv("VAPOR_FOLLOW", str(tmp_path))
    monkeypatch.setenv("VAPOR_RUNS", str(tmp_path / "kept"))
    rows = [{"step": step, "loss": 3 - step / 100} for step in range(10, 60, 10)]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def test_a_server_without_a_folder_of_runs_offers_to_follow_none(monkeypatch):
    monkeypatch.delenv("VAPOR_FOLLOW", raising=False)
    app = opened(PAGE)
    assert "Follow it" not in [each.label for each in app.button]


def test_a_run_is_followed_from_the_list_and_shown(root):
    store = still_store()
    app = opened(PAGE, store)
    button(app, "Follow it").click()
    ran(app)
    (job,) = store.jobs()
    assert (job.name, job.step) == ("log.jsonl", 50)
    shown = opened(PAGE, store, {"job": job.id})
    assert "A run of another program, followed as it goes" in words(shown)
    assert "step 50 · running" in words(shown)
    labels = [each.label for each in shown.button]
    assert not {"Stop", "Pause", "Clone"} & set(labels)
    assert {metric.label: metric.value for metric in shown.metric}["Cost so far"] == "–"


def test_a_run_that_tells_its_settings_is_estimated_on_a_card_that_is_chosen(root):
    store = still_store()
    run = tracked_run(store.workspace, "a" * 32)
    run.create("0", "mine", 1_700_000_000_000, {})
    run.tell(points=[Point("loss", 2.0, 1_700_000_000_000 + step * 1000, step) for step in range(3)])
    job = store.track(run.run_id, "mine", now=1.0)
    config = JobConfig(
        model=catalog.model("gpt2"),
        method="full",
        accelerator=UNKNOWN_CARD,
        dataset=UNKNOWN_DATA,
        max_steps=100,
    )
    store.describe(job.id, config, now=1.0)
    app = opened(PAGE, store, {"job": job.id})
    assert "another program's run, as its parameters tell it" in words(app)
    app.selectbox(key=f"followed_card_{job.id}").set_value(catalog.accelerator("nvidia-l4"))
    ran(app)
    figures = {metric.label: metric.value for metric in app.metric}
    assert figures["A step"] != "–"
    button(app, "Clone").click()
    ran(app)
    assert store.choices["train"]["model"].id == "openai-community/gpt2"
    assert not {"accelerator", "dataset", "backend"} & store.choices["train"].keys()

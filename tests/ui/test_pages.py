"""Every page on a fresh, a demo and a failing workspace, and what a person does on Monitor, Compare and Deployments."""

import time

import numpy as np
import pandas as pd
import pytest
from screen import HOME, ROOT, labels, opened, press, ran, still_store, store_of, words

from vapor_core import catalog, text
from vapor_core.contracts.columns import SERVING_COLUMNS
from vapor_core.contracts.training import JobConfig
from vapor_core.readers.run_logs import read_log
from vapor_core.workspace import demo
from vapor_ui.deployments import endpoint

PAGES = sorted(path.stem for path in (ROOT / "pages").glob("*.py"))
MODEL = "HuggingFaceTB/SmolLM2-135M"
TINY = catalog.dataset("mhenrichsen/alpaca_2k_test").id


def fresh_store():
    return still_store()


def demo_store():
    store = still_store()
    demo.fill(store, now=1.0)
    store.set_speed(0.0, now=2.0)
    store.advance(now=3.0)
    return store


def failing_store():
    """One job too large for its card, one that diverged, both with names that try to be markup."""
    store = still_store()
    store.set_speed(3600.0, now=1.0)
    store.submit(JobConfig(model="Qwen/Qwen2.5-7B", method="full"), now=1.0, name="<b>too</b> **large**")
    hot = JobConfig(model=MODEL, dataset=TINY, method="full", learning_rate=0.5)
    store.submit(hot, now=1.0, name="[hot](https://evil.example) :material/star:")
    store.advance(now=500.0)
    store.set_speed(0.0, now=500.0)
    assert {job.status for job in store.jobs()} == {"failed"}
    return store


WORKSPACES = {"fresh": fresh_store, "demo": demo_store, "failing": failing_store}


@pytest.mark.parametrize("workspace", WORKSPACES)
@pytest.mark.parametrize("page", [HOME, *PAGES])
def test_every_page_draws_every_workspace(page, workspace):
    store = WORKSPACES[workspace]()
    app = opened(page, store)
    assert [title.value for title in app.title]
    assert not app.error


@pytest.mark.slow
@pytest.mark.parametrize("workspace", ["demo", "failing"])
def test_every_job_can_be_watched(workspace):
    store = WORKSPACES[workspace]()
    for job in store.jobs():
        app = opened("2_Monitor", store, job=job.id)
        assert app.subheader[0].value == text.plain(job.name, 120)
        assert bool(app.error) == (job.status == "failed")


@pytest.mark.slow
def test_a_blow_up_is_told_once_and_with_one_step():
    store = still_store()
    store.set_speed(3600.0, now=1.0)
    job = store.submit(JobConfig(model=MODEL, method="full", learning_rate=0.5), now=1.0)
    store.advance(now=500.0)
    store.set_speed(0.0, now=500.0)
    assert store.job(job.id).failure.code == "diverged"
    app = opened("2_Monitor", store, job=job.id)
    assert not [alert.value for alert in app.warning if "step" in alert.value]
    assert len([alert.value for alert in app.error if "step" in alert.value]) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "hostile",
    ["nobody", "../../etc/passwd", "<script>alert(1)</script>", "' OR 1=1 --", "j" * 5000],
)
@pytest.mark.parametrize(
    ("page", "parameter"), [("2_Monitor", "job"), ("3_Compare", "jobs"), ("4_Deployments", "deployment")]
)
def test_an_unknown_id_gets_one_sentence_and_no_markup(page, parameter, hostile):
    app = opened(page, demo_store(), **{parameter: hostile})
    assert len(app.warning) == 1
    assert "<script>" not in app.warning[0].value
    assert not app.error


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "parameter"), [("2_Monitor", "job"), ("3_Compare", "jobs"), ("4_Deployments", "deployment")]
)
def test_an_id_without_a_letter_that_can_be_shown_names_nothing(page, parameter):
    app = opened(page, demo_store(), **{parameter: "\x00\n"})
    assert not app.warning
    assert not app.error


@pytest.mark.slow
def test_names_from_outside_are_shown_letter_by_letter():
    app = opened(HOME, failing_store())
    shown = words(app)
    assert "<b>" not in shown
    assert "](https" not in shown
    assert all("**too" not in link.label for link in app.get("page_link"))


@pytest.mark.slow
def test_an_empty_overview_leads_to_the_form():
    app = opened(HOME, fresh_store())
    assert "Nothing has been trained here yet" in words(app)
    press(app, "Start new training")
    assert [title.value for title in app.title] == ["Train"]


@pytest.mark.slow
def test_demo_by_address_fills_once_and_stays_filled_by_reload_of_the_page():
    app = opened(HOME, fresh_store(), demo="1")
    count = len(store_of(app).jobs())
    assert count >= 8
    assert len(store_of(app).deployments()) == 2
    ran(app)
    assert len(store_of(app).jobs()) == count


@pytest.mark.slow
def test_a_thousand_jobs_are_a_page_of_jobs_at_a_time():
    store = still_store()
    for number in range(1000):
        store.submit(
            JobConfig(model=MODEL, dataset=TINY, seed=number, max_steps=2), now=1.0, name=f"run {number}"
        )
    store.advance(now=2.0)
    app = opened(HOME, store)
    began = time.perf_counter()
    ran(app)
    assert time.perf_counter() - began < 3.0
    shown = [link for link in app.get("page_link") if "run " in str(link.proto.label)]
    assert 0 < len(shown) <= 10
    assert len(app.get("pagination")) == 1


@pytest.mark.slow
def test_pause_resume_and_stop_follow_the_life_cycle_and_move_no_time():
    store = demo_store()
    job = next(job for job in store.jobs() if job.status == "running")
    before = store.clock.simulated_s
    app = opened("2_Monitor", store, job=job.id)
    assert {"Pause", "Stop", "Clone"} <= labels(app)
    press(app, "Pause")
    assert store.job(job.id).status == "paused"
    press(app, "Resume")
    assert store.job(job.id).status == "running"
    press(app, "Stop")
    assert store.job(job.id).status == "running"  # it asks first
    press(app, "Stop it")
    assert store.job(job.id).status == "stopped"
    assert store.clock.simulated_s == before


@pytest.mark.slow
def test_a_failed_job_says_why_and_relaunches_with_the_cure():
    store = failing_store()
    large, hot = store.jobs()
    app = opened("2_Monitor", store, job=hot.id)
    assert len(app.error) == 1
    press(app, "Relaunch with this change")
    cured = store.jobs()[-1]
    assert cured.config.learning_rate < hot.config.learning_rate
    assert cured.status in ("queued", "initializing", "running")
    assert large.failure.changes


@pytest.mark.slow
def test_back_before_it_failed_a_job_has_not_failed():
    store = failing_store()
    hot = store.jobs()[1]
    assert hot.step > 2
    now = opened("2_Monitor", store, job=hot.id, back="true", at=str(hot.step))
    assert "Relaunch with this change" in labels(now)
    earlier = opened("2_Monitor", store, job=hot.id, back="true", at=str(hot.step // 2))
    assert not earlier.error
    assert "Relaunch with this change" not in labels(earlier)


@pytest.mark.slow
def test_a_cure_can_be_looked_at_in_the_form_first():
    store = failing_store()
    hot = store.jobs()[1]
    app = press(opened("2_Monitor", store, job=hot.id), "Open the form with it")
    assert [title.value for title in app.title] == ["Train"]
    assert len(store.jobs()) == 2


@pytest.mark.slow
def test_a_completed_job_is_deployed_from_its_page():
    store = demo_store()
    job = next(job for job in store.jobs() if job.status == "completed")
    count = len(store.deployments())
    app = press(opened("2_Monitor", store, job=job.id), "Deploy")
    app.button(key="deploy_now").click()
    ran(app)
    assert len(store.deployments()) == count + 1
    assert store.deployments()[-1].job_id == job.id


@pytest.mark.slow
def test_a_deployment_is_scaled_and_stopped():
    store = demo_store()
    deployment = store.deployments()[0]
    app = opened("4_Deployments", store, deployment=deployment.id)
    next(slider for slider in app.slider if slider.label.startswith("Replicas")).set_value((2, 6))
    press(ran(app), "Apply")
    scaled = store.deployment(deployment.id)
    assert (scaled.replicas_min, scaled.replicas_max) == (2, 6)
    press(app, "Stop")
    press(app, "Stop it")
    assert store.deployment(deployment.id).status == "stopped"


@pytest.mark.slow
def test_a_log_is_never_offered_as_what_an_endpoint_could_serve():
    store = demo_store()
    deployment = store.deployments()[0]
    store.import_log(read_log("mine.csv", b"step,loss\n1,2.0\n2,1.5\n"), now=4.0, name="mine")
    assert store.jobs()[-1].status == "completed"
    app = opened("4_Deployments", store, deployment=deployment.id)
    offered = next(box for box in app.selectbox if box.label == "Serve the result of")
    assert not [name for name in offered.options if "mine" in name]


@pytest.mark.slow
def test_what_a_job_left_that_was_stopped_after_a_checkpoint_is_offered_as_any_result_is():
    store = demo_store()
    deployment = store.deployments()[0]
    config = JobConfig(model=MODEL, dataset=TINY, max_steps=100_000, checkpoint_every=1)
    job = store.submit(config, now=4.0, name="stopped early")
    store.set_speed(600.0, now=4.0)
    store.advance(now=5.0)
    store.set_speed(0.0, now=5.0)
    store.stop(job.id, now=5.0)
    assert store.job(job.id).status == "stopped"
    app = opened("4_Deployments", store, deployment=deployment.id)
    offered = next(box for box in app.selectbox if box.label == "Serve the result of")
    assert [name for name in offered.options if "stopped early" in name]
    app = press(opened("2_Monitor", store, job=job.id), "Deploy")
    app.button(key="deploy_now").click()
    ran(app)
    assert store.deployments()[-1].job_id == job.id


@pytest.mark.slow
def test_compared_jobs_show_what_differs_and_nothing_else():
    store = still_store()
    for seed in (0, 1):
        store.submit(
            JobConfig(model=MODEL, dataset=TINY, seed=seed, max_steps=50), now=1.0, name=f"seed {seed}"
        )
    store.set_speed(3600.0, now=1.0)
    store.advance(now=20.0)
    store.set_speed(0.0, now=20.0)
    one, two = (job.id for job in store.jobs())
    app = opened("3_Compare", store, jobs=f"{one},{two}")
    best, differing = (frame.value for frame in app.dataframe)
    assert list(differing["field"]) == ["seed"]
    assert list(best["job"]) == ["seed 0", "seed 1"]


@pytest.mark.slow
def test_the_chart_of_a_running_job_streams_its_points_by_name():
    store = demo_store()
    job = next(job for job in store.jobs() if job.status == "running")
    app = opened("2_Monitor", store, job=job.id)
    drawn = app.get("vega_lite_chart")
    assert len(drawn) == 5
    assert all(dataset.name == "points" for chart in drawn for dataset in chart.proto.datasets)


def test_an_endpoints_charts_draw_a_few_at_a_tick_and_all_when_time_is_paused(monkeypatch):
    """Eight charts redrawn at each tick kept a browser from answering for seconds."""
    screen = endpoint.Screen()
    monkeypatch.setattr(endpoint.state, "kept", lambda kind: screen)

    def points(first):
        at = np.arange(first, first + 720.0)
        return pd.DataFrame({name: at if name == "elapsed_s" else np.ones(720) for name in SERVING_COLUMNS})

    def drawn_anew(speed, first):
        before = dict(screen.charts)
        after = endpoint._charts(("deployment-1", True, "hour", speed), points(first))
        return sum(after[name] is not before.get(name) for name in endpoint.CHARTS)

    assert drawn_anew(60.0, 0) == len(endpoint.CHARTS)
    assert drawn_anew(60.0, 1) == 0
    assert drawn_anew(60.0, 100) == endpoint.AT_ONCE
    assert drawn_anew(0.0, 100) == len(endpoint.CHARTS)

"""Fidelity tells every law's error; Calibrate fits a dropped log, refuses a broken one, and asks what if."""

import json

import pytest
from screen import button, opened, ran, still_store, store_of, words

from vapor_core import fidelity, simulate
from vapor_core.contracts.training import JobConfig
from vapor_ui.form import calibrations

FIDELITY, CALIBRATE = "6_Fidelity", "7_Calibrate"
CONFIG = JobConfig(model="HuggingFaceTB/SmolLM2-360M", max_steps=300, hardware_faults=False)


@pytest.fixture(scope="module")
def log():
    """A run of CONFIG, somewhat worse and slower than the laws say; as a CSV."""
    frame = simulate(CONFIG)[["step", "loss", "learning_rate", "tokens_per_second"]]
    worse = frame.assign(loss=frame["loss"] * 1.2, tokens_per_second=frame["tokens_per_second"] * 0.5)
    return worse.to_csv(index=False).encode()


def dropped(app, content, name="run.csv"):
    app.file_uploader(key="calibrate.file").upload(name, content, "text/plain")
    return ran(app)


def fitted(log, store=None, name="run.csv"):
    app = dropped(opened(CALIBRATE, store=store) if store else opened(CALIBRATE), log, name)
    button(app, "Fit to this run").click()
    return ran(app)


def figures(app):
    return {metric.label: metric.value for metric in app.metric}


@pytest.mark.slow
def test_every_kind_of_figure_is_told_with_its_error():
    app = opened(FIDELITY)
    told = app.dataframe[0].value
    kinds = {table.kind for table in fidelity.tables()}
    assert {kind.lower() for kind in told["kind"]} == {kind.lower() for kind in kinds}
    assert set(told["met"]) <= {"yes", "no", ""}


@pytest.mark.slow
@pytest.mark.parametrize("table", fidelity.tables(), ids=lambda table: table.kind)
def test_each_kind_shows_its_sources(table):
    app = opened(FIDELITY)
    app.selectbox(key="kind").set_value(table.kind)
    ran(app)
    assert list(app.dataframe[1].value["source"]) == [line.source for line in table.sources]
    assert bool(app.get("vega_lite_chart")) == table.drawable


@pytest.mark.slow
def test_without_a_log_calibrate_says_what_to_do():
    app = opened(CALIBRATE)
    assert "Nothing is fitted yet" in words(app)
    assert button(app, "Fit to this run").disabled
    assert calibrations.current(store_of(app)) is None


@pytest.mark.slow
def test_a_log_prefills_its_length_and_peak_rate(log):
    app = dropped(opened(CALIBRATE), log)
    assert app.number_input(key="calibrate.max_steps").value == 300
    assert app.text_input(key="calibrate.learning_rate").value == "2e-4"


@pytest.mark.slow
def test_a_dropped_log_is_fitted_and_used_until_it_is_not(log):
    app = fitted(log)
    store = store_of(app)
    assert calibrations.current(store).throughput_scale == pytest.approx(0.5, rel=0.1)
    assert {"Loss error", "Rate error", "Points"} <= set(figures(app))
    app.toggle(key="calibrate.used").set_value(False)
    ran(app)
    assert calibrations.current(store) is None
    assert calibrations.fit(store) is not None


@pytest.mark.slow
def test_a_calibration_moves_the_estimate_of_train(log):
    before = figures(opened("1_Train"))
    after = figures(opened("1_Train", store=store_of(fitted(log))))
    assert after["Time"] != before["Time"]
    assert after["Train loss"] != before["Train loss"]


@pytest.mark.slow
def test_a_forgotten_run_leaves_nothing_behind(log):
    app = fitted(log)
    button(app, "Forget this run").click()
    ran(app)
    assert calibrations.fit(store_of(app)) is None
    assert "Nothing is fitted yet" in words(app)


@pytest.mark.slow
def test_a_second_log_is_fitted_together_with_the_first(log):
    store = store_of(fitted(log))
    fitted(log, store, name="again.csv")
    assert [run.name for run in calibrations.fit(store).runs] == ["run.csv", "again.csv"]
    assert calibrations.current(store).runs == 2


@pytest.mark.slow
def test_the_same_log_again_replaces_itself(log):
    store = store_of(fitted(log))
    fitted(log, store)
    assert len(calibrations.fit(store).runs) == 1


@pytest.mark.slow
def test_what_if_follows_its_fields(log):
    app = fitted(log)
    before = figures(app)["Cost"]
    app.number_input(key="what_if.max_steps").set_value(3000)
    ran(app)
    assert figures(app)["Cost"] != before
    button(app, "Undo the changes").click()
    ran(app)
    assert figures(app)["Cost"] == before


@pytest.mark.slow
def test_a_wrong_what_if_is_told_beside_its_field(log):
    app = fitted(log)
    app.text_input(key="what_if.learning_rate").set_value("fast")
    ran(app)
    assert "Learning rate should be a number" in words(app)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("empty.csv", b"  \n", "is empty"),
        ("table.csv", b"a,b\n1,2\n", "say which of a, b it is"),
        ("steps.csv", b"step,epoch\n1,0.1\n2,0.2\n", "no column that is known as a loss"),
        ("torn.json", b'{"log_history": [{"step": 1, ', "torn"),
        ("picture.png", b"\x89PNG\r\n\x1a\n\xff\xfe\x00", "is a picture"),
    ],
)
def test_a_broken_log_is_told_in_one_sentence(name, content, sentence):
    app = dropped(opened(CALIBRATE), content, name)
    assert len(app.error) == 1
    assert sentence in app.error[0].value.replace("\\", "")
    assert button(app, "Fit to this run").disabled


@pytest.mark.slow
def test_a_log_of_impossible_losses_is_refused_and_leaves_the_fit(log):
    store = store_of(fitted(log))
    app = fitted(b"step,loss\n1,-1\n2,-2\n", store, name="impossible.csv")
    assert "impossible" in app.error[0].value
    assert [run.name for run in calibrations.fit(store).runs] == ["run.csv"]


@pytest.mark.slow
def test_a_trainer_state_is_read_as_it_is():
    rows = [{"step": at, "loss": 2.0 - at / 1000, "learning_rate": 1e-4} for at in range(10, 400, 10)]
    app = dropped(opened(CALIBRATE), json.dumps({"log_history": rows}).encode(), "trainer_state.json")
    assert "39 rows" in words(app)
    assert app.text_input(key="calibrate.learning_rate").value == "1e-4"


@pytest.mark.slow
def test_a_job_of_the_workspace_fills_the_form_in():
    store = still_store()
    job = store.submit(CONFIG.changed(method="full", lora_rank=16, micro_batch_size=2), now=store.now)
    app = opened(CALIBRATE, store=store)
    app.selectbox(key="calibrate.start").set_value(job.id)
    ran(app)
    assert app.segmented_control(key="calibrate.method").value == "full"
    assert app.number_input(key="calibrate.micro_batch_size").value == 2


@pytest.mark.slow
def test_one_of_several_runs_is_fitted_and_never_their_mixture(log):
    rows = log.decode().splitlines()
    both = [f"run,{rows[0]}", *(f"mine,{row}" for row in rows[1:]), *(f"other,{row}" for row in rows[1:101])]
    app = dropped(opened(CALIBRATE), "\n".join(both).encode(), "sweep.csv")
    choice = next(one for one in app.selectbox if (one.key or "").endswith(".run"))
    assert choice.options == ["mine", "other"]
    assert "300 rows" in words(app)
    choice.set_value(1)
    ran(app)
    assert "100 rows" in words(app)
    button(app, "Fit to this run").click()
    ran(app)
    (run,) = calibrations.fit(store_of(app)).runs
    assert (run.name, len(run.frame)) == ("other", 100)


@pytest.mark.slow
def test_a_log_whose_loss_has_another_name_is_fitted_once_a_person_says_which_it_is(log):
    renamed = log.replace(b"step,loss", b"tick,badness", 1)
    app = dropped(opened(CALIBRATE), renamed)
    assert button(app, "Fit to this run").disabled
    for ending, column in ((".loss", "badness"), (".step", "tick")):
        next(one for one in app.selectbox if (one.key or "").endswith(ending)).set_value(column)
    button(ran(app), "Read it so").click()
    ran(app)
    assert not app.error
    button(app, "Fit to this run").click()
    ran(app)
    assert len(calibrations.fit(store_of(app)).runs[0].frame) == 300


@pytest.mark.slow
def test_every_warning_of_a_log_is_told_and_its_planned_length_is_the_runs():
    rows = [{"step": at, "loss": 2.0 - at / 1000, "learning_rate": 1e-4} for at in range(10, 400, 10)]
    extra = {f"odd_{number}": 1.0 for number in range(3)}
    state = {"log_history": [{**row, **extra} for row in rows], "global_step": 390, "max_steps": 1000}
    app = dropped(opened(CALIBRATE), json.dumps(state).encode(), "trainer_state.json")
    assert "after 390 of 1,000 steps" in words(app)
    assert "not drawn" in words(app)
    assert app.number_input(key="calibrate.max_steps").value == 1000

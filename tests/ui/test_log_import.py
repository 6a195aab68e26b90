"""A log that a person drops: its runs, its columns, what it sums up and what was left out stand on the page."""

import json

import pytest
from screen import HOME, button, opened, press, ran, store_of, words

from vapor_core.contracts.training import JobConfig
from vapor_core.readers.run_logs import read_log
from vapor_ui.monitor.comparison import _each_set
from vapor_ui.monitor.downloads import _metrics

MONITOR, COMPARE = "2_Monitor", "3_Compare"
SWEEP = b"run,step,loss\nslow,1,3.0\nslow,2,2.8\nfast,1,3.0\nfast,2,2.0\nodd,1,3.0\nodd,2,2.9\n"
UNNAMED = b"tick,gain,cross\n10,0.5,3.0\n20,0.6,2.5\n30,0.7,2.0\n"


def dropped(page, *files):
    app = opened(page)
    app.file_uploader(key="log_files").set_value([(name, content, "text/plain") for name, content in files])
    return ran(app)


def widget(app, kind, ending):
    return next(one for one in getattr(app, kind) if (one.key or "").endswith(ending))


def state_file(rows, **more):
    return json.dumps({"log_history": rows, **more}).encode()


@pytest.mark.slow
def test_several_runs_of_one_file_are_several_jobs_and_never_one_mixed_curve():
    app = dropped(MONITOR, ("sweep.csv", SWEEP))
    assert not store_of(app).jobs()
    chosen = widget(app, "multiselect", ".runs")
    assert [chosen.options[index] for index in chosen.indices] == ["slow", "fast", "odd"]
    press(app, "Import 3 runs")
    jobs = store_of(app).jobs()
    assert [job.name for job in jobs] == ["slow", "fast", "odd"]
    last = [store_of(app).metrics(job.id).frame()["loss"].iloc[-1] for job in jobs]
    assert last == [2.8, 2.0, 2.9]
    press(app, "Compare them")
    assert app.title[0].value == "Compare"
    assert app.multiselect(key="compared").value == [job.id for job in jobs]


@pytest.mark.slow
def test_only_the_runs_that_were_chosen_become_jobs():
    app = dropped(MONITOR, ("sweep.csv", SWEEP))
    widget(app, "multiselect", ".runs").set_value([1])
    press(ran(app), "Import 1 run")
    assert [job.name for job in store_of(app).jobs()] == ["fast"]
    assert "Compare them" not in {one.label for one in app.button}
    ran(app)
    assert len(store_of(app).jobs()) == 1


@pytest.mark.slow
def test_compare_shows_the_runs_that_were_imported_there_and_not_the_earlier_choice():
    first = dropped(MONITOR, ("old.csv", b"step,loss\n1,2\n"))
    store = store_of(first)
    app = opened(COMPARE, store, jobs=store.jobs()[0].id)
    app.file_uploader(key="log_files").set_value([("sweep.csv", SWEEP, "text/csv")])
    press(ran(app), "Import 3 runs")
    press(app, "Compare them")
    assert app.multiselect(key="compared").value == [job.id for job in store.jobs()[1:]]


@pytest.mark.slow
def test_a_file_without_a_known_loss_shows_its_columns_and_is_read_as_a_person_says():
    app = dropped(MONITOR, ("mine.csv", UNNAMED))
    assert "no column that is known as a loss" in app.error[0].value
    loss = widget(app, "selectbox", ".loss")
    assert loss.options == ["tick: 10, 20, 30", "gain: 0.5, 0.6, 0.7", "cross: 3.0, 2.5, 2.0"]
    assert button(app, "Read it so").disabled
    loss.set_value("cross")
    widget(app, "selectbox", ".step").set_value("tick")
    press(ran(app), "Read it so")
    (job,) = store_of(app).jobs()
    frame = store_of(app).metrics(job.id).frame()
    assert (list(frame["step"]), list(frame["loss"])) == ([10, 20, 30], [3.0, 2.5, 2.0])
    assert not app.error
    assert "not drawn: gain" in words(app)


def test_a_file_without_any_numbers_offers_no_choice_that_cannot_be_made():
    app = dropped(MONITOR, ("words.csv", b"a,b\nx,y\nz,w\n"))
    assert app.error
    assert not [one for one in app.selectbox if (one.key or "").endswith(".loss")]


@pytest.mark.slow
def test_everything_that_was_left_out_is_named_and_not_the_first_lines_alone():
    rows = b"step,loss,a,b\n1,2.0,1,2\nx,3,1,2\n2,1.9,1,2,7\n3,1.8,1,2\n"
    app = dropped(MONITOR, ("torn.csv", rows))
    (job,) = store_of(app).jobs()
    for page in (app, opened(MONITOR, store_of(app), job=job.id)):
        assert "ine 4" in words(page)
        assert "ot drawn: a, b" in words(page)


@pytest.mark.slow
def test_a_log_that_stops_before_its_plan_is_not_called_complete():
    rows = [{"step": step, "loss": 3.0 - step / 1000} for step in range(100, 500, 100)]
    app = dropped(MONITOR, ("trainer_state.json", state_file(rows, max_steps=1000, global_step=400)))
    links = [link.proto.label for link in app.get("page_link")]
    assert any("400 of 1,000 steps" in label for label in links)
    (job,) = store_of(app).jobs()
    page = opened(MONITOR, store_of(app), job=job.id)
    assert "step 400 of 1,000" in page.get("progress")[0].proto.text
    assert "The log ends early: 400 of 1,000 steps" in words(page)
    assert job.status == "stopped"


@pytest.mark.slow
def test_the_closing_row_is_a_summary_of_the_job_and_no_point_of_its_curve():
    rows = [
        {"step": 10, "loss": 2.0},
        {"step": 20, "loss": 1.2},
        {"step": 20, "train_loss": 1.6, "train_runtime": 60.0, "total_flos": 5e15},
    ]
    app = dropped(MONITOR, ("trainer_state.json", state_file(rows, global_step=20, max_steps=20)))
    (job,) = store_of(app).jobs()
    page = opened(MONITOR, store_of(app), job=job.id)
    said = words(page)
    assert "60 s, mean loss 1\\.6, 5e\\+15 FLOPs" in said
    assert {one.label: one.value for one in page.metric}["Time"] == "1 min"
    assert list(store_of(app).metrics(job.id).frame()["loss"]) == [2.0, 1.2]


@pytest.mark.slow
def test_every_evaluation_set_is_a_line_of_the_jobs_loss_chart():
    rows = b"step,loss,eval_code_loss,eval_web_loss\n1,3.0,3.1,3.2\n2,2.0,2.1,2.2\n3,1.5,1.6,1.7\n"
    app = dropped(MONITOR, ("sets.csv", rows))
    (job,) = store_of(app).jobs()
    page = opened(MONITOR, store_of(app), job=job.id)
    drawn = json.loads(page.get("vega_lite_chart")[0].proto.spec)
    assert "eval_loss/web" in json.dumps(drawn)


@pytest.mark.slow
def test_no_page_makes_up_a_configuration_or_a_cost_for_a_log():
    app = dropped(MONITOR, ("one.csv", b"step,loss,lr\n1,3.0,1e-4\n2,2.0,1e-4\n"))
    store = store_of(app)
    store.import_log(
        read_log("two.csv", b"step,loss,elapsed_time\n1,3.0,10\n2,2.0,60\n"), now=0.0, name="two"
    )
    one, two = store.jobs()
    said = words(opened(HOME, store))
    assert "unknown" not in said
    assert "A log of a run that was made elsewhere" in said
    compared = opened(COMPARE, store, jobs=f"{one.id},{two.id}")
    assert "the same but for the name" not in words(compared)
    best = compared.dataframe[0].value
    assert list(best["cost"]) == ["–", "–"]
    assert list(best["time"]) == ["–", "1 min"]
    store.submit(JobConfig(model="openai-community/gpt2", max_steps=5), now=0.0, name="rehearsed")
    mixed = opened(COMPARE, store, jobs=",".join(job.id for job in store.jobs()))
    assert len(mixed.dataframe) == 1  # no table of fields that the logs never had


@pytest.mark.slow
def test_a_person_can_overrule_a_column_that_was_taken_for_the_loss():
    app = dropped(MONITOR, ("two.csv", b"step,loss,lm\n1,30.0,3.0\n2,20.0,2.0\n"))
    (first,) = store_of(app).jobs()
    assert store_of(app).metrics(first.id).latest()["loss"] == 20.0
    widget(app, "selectbox", ".loss").set_value("lm")
    press(ran(app), "Read it so")
    (job,) = store_of(app).jobs()
    assert job.id != first.id
    assert list(store_of(app).metrics(job.id).frame()["loss"]) == [3.0, 2.0]


@pytest.mark.slow
def test_a_person_can_say_that_no_column_is_the_step():
    app = dropped(MONITOR, ("one.csv", b"step,loss\n7,3.0\n9,2.0\n"))
    widget(app, "selectbox", ".step").set_value("")
    press(ran(app), "Read it so")
    (job,) = store_of(app).jobs()
    assert (job.counts, job.step, job.total_steps) == ("row", 2, 2)
    assert "its rows are numbered" in words(app)


@pytest.mark.slow
def test_what_a_person_has_begun_to_choose_outlives_a_change_of_page():
    app = dropped(MONITOR, ("mine.csv", UNNAMED), ("sweep.csv", SWEEP))
    widget(app, "selectbox", ".loss").set_value("cross")
    widget(ran(app), "multiselect", ".runs").set_value([0, 2])
    ran(app)
    ran(app.switch_page("pages/1_Train.py"))
    ran(app.switch_page(f"pages/{MONITOR}.py"))
    chosen = widget(app, "multiselect", ".runs")
    assert [chosen.options[index] for index in chosen.indices] == ["slow", "odd"]
    press(app, "Import 2 runs")
    press(app, "Read it so")
    assert [job.name for job in store_of(app).jobs()] == ["slow", "odd", "mine.csv"]


EPOCHS = b"epoch,train_loss,val_loss\n1,3.0,3.1\n2,2.0,2.2\n3,1.5,2.1\n"


@pytest.mark.slow
def test_epochs_are_called_epochs_wherever_they_are_told():
    app = dropped(MONITOR, ("epochs.csv", EPOCHS))
    store = store_of(app)
    (job,) = store.jobs()
    page = opened(MONITOR, store, job=job.id)
    assert "epoch 3 of 3" in page.get("progress")[0].proto.text
    drawn = [chart.proto.spec for chart in page.get("vega_lite_chart")]
    assert drawn
    assert not [spec for spec in drawn if '"title": "step"' in spec or '"title":"step"' in spec]
    assert list(_metrics(store, job).columns[:2]) == ["epoch", "tokens"]
    compared = opened(COMPARE, store, jobs=job.id)
    assert list(compared.dataframe[0].value["at"]) == ["epoch 3"]


@pytest.mark.slow
def test_compare_draws_every_evaluation_set_under_its_name():
    rows = b"step,loss,eval_loss,eval_code_loss,eval_web_loss\n1,3.0,2.9,3.1,3.2\n2,2.0,1.9,2.1,2.2\n"
    app = dropped(MONITOR, ("sets.csv", rows))
    store = store_of(app)
    (job,) = store.jobs()
    page = opened(COMPARE, store, jobs=job.id)
    offered = page.selectbox(key="quantity").options
    assert offered[-3:] == ["eval loss of every set", "eval loss of code", "eval loss of web"]
    for quantity, lines in (("eval loss of every set", 3), ("eval loss of web", 1)):
        page.selectbox(key="quantity").set_value(quantity)
        ran(page)
        assert "None of these jobs" not in words(page)
        assert page.get("vega_lite_chart")
        drawn = _each_set({job.name: store.metrics(job.id).frame()})
        assert list(drawn)[-lines:] == ["sets.csv, eval", "sets.csv, code", "sets.csv, web"][-lines:]


@pytest.mark.slow
def test_a_logs_card_has_its_own_last_loss_and_no_smoothed_one():
    app = dropped(MONITOR, ("epochs.csv", EPOCHS))
    (job,) = store_of(app).jobs()
    page = opened(MONITOR, store_of(app), job=job.id)
    assert {one.label: one.value for one in page.metric}["Train loss"] == "1\\.500"


@pytest.mark.slow
def test_the_time_of_a_log_is_no_time_of_accelerators_that_it_does_not_name():
    app = dropped(MONITOR, ("one.csv", b"step,loss,elapsed_time\n1,3.0,10\n2,2.0,36000\n"))
    assert store_of(app).summary().accelerator_hours == 0.0


@pytest.mark.slow
def test_the_best_eval_loss_says_when_it_is_a_logs():
    app = dropped(MONITOR, ("one.csv", b"step,loss,eval_loss\n1,3.0,3.1\n2,2.0,2.2\n"))
    figures = {one.label: one for one in opened(HOME, store_of(app)).metric}
    assert (figures["Best eval loss"].value, figures["Best eval loss"].delta) == (
        "2\\.200",
        "an imported log's",
    )


@pytest.mark.slow
@pytest.mark.parametrize("rows", [300_000])
def test_a_large_log_is_read_with_its_progress_told(rows, monkeypatch):
    told = []
    monkeypatch.setattr("streamlit.progress", lambda share, text="", **_: Bar(told, share, text))
    lines = b"step,loss\n" + b"".join(b"%d,%.4f\n" % (step, 3 - step / 1e6) for step in range(rows))
    dropped(MONITOR, ("large.csv", lines))
    shares = [share for share in told if 0 < share < 1]
    assert len(shares) >= 3
    assert shares == sorted(shares)


class Bar:
    """Stands in for a progress bar: AppTest shows only what a finished run has drawn."""

    def __init__(self, told, share, text):
        self.told = told
        self.progress(share, text)

    def progress(self, share, text=""):
        self.told.append(share)

    def empty(self):
        """Nothing is drawn."""

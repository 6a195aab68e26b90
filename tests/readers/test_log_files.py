"""Small files in the shape of every trainer's log give the figures that they hold, or say what was left out.

`tests/data/logs/cases.json` has the right values: of each run its columns (null where a row has none, "sick" where it
was measured and was no number), what `axis` counts, `planned` and `done` steps, words that its warnings must hold
(`says`) and whether a detector must find something.
"""

import json
import math
from pathlib import Path

import pytest

from vapor_core.advice.detectors import findings
from vapor_core.charts.stream import streamed
from vapor_core.contracts.columns import TRAINING_COLUMNS, is_column
from vapor_core.errors import InvalidUpload, UnknownColumns
from vapor_core.readers.run_logs import RunLog, read_logs
from vapor_core.workspace.store import Store

LOGS = Path(__file__).parent.parent / "data" / "logs"
CASES = json.loads((LOGS / "cases.json").read_text(encoding="utf-8"))
READ = {name: case for name, case in CASES.items() if "refused" not in case}
REFUSED = {name: case for name, case in CASES.items() if "refused" in case}


def read(name: str) -> tuple[RunLog, ...]:
    return read_logs(name, (LOGS / name).read_bytes(), mapping=CASES[name].get("mapping"))


def shown(values: object) -> list[object]:
    return [None if math.isnan(value) else "sick" if math.isinf(value) else value for value in values]


@pytest.mark.parametrize("name", READ)
def test_a_file_gives_the_figures_that_it_holds(name):
    logs = read(name)
    assert len(logs) == len(READ[name]["runs"])
    for log, run in zip(logs, READ[name]["runs"], strict=True):
        assert log.name == run.get("name", name)
        for column, values in run.items():
            if is_column(column):
                assert shown(log.frame[column]) == pytest.approx(values, nan_ok=True), column
        assert log.axis == run.get("axis", log.axis)
        assert log.planned_steps == run.get("planned")
        if "done" in run:
            assert log.steps_done == run["done"]
        assert log.summary == pytest.approx(log.summary | run.get("summary", {}))
        told = " ".join(log.warnings)
        assert [word for word in run.get("says", ()) if word not in told] == []
        if run.get("says") == []:
            assert log.warnings == ()


@pytest.mark.slow
@pytest.mark.parametrize("name", READ)
def test_an_imported_file_is_drawn_with_its_own_figures(name):
    store = Store()
    for log in read(name):
        job = store.import_log(log, now=1.0)
        points = store.metrics(job.id).frame(max_points=100_000)
        assert tuple(points.columns[: len(TRAINING_COLUMNS)]) == TRAINING_COLUMNS
        for column in log.frame:
            assert shown(points[column]) == shown(log.frame[column]), column
        assert job.status == ("stopped" if (log.steps_done or 0) < (log.planned_steps or 0) else "completed")
        if log.steps_done is not None:
            assert (job.step, job.total_steps) == (log.steps_done, log.planned_steps or log.steps_done)
        told = [line.sentence for line in store.events(job.id)]
        assert "\n" not in "".join(told)
        assert [note for note in log.warnings if f"{note[:1].upper()}{note[1:]}." not in told] == []


@pytest.mark.parametrize("name", [name for name, case in READ.items() if "finding" in case["runs"][0]])
def test_a_sick_run_is_told_from_one_with_gaps(name):
    found = {finding.code for log in read(name) for finding in findings(log.frame.assign(**_without(log)))}
    assert ("nan" in found) == (READ[name]["runs"][0]["finding"] == "nan")


def _without(log: RunLog) -> dict[str, float]:
    return {} if "loss" in log.frame else {"loss": math.nan}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused_in_at_most_two_sentences(name):
    with pytest.raises(InvalidUpload, match=REFUSED[name]["refused"]) as refused:
        read(name)
    sentence = str(refused.value)
    assert sentence.count(". ") + sentence.count("; ") <= 1
    assert "\n" not in sentence
    assert len(sentence) < 240
    if "columns" in REFUSED[name]:
        assert isinstance(refused.value, UnknownColumns)
        assert list(refused.value.columns) == REFUSED[name]["columns"]
        assert all(refused.value.columns.values())


def test_each_evaluation_set_is_a_line_of_the_loss_chart():
    (log,) = read("trainer_eval_sets.jsonl")
    store = Store()
    points = store.metrics(store.import_log(log, now=1.0).id).frame()
    drawn = json.dumps(streamed("loss", points, smoothed=False)["layer"])
    assert "eval_loss/code" in drawn
    assert "eval code" in drawn


def test_a_run_that_ended_early_is_not_called_completed():
    (log,) = read("trainer_state_stopped.json")
    store = Store()
    job = store.import_log(log, now=1.0)
    assert (job.status, job.progress) == ("stopped", 0.5)
    assert "500 of 1,000 steps" in " ".join(line.sentence for line in store.events(job.id))


def test_a_closing_row_is_told_as_a_summary_and_gives_the_time():
    (log,) = read("trainer_state.json")
    store = Store()
    job = store.import_log(log, now=1.0)
    assert job.elapsed_s == 60.0
    assert "60 s, mean loss 1.6, 1.5e+15 FLOPs" in " ".join(line.sentence for line in store.events(job.id))
    assert store.summary().best_eval_loss == 1.9


def test_every_file_has_its_values():
    assert {path.name for path in LOGS.iterdir()} == {*CASES, "cases.json"}
    assert len(CASES) >= 240

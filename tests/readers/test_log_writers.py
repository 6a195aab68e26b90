"""Whatever a trainer measured, its log gives back: the same series through every writer's format."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vapor_core.readers.run_logs import read_log, read_logs

pytestmark = pytest.mark.slow

LOSSES = st.floats(0.001, 20.0).map(lambda value: round(value, 4))


@st.composite
def series(draw: st.DrawFn) -> list[tuple[int, float, float | None]]:
    """(step, loss, eval loss where it was measured), steps ascending from 1."""
    steps = sorted(draw(st.sets(st.integers(1, 10_000_000), min_size=2, max_size=12)))
    return [(step, draw(LOSSES), draw(st.none() | LOSSES)) for step in steps]


def trainer_state(points):
    rows = []
    for step, loss, held_out in points:
        rows.append({"step": step, "loss": loss, "epoch": step / 100})
        rows += [{"step": step, "eval_loss": held_out, "eval_runtime": 1.0}] if held_out is not None else []
    rows.append({"step": points[-1][0], "train_loss": 99.0, "train_runtime": 5.0})
    return json.dumps({"log_history": rows})


def json_lines(points):
    return "\n".join(
        json.dumps({"loss": loss, "step": step, "val_loss": held}) for step, loss, held in points
    )


def wandb_history(points):
    rows = [
        f"{at},{loss},{'' if held is None else held},{step}" for at, (step, loss, held) in enumerate(points)
    ]
    return "\n".join(["_step,train/loss,eval/loss,train/global_step", *rows])


def wandb_chart(points):
    rows = [f'"{step}","{loss}","{"" if held is None else held}"' for step, loss, held in points]
    return "\n".join(['"Step","fox - train/loss","fox - eval/loss"', *rows])


def mlflow(points):
    rows = [f"loss,{loss},{step}" for step, loss, _ in points]
    rows += [f"val_loss,{held},{step}" for step, _, held in points if held is not None]
    return "\n".join(["key,value,step", *rows])


def decimal_commas(points):
    rows = [f"{step};{loss};{'' if held is None else held}".replace(".", ",") for step, loss, held in points]
    return "\n".join(["step;loss;val_loss", *rows])


def thousands(points):
    rows = [f'"{step:,}",{loss},{"" if held is None else held}' for step, loss, held in points]
    return "\n".join(["step,loss,val_loss", *rows])


def lightning(points):
    rows = []
    for step, loss, held in points:
        rows.append(f"0,{step},{loss},")
        rows += [f"0,{step},,{held}"] if held is not None else []
    return "\n".join(["epoch,step,train_loss_step,val_loss", *rows])


def nanogpt(points):
    lines = []
    for step, loss, held in points:
        lines += [f"step {step}: train loss 9.9, val loss {held}"] if held is not None else []
        lines.append(f"iter {step}: loss {loss}, time 12.34ms, mfu 30.00%")
    return "\n".join(lines)


def modded_nanogpt(points):
    last = points[-1][0]
    lines = []
    for step, loss, held in points:
        lines += [f"step:{step}/{last} val_loss:{held} train_time:1ms"] if held is not None else []
        lines.append(f"step:{step}/{last} train_loss:{loss} train_time:1ms step_avg:nanms")
    return "\n".join(lines)


def megatron(points):
    lines = []
    for step, loss, held in points:
        lines.append(
            f" iteration {step:8d}/ 20000000 | consumed samples: 12 | lm loss: {loss} | grad norm: 1.0 |"
        )
        lines += (
            [f" validation loss at iteration {step} | lm loss value: {held} |"] if held is not None else []
        )
    return "\n".join(lines)


def torchtune(points):
    return "\n".join(
        f"Step {step} | loss:{loss} lr:2e-05" + ("" if held is None else f" val_loss:{held}")
        for step, loss, held in points
    )


WRITERS = (
    *(trainer_state, json_lines, wandb_history, wandb_chart, mlflow, decimal_commas, thousands, lightning),
    *(nanogpt, modded_nanogpt, megatron, torchtune),
)


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)
@given(series())
def test_a_series_comes_back_from_every_writer(write, points):
    frame = read_log("log", write(points).encode()).frame
    assert frame["step"].tolist() == [step for step, _, _ in points]
    assert frame["loss"].tolist() == pytest.approx([loss for _, loss, _ in points])
    told = {step: held for step, _, held in points if held is not None}
    evaluated = frame.set_index("step")["eval_loss"].dropna() if "eval_loss" in frame else {}
    assert dict(evaluated) == pytest.approx(told)


@given(st.lists(series(), min_size=2, max_size=4))
def test_runs_in_one_file_are_never_mixed(runs):
    rows = [f"run {at},{step},{loss}" for at, points in enumerate(runs) for step, loss, _ in reversed(points)]
    logs = read_logs("runs.csv", "\n".join(["run_name,step,loss", *rows]).encode())
    assert [log.name for log in logs] == [f"run {at}" for at in range(len(runs))]
    for log, points in zip(logs, runs, strict=True):
        assert dict(zip(log.frame["step"], log.frame["loss"], strict=True)) == {
            step: loss for step, loss, _ in points
        }


def test_progress_only_grows_and_ends_at_one():
    seen: list[float] = []
    text = "step,loss\n" + "".join(f"{step},2.5\n" for step in range(200))
    read_log("a.csv", text.encode(), progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


def test_a_log_that_is_too_long_is_thinned_with_its_spike_and_told():
    rows = 800_000
    text = "step,loss,lr\n" + "".join(f"{at},{50.0 if at == 345_678 else 2.5},0.1\n" for at in range(rows))
    log = read_log("a.csv", text.encode())
    assert len(log.frame) < rows
    assert log.frame.loc[log.frame["step"] == 345_678, "loss"].item() == 50.0
    assert "800,000 rows were thinned" in log.warnings[0]
    assert log.steps_done == rows

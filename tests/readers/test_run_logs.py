"""Logs of real runs are read by what they hold; what cannot be read is named, and nothing else escapes."""

import json
import struct

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vapor_core.errors import InvalidUpload
from vapor_core.readers.run_logs import read_log


def trainer_state() -> bytes:
    history = [
        {
            "loss": 3.0 - 0.01 * step,
            "grad_norm": 1.0,
            "learning_rate": 1e-4,
            "epoch": step / 100,
            "step": step,
        }
        for step in range(10, 101, 10)
    ]
    history.insert(5, {"eval_loss": 2.6, "eval_runtime": 3.0, "epoch": 0.5, "step": 50})
    history.append({"train_runtime": 12.0, "train_loss": 2.4, "step": 100})
    return json.dumps({"best_metric": None, "global_step": 100, "log_history": history}, indent=2).encode()


def field(number: int, kind: int, body: bytes) -> bytes:
    size = bytes([len(body)]) if kind == 2 else b""
    return bytes([number << 3 | kind]) + size + body


def record(payload: bytes) -> bytes:
    return struct.pack("<Q", len(payload)) + b"\0" * 4 + payload + b"\0" * 4


def event(step: int, tag: str, value: float) -> bytes:
    entry = field(1, 2, tag.encode()) + field(2, 5, struct.pack("<f", value))
    return record(
        field(1, 1, struct.pack("<d", 1.0)) + field(2, 0, bytes([step])) + field(5, 2, field(1, 2, entry))
    )


def tensorboard() -> bytes:
    version = record(field(1, 1, struct.pack("<d", 1.0)) + field(3, 2, b"brain.Event:2"))
    return version + event(1, "train/loss", 3.0) + event(1, "eval/loss", 3.2) + event(2, "train/loss", 2.5)


def test_trainer_state_gives_train_and_eval_loss_by_step():
    log = read_log("trainer_state.json", trainer_state())
    assert list(log.frame["step"]) == list(range(10, 101, 10))
    assert log.frame.loc[log.frame["step"] == 50, "eval_loss"].item() == 2.6
    assert np.isnan(log.frame.loc[log.frame["step"] == 60, "eval_loss"].item())
    assert {"learning_rate", "grad_norm", "epoch"} <= set(log.frame)


def test_trainer_log_lines_of_llama_factory_are_understood():
    lines = [
        json.dumps({"current_steps": 5 * k, "loss": 2.0 / k, "lr": 1e-4, "epoch": k / 10})
        for k in range(1, 9)
    ]
    log = read_log("trainer_log.jsonl", "\n".join([*lines, "{torn"]).encode())
    assert list(log.frame["step"][:3]) == [5, 10, 15]
    assert log.warnings == ("line 9 is not a JSON object",)


@pytest.mark.parametrize(
    ("name", "text", "columns"),
    [
        (
            "wandb.csv",
            '"Step","fox - train/loss","fox - train/loss__MIN","fox - train/loss__MAX"\n1,3,2,4\n2,2,1,3\n',
            ["loss"],
        ),
        (
            "mlflow.csv",
            "run_id,key,value,step,timestamp\na,train_loss,3,1,9\na,eval_loss,3.5,1,9\na,train_loss,2,2,9\n",
            ["elapsed_s", "loss", "eval_loss"],
        ),
        ("plain.csv", "step;loss;tokens_per_second\n1;3;100\n2;2;110\n", ["loss", "tokens_per_second"]),
        ("tabs.tsv", "iter\tval loss\n0\t3\n100\t2\n", ["eval_loss"]),
    ],
)
def test_tables_of_other_tools_are_understood(name, text, columns):
    frame = read_log(name, text.encode()).frame
    assert list(frame.columns) == ["step", *columns]
    assert len(frame) == 2


def test_tensorboard_scalars_are_read_and_a_torn_end_is_ignored():
    whole = tensorboard()
    frame = read_log("events.out.tfevents.1", whole + whole[:7]).frame
    assert list(frame["loss"]) == [3.0, 2.5]
    assert frame["eval_loss"][0] == pytest.approx(3.2, rel=1e-6)


def test_a_step_that_repeats_after_a_resume_keeps_its_last_value():
    frame = read_log("a.csv", b"step,loss\n1,3\n2,2.5\n3,2.4\n2,2.6\n3,2.2\n").frame
    assert list(frame["step"]) == [1, 2, 3]
    assert list(frame["loss"]) == [3.0, 2.6, 2.2]


def test_a_bad_row_is_named_and_the_rest_is_read():
    log = read_log("a.csv", b"step,loss\n1,3\n2\n3,2\nfour,1\n")
    assert len(log.frame) == 2
    assert log.warnings == ("line 3 has 1 field, the header has 2", "line 5 has no usable step")


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "empty"),
        (b"\xff\xfe\x00bad!", "damaged UTF-16"),
        (b"a,b\n1,2\n", "no column that is known as a loss; say which of a, b it is"),
        (b"step\n1\n2\n", "no column that is known as a loss"),
        (b'{"log_history": 3}', "no rows"),
        (b'{"log_history": [', "torn or no JSON"),
        (b"[1, 2]", "no rows"),
        (b"step,loss\nx,y\n", "no numbers"),
    ],
)
def test_a_log_that_cannot_be_read_gives_one_sentence(content, word):
    with pytest.raises(InvalidUpload, match=word) as caught:
        read_log("log", content)
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=300) | st.text(max_size=200).map(lambda text: ("step,loss\n" + text).encode()))
@example(tensorboard()[:-20])
@example(tensorboard()[:40] + b"\xff" * 60)
@example(b"[" * 100_000)
@example(b'step,loss\n"' + b"1" * 200_000)
def test_any_bytes_are_read_or_refused_in_words(content):
    try:
        log = read_log("upload", content)
    except InvalidUpload as refusal:
        assert str(refusal)
        assert "\n" not in str(refusal)
    else:
        assert log.frame["step"].is_monotonic_increasing

"""A log that grows is read as it would be at its end, however it came."""

import json
import os
import struct
from pathlib import Path

import numpy as np
import pytest

import vapor_core as vapor
from vapor_core.backends.followed.folders import logs_of, offered, within
from vapor_core.backends.followed.follow import follow
from vapor_core.backends.followed.run import FileRun
from vapor_core.errors import InvalidUpload
from vapor_core.readers.run_logs import read_log, read_logs

STEPS = range(10, 210, 10)


def jsonl(step):
    line = {
        "step": step,
        "loss": 3 - step / 100,
        "learning_rate": 1e-4,
        "grad_norm": 0.5,
        "epoch": step / 100,
    }
    text = json.dumps(line) + "\n"
    if step % 50 == 0:
        text += json.dumps({"step": step, "eval_loss": 2.9 - step / 200, "epoch": step / 100}) + "\n"
    return text


def table(step):
    return f"{step},{3 - step / 100},{2.9 - step / 200 if step % 50 == 0 else ''},0.0001\n"


def printed(step):
    return f"step {step}/200 | loss {3 - step / 100:.4f} | lr 1.00e-04 | norm 0.5000 | 1234 tok/s\n"


def event(tag, step, value, wall):
    name = tag.encode()
    body = b"\x0a" + bytes([len(name)]) + name + b"\x15" + struct.pack("<f", value)
    summary = b"\x0a" + bytes([len(body)]) + body
    payload = b"\x09" + struct.pack("<d", wall) + b"\x10" + bytes([step % 128 | 128, step // 128]) + b"\x2a"
    return record(payload + bytes([len(summary)]) + summary)


def record(payload):
    return struct.pack("<Q", len(payload)) + b"\0\0\0\0" + payload + b"\0\0\0\0"


def events(step):
    return event("train/loss", step, 3 - step / 100, 1e9 + step) + event(
        "train/learning_rate", step, 1e-4, 1e9 + step
    )


KINDS = {
    "log.jsonl": ("", jsonl),
    "metrics.csv": ("step,loss,val_loss,lr\n", table),
    "train.log": ("loading the model ...\n", printed),
    "events.out.tfevents.1": (
        record(b"\x09" + struct.pack("<d", 1e9) + b"\x1a\x0dbrain.Event:2"),
        events,
    ),
}


@pytest.fixture(params=KINDS)
def growing(request, tmp_path):
    """(file, what each step appends to it)."""
    begin, line = KINDS[request.param]
    path = tmp_path / request.param
    path.write_bytes(begin if isinstance(begin, bytes) else begin.encode())

    def bytes_of(step):
        told = line(step)
        return told if isinstance(told, bytes) else told.encode()

    return path, bytes_of


def append(path, content):
    with path.open("ab") as file:
        file.write(content)


def test_following_a_log_line_by_line_is_reading_it_at_its_end(growing):
    path, line = growing
    append(path, line(STEPS[0]))
    run, now = follow(path), 0.0
    for step in STEPS[1:]:
        run.look(now=now)
        append(path, line(step))
        now += 10.0
    run.look(now=now)
    whole = read_log(path.name, path.read_bytes()).frame
    found = run.frame()
    assert found["step"].tolist() == whole["step"].tolist()
    for column in set(whole) - {"step"}:
        np.testing.assert_allclose(found[column], whole[column], rtol=1e-6, err_msg=column)


def test_a_torn_end_waits_and_is_never_read_as_something_else(growing):
    path, line = growing
    append(path, line(10) + line(20))
    run = follow(path)
    run.look(now=0.0)
    piece = line(30)
    for at in range(0, len(piece), 7):
        append(path, piece[at : at + 7])
        run.look(now=0.0)
        assert set(run.frame()["step"]) <= {10, 20, 30}
    run.look(now=0.0)
    np.testing.assert_allclose(run.frame()["loss"], [2.9, 2.8, 2.7], rtol=1e-6)


def test_what_is_new_is_handed_out_once_and_a_late_evaluation_takes_its_row_back(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text(jsonl(10) + jsonl(20))
    run = follow(path)
    assert run.look(now=0.0)["step"].tolist() == [10, 20]
    assert run.look(now=0.0).empty
    append(path, json.dumps({"step": 20, "eval_loss": 2.5}).encode() + b"\n" + jsonl(30).encode())
    fresh = run.look(now=0.0)
    assert fresh["step"].tolist() == [20, 30]
    assert fresh["eval_loss"].tolist()[0] == 2.5


def test_a_file_that_begins_anew_is_read_anew(growing):
    path, line = growing
    append(path, line(10) + line(20))
    run = follow(path)
    run.look(now=0.0)
    begin, _ = KINDS[path.name]
    path.write_bytes((begin if isinstance(begin, bytes) else begin.encode()) + line(10))
    run.look(now=0.0)
    run.look(now=0.0)
    append(path, line(20) + line(30))
    run.look(now=0.0)
    np.testing.assert_allclose(run.frame()["loss"], [2.9, 2.8, 2.7], rtol=1e-6)


def test_a_trainers_state_is_read_anew_when_it_was_written_anew(tmp_path):
    for count in (2, 4):
        folder = tmp_path / f"checkpoint-{count * 10}"
        folder.mkdir()
        state = {
            "log_history": [
                {"loss": 3 - at / 10, "step": at * 10, "epoch": at / 10} for at in range(1, count + 1)
            ],
            "max_steps": 40,
            "global_step": count * 10,
        }
        (folder / "trainer_state.json").write_text(json.dumps(state))
        if count == 2:
            run = follow(tmp_path)
            run.look(now=0.0)
            assert run.frame()["step"].tolist() == [10, 20]
            assert (run.standing.ended, run.standing.total_steps) == ("", 40)
    run.look(now=60.0)
    assert run.frame()["step"].tolist() == [10, 20, 30, 40]
    assert run.standing.ended == "completed"


def test_our_own_programs_metrics_are_followed_with_their_end(tmp_path):
    lines = [
        {"event": "start", "attempt": 1, "at": 5.0, "step": 0, "total_steps": 3},
        *({"event": "log", "attempt": 1, "at": 6.0 + at, "step": at, "loss": 3.0 - at} for at in (1, 2, 3)),
        {"event": "end", "attempt": 1, "at": 10.0, "step": 3, "reason": "completed"},
    ]
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines[:-1]))
    run = follow(tmp_path)
    run.look(now=0.0)
    assert run.standing.ended == ""
    append(path, json.dumps(lines[-1]).encode() + b"\n")
    run.look(now=0.0)
    assert (run.standing.ended, run.standing.step) == ("completed", 3)
    assert run.frame()["loss"].tolist() == [2.0, 1.0, 0.0]


@pytest.mark.parametrize(
    ("files", "first"),
    [
        (("a.txt", "metrics.jsonl", "runs/events.out.tfevents.1"), "metrics.jsonl"),
        (("runs/events.out.tfevents.1", "checkpoint-5/trainer_state.json"), "events.out.tfevents.1"),
        (("version_0/metrics.csv", "checkpoint-5/trainer_state.json"), "metrics.csv"),
        (
            ("logs/train/events.out.tfevents.1", "logs/validation/events.out.tfevents.1"),
            "events.out.tfevents.1",
        ),
    ],
)
def test_of_a_folder_the_log_is_followed_that_tells_a_step_soonest(tmp_path, files, first):
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    found = logs_of(tmp_path)
    assert {path.name for path, _ in found} == {first}
    assert len(found) == sum(name.endswith(first) for name in files)


def test_only_what_lies_within_the_root_is_followed(tmp_path, monkeypatch):
    inside, outside = tmp_path / "runs", tmp_path / "secret.csv"
    inside.mkdir()
    outside.write_text("step,loss\n1,2\n")
    (inside / "link.csv").symlink_to(outside)
    monkeypatch.setenv("VAPOR_FOLLOW", str(inside))
    for place in ("../secret.csv", str(outside), "link.csv", "a\0b", "~/x"):
        with pytest.raises(InvalidUpload, match="name a file or folder within it") as refused:
            within(place)
        assert str(tmp_path) not in str(refused.value) or place == str(outside)
    monkeypatch.delenv("VAPOR_FOLLOW")
    with pytest.raises(InvalidUpload, match="VAPOR_FOLLOW"):
        within("a.csv")


def test_runs_are_offered_the_newest_first_and_a_run_of_several_files_once(tmp_path, monkeypatch):
    names = ["old/log.jsonl", "one/runs/events.out.tfevents.1", "one/runs/events.out.tfevents.2", "notes.md"]
    names += ["two/checkpoint-1/trainer_state.json", "two/checkpoint-2/trainer_state.json"]
    for at, name in enumerate(names):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
        os.utime(tmp_path / name, (1e9 + at, 1e9 + at))
    monkeypatch.setenv("VAPOR_FOLLOW", str(tmp_path))
    assert offered() == ["two", "one/runs", "old/log.jsonl"]


def test_what_is_no_log_is_refused_in_a_sentence(tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    (tmp_path / "notes.log").write_text("hello\nworld\n")
    run = vapor.follow(tmp_path / "notes.log")
    with pytest.raises(InvalidUpload, match="no loss"):
        run.look(now=0.0)
    with pytest.raises(InvalidUpload, match="no file or folder"):
        vapor.follow(tmp_path / "gone")
    with pytest.raises(InvalidUpload, match="holds no log yet"):
        vapor.follow(empty)


LOGS = Path(__file__).parents[2] / "data" / "logs"


def single_runs():
    """The logs of other programs at hand that hold one run, with what an import makes of them."""
    for path in sorted(LOGS.iterdir()):
        try:
            runs = read_logs(path.name, path.read_bytes())
        except InvalidUpload:
            continue
        if len(runs) == 1:
            yield path, runs[0]


@pytest.mark.slow
def test_every_log_at_hand_is_followed_as_it_is_imported(tmp_path):
    differs = []
    for path, whole in single_runs():
        lines = path.read_bytes().splitlines(keepends=True)
        file = tmp_path / path.name
        grows = path.suffix not in (".json", ".ipynb", ".html") and "tfevents" not in path.name
        first = max(len(lines) // 2, min(len(lines), 6)) if grows else len(lines)
        file.write_bytes(b"".join(lines[:first]))
        run = FileRun(file)
        for number, line in enumerate(lines[first:]):
            run.look(1e4 * number)
            append(file, line)
        if grows and not lines[-1].endswith(b"\n"):
            append(file, b"\n")
        run.look(1e9)
        found = run.columns(0, 2**53)
        same = found["step"].tolist() == whole.frame["step"].tolist() and all(
            np.allclose(found[name], whole.frame[name], rtol=1e-5, equal_nan=True)
            for name in ("loss", "eval_loss")
            if name in whole.frame
        )
        if not same:
            differs.append(path.name)
    assert not differs

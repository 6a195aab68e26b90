"""A disk that takes no more while a real job runs: it is said, what was recorded stays, and Resume goes on."""

import errno
import shutil
import subprocess
import time

import pytest

from tests.backends.local.running import config, kill, opened, run_of, until, until_true
from vapor_core.backends.local.run_directory import Exit, RunDirectory
from vapor_core.errors import BackendRefused, NotPassedOn
from vapor_core.program import full_disk

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("machine")]
SIZE = 2**20  # bytes of the disk


def system(program, *words):
    """Whether a program of the system does it; not where it is missing."""
    place = shutil.which(program)
    if place is None:
        return False
    return subprocess.run([place, *words], capture_output=True, check=False).returncode == 0  # noqa: S603 - our words


@pytest.fixture
def disk(machine, monkeypatch):
    """The folder of runs on a disk of a megabyte."""
    folder = machine / "disk"
    folder.mkdir()
    if not system("mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)):
        pytest.skip("a small disk may not be mounted here")
    monkeypatch.setenv("VAPOR_RUNS", str(folder))
    yield folder
    for run in folder.glob("*/job-*"):
        kill(RunDirectory(run))
    until_true(lambda: system("umount", str(folder)))


def fill(folder):
    """Take all that is left."""
    with (folder / "others").open("ab", buffering=0) as file:
        for size in (2**16, 4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError as error:
                assert error.errno == errno.ENOSPC


def test_a_disk_that_fills_up_is_said_and_resume_goes_on_once_there_is_room(machine, disk, monkeypatch):
    """It was told that the trainer "ended with code 1", or nothing, since no word of it found room."""
    monkeypatch.setenv("VAPOR_TEST_SAVES", str(SIZE // 8))
    store = opened(machine)
    job = store.submit(config(100), now=time.time())
    assert until(store, job.id, "failed", "lost") == "failed"
    found = store.job(job.id)
    assert found.failure.sentence.startswith("The disk is full.")
    assert "press Resume" in found.failure.sentence
    before = store.metrics(job.id).frame(1000)["step"].tolist()
    assert before == list(range(len(before)))
    assert len(before) >= 20
    for path in (run_of(store, job.id).path / "checkpoints").glob("weights-*"):
        path.unlink()
    monkeypatch.setenv("VAPOR_TEST_SAVES", "0")
    store.resume(job.id, now=time.time())
    until(store, job.id, "completed")
    assert store.metrics(job.id).frame(1000)["step"].tolist() == list(range(100))


def test_a_run_on_a_full_disk_is_paused_and_can_say_so(machine, disk):
    """Its supervisor died of the file that asks for an end, and the page showed a traceback."""
    store = opened(machine)
    job = store.submit(config(100_000), now=time.time())
    until(store, job.id, "running", step=3)
    fill(disk)
    store.pause(job.id, now=time.time())
    assert until(store, job.id, "paused", "failed") in ("paused", "failed")
    assert run_of(store, job.id).exit() is not None
    (disk / "others").unlink()
    store.resume(job.id, now=time.time())
    until(store, job.id, "running", step=store.job(job.id).step + 2)
    store.stop(job.id, now=time.time())
    until(store, job.id, "stopped")


def test_a_start_that_finds_no_room_is_refused_in_a_sentence(machine, disk):
    store = opened(machine)
    fill(disk)
    with pytest.raises(BackendRefused, match="free some space"):
        store.submit(config(5), now=time.time())


def test_a_wish_that_finds_no_room_is_a_sentence_and_works_again(machine, disk):
    store = opened(machine)
    job = store.submit(config(100_000), now=time.time())
    until(store, job.id, "running", step=3)
    run = run_of(store, job.id)
    (run.path / "reserve").unlink()
    fill(disk)
    with pytest.raises((NotPassedOn, BackendRefused), match="free some space"):
        store.stop(job.id, now=time.time())
    (disk / "others").unlink()
    again = opened(machine)
    until(again, job.id, "stopped", "failed")


def test_how_it_ended_finds_the_room_that_was_kept_for_it(disk):
    run = RunDirectory(disk / "w" / "job-1")
    run.create({"a": 1})
    fill(disk)
    run.end(Exit(0, "failed", 1.0, full_disk.SENTENCE))
    assert run.exit().message == full_disk.SENTENCE
    assert run.spec() == {"a": 1}


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), True),
        (RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"), True),
        (OSError(errno.EACCES, "Permission denied"), False),
        (ValueError("the data ran out"), False),
    ],
)
def test_a_full_disk_is_recognised_in_the_words_of_whoever_met_it(tmp_path, error, full):
    assert full_disk.is_full(error, tmp_path) is full
    wrapped = RuntimeError("could not save")
    wrapped.__cause__ = error
    assert full_disk.is_full(wrapped, tmp_path) is full

"""What a person does is recorded first and carried out then, once: whatever is killed when, whoever else acts."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.backends import real_work
from vapor_core import BackendRefused, JobConfig, JournalFull, Store
from vapor_core.backends import registry
from vapor_core.errors import ForbiddenTransition, JournalError
from vapor_core.journal.journal import JournalConflict
from vapor_core.journal.memory import MemoryJournal
from vapor_core.journal.read_only import ReadOnlyJournal, WatchedJournal
from vapor_core.journal.sql import open_journal

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
REAL = JobConfig(model="openai-community/gpt2", max_steps=10, backend="local")
ACT = """
import sys
from tests.backends import real_work
from vapor_core import JobConfig, Store
from vapor_core.backends import registry
real_work.register(registry)
store = Store.open(sys.argv[1])
REAL = JobConfig(model="openai-community/gpt2", max_steps=10, backend="local")
"""


@pytest.fixture(autouse=True)
def runs(tmp_path, monkeypatch):
    """A folder for what is carried out, and "local" as a backend that does real work."""
    folder = tmp_path / "runs"
    folder.mkdir()
    monkeypatch.setenv("VAPOR_TEST_RUNS", str(folder))
    monkeypatch.setitem(registry.REGISTRY, "local", registry.REGISTRY["local"])
    real_work.register(registry)
    return folder


def killed(work, line: str, dies: str) -> None:
    """Another process does a line and is killed at a place."""
    program = subprocess.run(  # noqa: S603 - our own interpreter and program
        [sys.executable, "-c", ACT + line, str(work)],
        cwd=ROOT,
        env={**os.environ, "VAPOR_TEST_DIES": dies},
        capture_output=True,
        check=False,
    )
    assert program.returncode == -signal.SIGKILL, program.stderr.decode()


def submitted(store: Store) -> list[str]:
    entries = store.journal.read(store.workspace)
    return [entry.event.job_id for entry in entries if entry.event.kind == "job_submitted"]


class Stubborn(MemoryJournal):
    """Lets another process be faster a few times, or has no room."""

    conflicts = 0
    full = False

    def append(self, workspace, after, at, event):
        if self.full:
            raise JournalFull("the disk has no room")
        if self.conflicts:
            self.conflicts -= 1
            raise JournalConflict("another process was faster")
        return super().append(workspace, after, at, event)


def test_a_job_is_recorded_before_it_is_started():
    journal = Stubborn()
    seen = []
    start = real_work.RealJobs.start

    class Looking(real_work.RealJobs):
        def start(self, job_id):
            seen.append([entry.event.kind for entry in journal.read("default")])
            start(self, job_id)

    store = Store(journal)
    store._live._job_backends["local"] = Looking("default", journal)
    store.submit(REAL, now=0.0)
    assert seen == [["job_submitted"]] and real_work.carried_out() == ["start job-1"]


def test_what_cannot_be_recorded_is_not_started():
    journal = Stubborn()
    store = Store(journal)
    journal.full = True
    with pytest.raises(JournalFull):
        store.submit(REAL, now=0.0)
    assert real_work.carried_out() == [] and store.jobs() == ()


def test_conflicts_in_the_journal_start_nothing_twice():
    journal = Stubborn()
    store = Store(journal)
    journal.conflicts = 7
    store.submit(REAL, now=0.0)
    journal.conflicts = 7
    store.pause("job-1", now=1.0)
    assert real_work.carried_out() == ["start job-1", "pause job-1 1"]


def test_what_is_never_recorded_for_conflicts_is_never_started():
    journal = Stubborn()
    store = Store(journal)
    journal.conflicts = 1000
    with pytest.raises(JournalError, match="other processes keep acting"):
        store.submit(REAL, now=0.0)
    assert real_work.carried_out() == []


def test_a_kill_between_record_and_start_leaves_a_job_that_is_started_once(tmp_path):
    work = tmp_path / "work.db"
    killed(work, "store.submit(REAL, now=0.0)", "before start")
    assert real_work.carried_out() == []
    for _ in range(3):
        store = Store.open(work)
        assert [job.status for job in store.jobs()] == ["running"]
        store.close()
    assert real_work.carried_out() == ["start job-1"]


def test_a_kill_right_after_the_start_starts_nothing_again(tmp_path):
    work = tmp_path / "work.db"
    killed(work, "store.submit(REAL, now=0.0)", "after start")
    store = Store.open(work)
    assert len(store.jobs()) == 1 and real_work.carried_out() == ["start job-1"]
    store.close()


def test_a_kill_between_record_and_pause_leaves_a_job_that_is_paused_once(tmp_path):
    work = tmp_path / "work.db"
    killed(work, "store.submit(REAL, now=0.0); store.pause('job-1', now=1.0)", "before pause")
    assert real_work.carried_out() == ["start job-1"]
    for _ in range(2):
        Store.open(work).close()
    assert real_work.carried_out() == ["start job-1", "pause job-1 1"]


def test_a_process_that_lives_carries_out_what_a_killed_one_recorded(tmp_path):
    work = tmp_path / "work.db"
    store = Store.open(work)
    killed(work, "store.submit(REAL, now=0.0)", "before start")
    store.advance(now=1.0)
    assert [job.id for job in store.jobs()] == ["job-1"] and real_work.carried_out() == ["start job-1"]
    store.close()


def test_a_job_that_was_stopped_before_anybody_started_it_is_not_started(tmp_path):
    work = tmp_path / "work.db"
    killed(work, "store.submit(REAL, now=0.0)", "before start")
    journal = open_journal(work)
    from vapor_core.journal.events import JobStopped  # noqa: PLC0415 - of this test alone

    journal.append("default", 1, 1.0, JobStopped(job_id="job-1"))
    store = Store(journal)
    assert store.job("job-1").status == "stopped"
    assert real_work.carried_out() == ["stop job-1 1"]
    store.close()


def test_who_may_only_look_starts_nothing(tmp_path):
    work = tmp_path / "work.db"
    killed(work, "store.submit(REAL, now=0.0)", "before start")
    journal = open_journal(work)
    for looking in (WatchedJournal(journal), ReadOnlyJournal(journal.read("default"))):
        store = Store(looking)
        store.advance(now=10.0)
        assert len(store.jobs()) == 1 and real_work.carried_out() == []
    journal.close()


def test_what_a_backend_would_not_take_is_refused_before_it_is_recorded():
    store = Store()
    with pytest.raises(BackendRefused, match="ask for 8 or fewer"):
        store.submit(REAL.changed(accelerator_count=9), now=0.0)
    assert store.journal.read("default") == () and real_work.carried_out() == []


def test_what_a_backend_cannot_start_after_all_is_rolled_back_and_says_why(tmp_path):
    store = Store.open(tmp_path / "work.db")
    with pytest.raises(BackendRefused, match="free 10 GB"):
        store.submit(REAL.changed(name="unwelcome"), now=0.0)
    assert store.jobs() == () and real_work.carried_out() == []
    again = Store(store.journal)
    for each in (store, again):
        (job,) = each.jobs(include_deleted=True)
        assert (job.status, job.failure.code) == ("failed", "backend") and "free 10 GB" in job.failure.why
        with pytest.raises(ForbiddenTransition, match="never started"):
            each.restore("job-1", now=2.0)
    assert store.submit(REAL, now=3.0).id == "job-2" and real_work.carried_out() == ["start job-2"]
    store.close()


def test_a_deployment_is_carried_out_once_and_changed_once(tmp_path):
    work = tmp_path / "work.db"
    line = (
        "store.submit(REAL.changed(backend='simulated'), now=0.0); store.skip(1e6, now=1.0); "
        "store.deploy('job-1', backend='local', now=2.0)"
    )
    killed(work, line, "before start")
    assert real_work.carried_out() == []
    store = Store.open(work)
    first = ["deploy deployment-1", "scale deployment-1 1 4", "revise deployment-1 1"]
    assert real_work.carried_out() == first and store.deployment("deployment-1").status == "healthy"
    store.scale("deployment-1", (2, 3), now=3.0)
    store.stop("deployment-1", now=4.0)
    Store(store.journal)
    assert real_work.carried_out() == [*first, "scale deployment-1 2 3", "stop deployment-1"]
    store.close()


def test_a_deployment_that_cannot_be_started_is_rolled_back_and_says_why():
    store = Store()
    store.submit(REAL.changed(backend="simulated"), now=0.0)
    store.skip(1e6, now=1.0)
    with pytest.raises(BackendRefused, match="its port is taken"):
        store.deploy("job-1", backend="local", replicas=(1, 7), now=2.0)
    assert store.deployments() == () and real_work.carried_out() == []
    assert store.deployment("deployment-1").failure.code == "backend"


def started_jobs() -> list[str]:
    return sorted(path.name for path in real_work.runs().glob("start_*"))


def test_two_processes_that_are_killed_again_and_again_start_every_job_exactly_once(tmp_path):
    work, chance = tmp_path / "work.db", random.Random(8)  # noqa: S311 - of when to kill
    Store.open(work).close()
    line = "\nfor at in range(10_000):\n    store.submit(REAL, now=float(at))"
    for _ in range(6):
        pair = [
            subprocess.Popen([sys.executable, "-c", ACT + line, str(work)], cwd=ROOT)  # noqa: S603 - our own
            for _ in range(2)
        ]
        enough = len(started_jobs()) + chance.randint(3, 12)
        patience = time.monotonic() + 60
        while len(started_jobs()) < enough and time.monotonic() < patience:
            time.sleep(0.01)
        for process in pair:
            process.kill()
        for process in pair:
            process.wait()
    store = Store.open(work)
    recorded = submitted(store)
    assert len(recorded) > 20
    assert started_jobs() == sorted(f"start_{job_id}" for job_id in recorded)
    store.close()

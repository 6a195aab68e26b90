"""Three app processes behind nginx share one journal: visitors spread, and a killed process loses nothing."""

import asyncio
import subprocess
import urllib.request
from collections import Counter
from contextlib import ExitStack

import pytest

from benchmarks.balanced import NGINX, NO_NGINX, app_process, balancer, starts_a_job, visitor
from benchmarks.serving import free_port
from vapor_core.journal.sql import open_journal

pytestmark = [
    pytest.mark.scaling,
    pytest.mark.slow,
    pytest.mark.postgres,
    pytest.mark.skipif(NGINX is None, reason=NO_NGINX),
]


async def work(address: str, processes: dict[str, subprocess.Popen], url: str) -> None:
    people = [await visitor(address, number) for number in range(6)]
    for person in people:
        await starts_a_job(person)
    journal = open_journal(url)
    before = {person.workspace: journal.read(person.workspace) for person in people}
    assert all(sum(e.event.kind == "job_submitted" for e in told) == 1 for told in before.values())
    victim = people[0].process
    processes[victim].kill()
    processes[victim].wait()
    for number, person in enumerate(people):
        if person.process == victim:
            await person.socket.close()
            again = await visitor(address, number)
            assert again.process != victim
            await starts_a_job(again)
            await again.socket.close()
        else:
            await starts_a_job(person)
            await person.socket.close()
    for workspace, told in before.items():
        entries = journal.read(workspace)
        assert entries[: len(told)] == told
        assert sum(entry.event.kind == "job_submitted" for entry in entries) == 2
    journal.close()


def spread(address: str, visitors: int) -> Counter:
    """Processes that so many new visitors were sent to."""
    found: Counter = Counter()
    for _ in range(visitors):
        with urllib.request.urlopen(f"http://{address}/_stcore/health") as answer:
            found[answer.headers["X-Vapor-Process"]] += 1
    return found


def kept_by(address: str, cookie: str) -> set[str]:
    """Processes that one visitor was sent to."""
    request = urllib.request.Request(f"http://{address}/_stcore/health", headers={"Cookie": cookie})
    found = set()
    for _ in range(10):
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - loopback
            found.add(answer.headers["X-Vapor-Process"])
    return found


def test_visitors_spread_and_a_killed_process_loses_nobodys_work(postgres_server, tmp_path):
    url = postgres_server.database()
    with ExitStack() as stack:
        processes = {}
        for _ in range(3):
            port = free_port()
            server = stack.enter_context(app_process(url, port))
            processes[f"127.0.0.1:{port}"] = server.process
        ports = [int(name.rsplit(":", 1)[1]) for name in processes]
        address = stack.enter_context(balancer(tmp_path, ports))
        found = spread(address, 60)
        assert set(found) == set(processes)
        assert max(found.values()) <= 45
        assert len(kept_by(address, "vapor_visitor=somebody")) == 1
        asyncio.run(work(address, processes, url))

"""Memory of a server whose workspace has 1,000 jobs of 100,000 steps, five of which are looked at."""

import asyncio

from benchmarks import load, serving
from benchmarks.rows import Row

WORKSPACE = "steps=0 jobs=1000 finished_steps=100000"
LIMIT_MB = 400.0


async def measure() -> tuple[float, float]:
    with serving.app(WORKSPACE) as server:
        viewer, _ = await load.open_page(server.url)
        opened_mb = server.memory_mb()
        for number in range(1, 6):
            await viewer.go("Monitor", f"job=job-{number}")
        await viewer.socket.close()
        return opened_mb, server.memory_mb()


def rows() -> list[Row]:
    opened_mb, viewed_mb = asyncio.run(measure())
    return [
        Row(
            "memory of the server with 1,000 jobs of 100,000 steps, five of them viewed",
            "",
            f"{opened_mb:.0f} MB with Overview open, {viewed_mb:.0f} MB after five were viewed",
            f"{viewed_mb:.0f} MB",
            "under 400 MB",
            viewed_mb < LIMIT_MB,
        )
    ]

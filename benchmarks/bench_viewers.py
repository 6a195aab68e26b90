"""How many people one server process can serve, each with Monitor live once a second, against the bare fragment."""

import asyncio

from benchmarks import load, serving
from benchmarks.load import Viewer
from benchmarks.rows import Row

LIMIT_MS = 500.0
STEP = 6
WORKSPACE = "steps=20000"


async def most(server: serving.Server, page: str, query: str) -> tuple[int, list[tuple[int, float]]]:
    async def more() -> Viewer:
        return (await load.open_page(server.url, page, query))[0]

    return await load.most_viewers(more, LIMIT_MS, STEP)


async def measure() -> tuple[tuple[int, list[tuple[int, float]]], tuple[int, list[tuple[int, float]]]]:
    with serving.streamlit(serving.FLOOR) as floor:
        bare = await most(floor, "", "")
    with serving.app(WORKSPACE) as app:
        ours = await most(app, "Monitor", f"job={serving.watched(WORKSPACE)}")
    return ours, bare


def rows() -> list[Row]:
    (ours, tried), (bare, bare_tried) = asyncio.run(measure())
    share = ours / bare if bare else 0.0

    def course(steps: list[tuple[int, float]]) -> str:
        return ", ".join(f"{count}: {p95_ms:.0f} ms" for count, p95_ms in steps[-3:])

    return [
        Row(
            "viewers on one server process, Monitor live at 1 Hz, p95 under 500 ms",
            "the same with the bare fragment",
            f"{ours} against {bare} (p95 of the last numbers tried: {course(tried)}; bare {course(bare_tried)})",
            f"{share:.0%}",
            "at least 60 %",
            share >= 0.6 and bare > 0,
            "Past that the interval stretches by itself and the page says so "
            "(`vapor_ui/shell/refresh_rate.py`, held by a test); "
            "the load generator keeps asking each second. The 2.5 s after newcomers join are not "
            "counted. Viewers and server share the machine's cores.",
        )
    ]

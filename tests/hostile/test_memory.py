"""The costliest files that are taken at all stay within memory: many small cells, wide rows, deep or long texts."""

import json
from collections.abc import Callable

import pytest
from hostile_values import taken_within_memory

from vapor_core.readers.datasets import read_dataset
from vapor_core.readers.run_logs import read_log
from vapor_core.sharing import files, validation
from vapor_core.trainers.reading import read_job

pytestmark = pytest.mark.slow

UPLOAD = 50_000_000  # bytes: what a page takes (.streamlit/config.toml)
HEAD = b'{"vapor": 1, "now": 1.0, "entries": ['
WIDE_HEAD = (",".join(["step", "loss", *(f"c{k}" for k in range(500))]) + "\n").encode()


def many(piece: str, head: str = "", tail: str = "", size: int = UPLOAD) -> bytes:
    """As many pieces as an upload of a size may hold."""
    return f"{head}{piece * ((size - len(head) - len(tail)) // len(piece))}{tail}".encode()


def numbered(row: Callable[[int], str], most: int = 1_500_000) -> bytes:
    """Rows with their numbers, as far as an upload goes."""
    found, size = [], 0
    for number in range(most):
        found.append(row(number))
        size += len(found[-1])
        if size > UPLOAD:
            break
    return "".join(found[:-1]).encode()


def workspace(name: str, content: bytes) -> object:
    return validation.shared_store(files.from_file(name, content))


FILES: dict[str, tuple[Callable[[str, bytes], object], str, Callable[[], bytes]]] = {
    "a log of short rows": (
        read_log, "a.csv", lambda: b"step,loss\n" + numbered(lambda k: f"{k},1\n")),
    "a log of wide rows": (
        read_log, "a.csv", lambda: WIDE_HEAD + numbered(lambda k: f"{k}," + ",".join("1" * 501) + "\n")),
    "a set of short rows": (read_dataset, "a.jsonl", lambda: many('{"text": "a"}\n')),
    "a set of one long text": (read_dataset, "a.jsonl", lambda: many("word ", '{"text": "', '"}')),
    "YAML of many keys": (read_job, "a.yaml", lambda: numbered(lambda k: f"k{k}: 1\n")),
    "a workspace of many entries": (
        workspace, "work.json", lambda: many("[0,{}],", '{"vapor": 1, "now": 1.0, "entries": [', "[0,{}]]}")),
    "a workspace of as many values as are taken": (
        workspace, "work.json", lambda: HEAD + b",".join([b"[0,{}]"] * 400_000) + b"]}"),
}  # fmt: skip


@pytest.mark.parametrize("kind", FILES)
def test_the_costliest_file_that_is_taken_stays_within_memory(kind):
    read, name, content = FILES[kind][0], FILES[kind][1], FILES[kind][2]()
    with taken_within_memory():
        read(name, content)


def test_what_is_measured_is_memory():
    with pytest.raises(AssertionError, match="MB of memory"), taken_within_memory():
        assert json.dumps("x" * 600_000_000)

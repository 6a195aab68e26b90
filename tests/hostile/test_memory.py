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
ROW = '{"step": 1, "loss": 2.5, "a": 1}\n'


def many(piece: str, head: str = "", tail: str = "") -> bytes:
    """As many pieces as an upload may hold."""
    return f"{head}{piece * ((UPLOAD - len(head) - len(tail)) // len(piece))}{tail}".encode()


def numbered(row: Callable[[int], str], most: int = 1_500_000) -> bytes:
    """Rows with their numbers, as far as an upload goes."""
    found, size = [], 0
    for number in range(most):
        found.append(row(number))
        size += len(found[-1])
        if size > UPLOAD:
            break
    return "".join(found[:-1]).encode()


FILES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "a log of short rows": ("a.csv", lambda: b"step,loss\n" + numbered(lambda k: f"{k},1\n")),
    "a log of wide rows": (
        "a.csv",
        lambda: (",".join(["step", "loss", *(f"c{k}" for k in range(500))]) + "\n").encode()
        + numbered(lambda k: f"{k}," + ",".join("1" * 501) + "\n"),
    ),
    "a log of JSON lines": ("a.jsonl", lambda: numbered(lambda k: f'{{"step": {k}, "loss": 2.5}}\n')),
    "a trainer's state": (
        "trainer_state.json",
        lambda: many('{"step": 1, "loss": 2.5}, ', '{"log_history": [', '{"step": 2, "loss": 1}]}'),
    ),
    "a set of short rows": ("a.jsonl", lambda: many('{"text": "a"}\n')),
    "a set as one list": ("a.json", lambda: many('{"text":"a"},', "[", '{"text":"a"}]')),
    "a set of one long text": ("a.jsonl", lambda: many("word ", '{"text": "', '"}')),
    "a list of lists": ("a.json", lambda: many("[],", "[", "[]]")),
    "a list of numbers": ("a.json", lambda: many("1,", "[", "1]")),
    "YAML of many keys": ("a.yaml", lambda: numbered(lambda k: f"k{k}: 1\n")),
    "a workspace of many entries": (
        "work.json",
        lambda: many("[0,{}],", '{"vapor": 1, "now": 1.0, "entries": [', "[0,{}]]}"),
    ),
}
READERS = {
    "log": read_log,
    "data": read_dataset,
    "configuration": read_job,
    "workspace": lambda name, content: validation.shared_store(files.from_file(name, content)),
}


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("reader", READERS)
def test_the_costliest_file_that_is_taken_stays_within_memory(kind, reader):
    name, content = FILES[kind][0], FILES[kind][1]()
    with taken_within_memory():
        READERS[reader](name, content)


def test_what_is_measured_is_memory():
    with pytest.raises(AssertionError, match="MB of memory"), taken_within_memory():
        assert json.dumps("x" * 600_000_000)

"""Whatever a file does to a reader, a person reads one sentence, and a test that did not mean it fails."""

import logging

import pytest

from vapor_core.errors import InvalidUpload
from vapor_core.readers.edge import one_sentence

FALLS = [
    KeyError("x"),
    TypeError("multiple values for argument 'self'"),
    RecursionError(),
    MemoryError(),
    ZeroDivisionError(),
]


@pytest.mark.edge
@pytest.mark.parametrize("fall", FALLS, ids=repr)
def test_nobody_sees_a_traceback_because_of_a_file(fall, caplog):
    @one_sentence(InvalidUpload, "the log")
    def read(name: str) -> str:
        raise fall

    with (
        caplog.at_level(logging.ERROR),
        pytest.raises(InvalidUpload, match=r"the log cannot be read: .*export it anew") as refused,
    ):
        read("a.csv")
    assert refused.value.__cause__ is None and refused.value.__suppress_context__ is False
    assert refused.value.__context__ is None  # the traceback is in the log, not behind the sentence
    assert caplog.records[0].exc_info[1] is fall


def test_a_sentence_of_the_reader_s_own_goes_through():
    @one_sentence(InvalidUpload, "the log")
    def read() -> None:
        raise InvalidUpload("line 3 has no loss", 3)

    with pytest.raises(InvalidUpload, match="line 3 has no loss") as refused:
        read()
    assert refused.value.line == 3


def test_a_reader_keeps_its_name_and_its_words():
    @one_sentence(InvalidUpload, "the log")
    def read(name: str) -> str:
        """What it reads."""
        return name

    assert (read("a"), read.__name__, read.__doc__) == ("a", "read", "What it reads.")

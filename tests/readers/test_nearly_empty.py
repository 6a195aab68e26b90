"""A file with nothing in it, or nearly nothing, is refused in one sentence by every reader."""

import struct

import pytest

from vapor_core.errors import InvalidUpload, VaporError
from vapor_core.readers.datasets import ENDINGS, read_dataset
from vapor_core.readers.run_logs import read_log
from vapor_core.readers.tensorboard import is_event_file, scalars
from vapor_core.sharing.files import from_file
from vapor_core.trainers.reading import read_job

UTF8_MARK = b"\xef\xbb\xbf"
NOTHING = {
    "no byte": b"",
    "a mark of UTF-8": UTF8_MARK,
    "two marks": UTF8_MARK * 2,
    "a mark of UTF-16, little end first": b"\xff\xfe",
    "a mark of UTF-16, big end first": b"\xfe\xff",
    "a mark of UTF-32, little end first": b"\xff\xfe\0\0",
    "a mark of UTF-32, big end first": b"\0\0\xfe\xff",
    "a blank": b" ",
    "a newline": b"\n",
    "a carriage return": b"\r",
    "lines of blanks": b" \r\n\t \r\n",
    "a mark and a newline": UTF8_MARK + b"\n",
    "a mark and blanks": UTF8_MARK + b"   ",
    "zeros": bytes(64),
    "a mark and zeros": UTF8_MARK + bytes(8),
    "blanks of other kinds": "\x0b\x0c\x1c\x85\u00a0\u2028\u3000".encode(),
    "a blank in UTF-16": " ".encode("utf-16"),
}
VERSION = struct.pack("<Q", 15) + bytes(4) + b"\x1a\x0dbrain.Event:2" + bytes(4)
NEARLY = {
    **{repr(mark): mark.encode() for mark in ("{", "}", "[", "]", '"', "'", ",", ";", "-", "?", "&a", "*a", "%")},
    **{repr(word): word.encode() for word in ("{}", "[]", "[[]]", "null", "0", "NaN", '""', "---", "...", "<<: 1")},
    **{repr(word): word.encode() for word in ("step", "step,loss", "step,loss\n", "key,value,step", "{\n", '{"a":')},
    "a mark and a brace": UTF8_MARK + b"{",
    "a mark and a header": UTF8_MARK + b"step,loss\n",
    "an empty log_history": b'{"log_history": []}',
    "the version of an event file": VERSION,
    "an event file cut off": VERSION[:-3],
    "an event file with zeros behind it": VERSION + bytes(40),
}  # fmt: skip
READERS = {
    "run log": lambda content: read_log("log", content),
    "configuration": lambda content: read_job("config", content),
    "workspace file": lambda content: from_file("work.json", content),
    **{
        f"data set {ending}": lambda content, ending=ending: read_dataset(f"a{ending}", content)
        for ending in ("", *ENDINGS)
    },
}
ALWAYS_REFUSE = ("run log", "configuration", "workspace file")  # a data set may be one mark of plain text


@pytest.mark.parametrize("content", NOTHING.values(), ids=NOTHING)
@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_nothing_is_refused_by_every_reader(read, content):
    with pytest.raises(InvalidUpload) as refused:
        read(content)
    assert 5 < len(str(refused.value)) < 200
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("content", NEARLY.values(), ids=NEARLY)
@pytest.mark.parametrize("reader", ALWAYS_REFUSE)
def test_nearly_nothing_is_no_log_no_configuration_and_no_workspace(reader, content):
    with pytest.raises(VaporError) as refused:
        READERS[reader](content)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("content", NEARLY.values(), ids=NEARLY)
@pytest.mark.parametrize("ending", ["", *ENDINGS])
def test_nearly_nothing_is_a_data_set_or_refused(ending, content):
    try:
        examples = read_dataset(f"a{ending}", content).examples
    except InvalidUpload as refused:
        examples = None
        assert "\n" not in str(refused)
    assert examples in (None, 1)


@pytest.mark.parametrize("content", NOTHING.values(), ids=NOTHING)
def test_nothing_is_no_event_file(content):
    assert not is_event_file(content)


def test_an_event_file_that_only_says_its_version_has_no_scalars():
    assert is_event_file(VERSION)
    assert list(scalars(VERSION)) == []


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (UTF8_MARK + b"step,loss\n1,\xff\n", 2),
        (UTF8_MARK + b"\n\n\xff", 3),
        (b"\xffa", 1),
        (b"a\nb\n\xff", 3),
    ],
)
@pytest.mark.parametrize("reader", ["run log", "configuration", "data set .csv"])
def test_what_is_not_utf8_is_named_by_its_line_whatever_mark_it_begins_with(reader, content, line):
    with pytest.raises(InvalidUpload, match=f"line {line} is not UTF-8") as refused:
        READERS[reader](content)
    assert refused.value.line == line

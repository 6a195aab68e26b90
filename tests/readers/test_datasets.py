"""A person's file gives its counts, or one sentence that names the line and what would work."""

import json

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import vapor_core as vapor
from vapor_core.physics.loss.texts import level
from vapor_core.readers import datasets
from vapor_core.readers.datasets import Upload, read_dataset


def lines(*rows):
    return "\n".join(json.dumps(row) for row in rows).encode()


READ = [
    ("a.jsonl", lines({"text": "one"}, {"text": "two"}), "text", 2),
    ("a.ndjson", lines({"prompt": "Say hi", "completion": "hi"}), "prompt and completion", 1),
    ("a.jsonl", lines({"instruction": "Add", "input": "1 2", "output": "3"}), "instruction", 1),
    ("a.jsonl", lines({"instruction": "Hello", "input": None, "output": "Hi"}), "instruction", 1),
    ("a.jsonl", lines({"question": "Why?", "answer": "So."}), "question and answer", 1),
    ("a.jsonl", lines({"query": "2+2", "response": "4", "type": "math"}), "question and answer", 1),
    ("a.jsonl", lines({"messages": [{"role": "user", "content": "hi"}]}), "chat", 1),
    ("a.jsonl", lines({"conversations": [{"from": "human", "value": "hi"}]}), "chat", 1),
    (
        "a.jsonl",
        lines({"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]}),
        "chat",
        1,
    ),
    ("a.jsonl", lines({"Text": "capital name"}), "text", 1),
    ("a.jsonl", lines({"quote": "the only field"}), "text", 1),
    ("a.jsonl", b'\n{"text": "after an empty line"}\r\n\r\n', "text", 1),
    ("a.json", b'[{"text": "a"},\n {"text": "b"}\n]\n', "text", 2),
    ("a.json", b'{"data": [{"text": "a"}, {"text": "b"}], "version": 1}', "text", 2),
    ("a.json", b'{"text": "a single example"}', "text", 1),
    ("a.json", lines({"text": "lines in"}, {"text": "a .json"}), "text", 2),
    ("a.csv", b"text\nhello\nworld\n", "text", 2),
    ("a.csv", b"prompt;completion\na;b\n", "prompt and completion", 1),
    ("a.csv", b'id,text\n1,"two\nlines, with a comma"\n\n2,"a ""quote"""\n', "text", 2),
    ("a.tsv", b"text\tlabel\nhello, you\t1\n", "text", 1),
    ("A.TXT", b"first passage\nof two lines\n\nsecond passage\n", "text", 2),
    ("a.md", b"# Title\n\nbody\n", "text", 2),
    ("a.txt", b"a line\nanother\nthird\n", "text", 3),
    ("noending", b'{"text": "json by its look"}', "text", 1),
    ("noending", b"plain by its look", "text", 1),
    ("a.jsonl", b'\xef\xbb\xbf{"text": "with a byte order mark"}', "text", 1),
]

REFUSED = [
    ("a.jsonl", b"", None, "empty"),
    ("a.csv", b"  \n\n", None, "empty"),
    ("a.csv", b"text\n", None, "no examples"),
    ("a.jsonl", b'{"text": "ok"}\n{"text": "torn', 2, "line 2 is not complete JSON"),
    ("a.jsonl", b'{"text": "ok"}\n\n["a"]\n', 3, "line 3 is a list, not an object"),
    ("a.jsonl", b'{"text": "ok"}\n"words"\n', 2, "line 2 is a string"),
    ("a.jsonl", b'{"text": "ok"}\n12\n', 2, "line 2 is a number"),
    ("a.jsonl", b'{"text": "ok"}\nnull\n', 2, "line 2 is null"),
    ("a.jsonl", b'{"text": "ok"} {"text": "two"}\n', 1, "one object a line"),
    ("a.jsonl", b'{"text": "ok"}\n{"body": "x"}\n', 2, "line 2 has no 'text'"),
    ("a.jsonl", b'{"text": ["a", "b"]}\n', 1, "a list as 'text'"),
    ("a.jsonl", b'{"a": "x", "b": "y"}\n', 1, "none of the layouts"),
    ("a.jsonl", b"{}\n", 1, "no fields"),
    ("a.jsonl", b'{"messages": "hi"}\n', 1, "no list as 'messages'"),
    ("a.jsonl", b'{"messages": ["hi"]}\n', 1, "a turn without role and content"),
    ("a.jsonl", b'{"text": ""}\n{"text": "  "}', 1, "none of the 2 examples has any text"),
    ("a.jsonl", b'{"text": ' + b"[" * 5000 + b"]" * 5000 + b"}", 1, "nested too deeply"),
    ("a.jsonl", b"[" * 200_000, 1, "nested too deeply"),
    ("a.jsonl", b'{"text": ' + b"9" * 5000 + b"}", 1, "number that is too long"),
    ("a.json", b'[{"text": "a"},\n {"text": "b"},\n {"text"', 3, "line 3 is not valid JSON in example 3"),
    ("a.json", b'[{"text": "a"}\n {"text": "b"}]', 2, "line 2 is not valid JSON"),
    ("a.json", b'[{"text": "a"},\n "b"]', 2, "line 2, example 2, is a string"),
    ("a.json", b'[{"text": "a"}]\nmore', 2, "after the end of the array"),
    ("a.json", b"[]", None, "no examples"),
    ("a.json", b'{"text": \n oops}', 2, "line 2 is not valid JSON"),
    ("a.csv", b"text,label\na,1\nb\n", 3, "line 3 has 1 field, the header has 2"),
    ("a.csv", b'text,label\n"a\nb",1\nc,2,3\n', 4, "line 4 has 3 fields"),
    ("a.csv", b'text\n"never closed\n', 2, "never closed"),
    ("a.csv", b'text\n"a"b\n', 2, "closing quote"),
    ("a.csv", b"text,text\na,b\n", 1, "twice"),
    ("a.csv", b"a,b\n1,2\n", 1, "line 1 has 'a', 'b': none of the layouts"),
    ("a.csv", b"text\n" + b"x" * 140_000 + b"\n", 2, "longer than 131,072 characters"),
    ("a.csv", b",".join(b"c%d" % i for i in range(2000)) + b"\n", 1, "2,000 columns"),
    ("a.txt", "nai\u0308ve\ncaf\u00e9".encode("latin-1", "replace"), 2, "line 2 is not UTF-8"),
    ("a.txt", "words".encode("utf-16") + b"x", None, "UTF-16"),
    ("a.txt", b"text\n\x00\x01", 2, "zero byte"),
    ("a.parquet", b"PAR1....", None, "Parquet"),
    ("a.csv", b"PK\x03\x04....", None, "damaged zip archive"),
]


@pytest.mark.parametrize(("name", "content", "schema", "examples"), READ)
def test_common_layouts_are_read(name, content, schema, examples):
    upload = read_dataset(name, content)
    assert (upload.schema, upload.examples) == (schema, examples)
    assert upload.dataset.examples == examples
    assert upload.dataset.tokens == upload.tokens > 0
    assert upload.mean_tokens == upload.tokens / examples
    assert upload.longest_tokens >= upload.mean_tokens


@pytest.mark.parametrize(("name", "content", "line", "words"), REFUSED)
def test_a_broken_file_gets_one_sentence_naming_the_line(name, content, line, words):
    with pytest.raises(vapor.InvalidUpload) as caught:
        read_dataset(name, content)
    message = str(caught.value)
    assert words in message
    assert caught.value.line == line
    assert "\n" not in message
    assert len(message) < 400


def test_every_field_of_an_example_counts():
    whole = read_dataset("a.jsonl", lines({"instruction": "Add these", "input": "1 and 2", "output": "3"}))
    part = read_dataset("a.jsonl", lines({"instruction": "Add these", "input": "", "output": "3"}))
    assert whole.characters == len("Add these\n1 and 2\n3")
    assert whole.tokens > part.tokens


def test_a_named_column_is_the_text():
    content = b"id,quote,author\n1,To be or not,W. S.\n"
    assert read_dataset("a.csv", content, text_column="quote").characters == len("To be or not")
    with pytest.raises(vapor.InvalidUpload, match=r"no column 'words'; the file has 'id', 'quote', 'author'"):
        read_dataset("a.csv", content, text_column="words")


def test_the_preview_is_short_and_has_every_column():
    rows = [{"text": f"row {i} " + "x" * 1000, "n": i, "tags": ["a", {"b": None}]} for i in range(9)]
    upload = read_dataset("a.jsonl", lines(*rows))
    assert upload.columns == ("text", "n", "tags")
    assert len(upload.preview) == datasets.PREVIEW_ROWS
    assert all(tuple(row) == upload.columns for row in upload.preview)
    assert max(len(cell) for row in upload.preview for cell in row.values()) == datasets.PREVIEW_CELL


def test_hostile_text_is_only_text():
    hostile = "<script>alert(1)</script> {{7*7}} =HYPERLINK() ../../etc/passwd"
    upload = read_dataset("../../<b>evil</b>\x1b[31m.jsonl", lines({"text": hostile}))
    assert upload.preview[0]["text"] == hostile
    assert upload.dataset.name == "b> [31m"
    assert upload.characters == len(hostile)


def test_warnings_say_what_will_hurt():
    rows = [{"text": "the same again"}] * 30 + [{"text": ""}] * 2 + [{"text": "long words here " * 4000}]
    warnings = " ".join(read_dataset("a.jsonl", lines(*rows)).warnings)
    assert "2 examples have no text or no answer" in warnings
    assert "29 of 31 examples are copies" in warnings
    assert "Only 31 examples" in warnings
    assert "longest example" in warnings


def test_a_healthy_file_has_no_warning():
    rows = [{"text": f"example number {i}"} for i in range(datasets.FEW_EXAMPLES)]
    assert read_dataset("a.jsonl", lines(*rows)).warnings == ()


@pytest.mark.parametrize(
    ("bound", "value", "words"),
    [
        ("LARGEST_BYTES", 10, "MB are the most"),
        ("MOST_EXAMPLES", 2, "more than 2 examples"),
        ("LONGEST_EXAMPLE", 4, "5 characters; 4 are the most"),
    ],
)
def test_sizes_are_bounded(monkeypatch, bound, value, words):
    monkeypatch.setattr(datasets, bound, value)
    with pytest.raises(vapor.InvalidUpload, match=words):
        read_dataset("a.txt", b"words\nwords\nwords\n")


def test_an_upload_can_be_trained_on():
    upload = read_dataset("my notes.txt", b"some words\n" * 200)
    config = vapor.JobConfig(model="gpt2", dataset=upload.dataset)
    assert config.dataset.display_name == "my notes"
    assert config.dataset.id == "own/my notes"


NAMES = st.sampled_from(["a.jsonl", "a.json", "a.csv", "a.tsv", "a.txt", "a.md", "a", "", "a.exe"])
PIECES = st.sampled_from(
    [
        b'{"text": "a"}',
        b'{"a": 1, "b": [',
        b"[",
        b"]",
        b"{",
        b"}",
        b",",
        b'"',
        b"\n",
        b"\r\n",
        b"text,label\n",
        b"\xff",
        b"\x00",
        b"null",
        b"\xef\xbb\xbf",
        b'\\ud800"',
        b'"messages":',
        b'{"role": "user"}',
        b"1e999",
        b"\t",
    ]
)


@given(NAMES, st.one_of(st.binary(max_size=200), st.lists(PIECES, max_size=12).map(b"".join)))
@example("a.jsonl", b'{"text": "\\ud800"}')
@example("a.csv", b'"')
@example("a.json", b"[")
@example("a.json", b'{"data": [{"text": "a"}, 1]}')
def test_any_bytes_give_an_upload_or_one_sentence(name, content):
    try:
        upload = read_dataset(name, content)
    except vapor.InvalidUpload as error:
        assert str(error)
        assert "\n" not in str(error)
        return
    assert isinstance(upload, Upload)
    assert upload.examples >= 1
    json.dumps(upload.preview).encode()
    upload.dataset.model_dump_json()


def own(rows: list[dict[str, str]]) -> vapor.Dataset:
    return read_dataset("mine.jsonl", "\n".join(json.dumps(row) for row in rows).encode()).dataset


WORDS = "the fox went over that lazy dog and into every town with songs of rain for you".split()  # noqa: SIM905


def sentence(seed: int, words: int = 40) -> str:
    return " ".join(np.random.Generator(np.random.PCG64(seed)).choice(WORDS, words))


def test_a_file_says_what_kind_of_text_it_holds():
    plain = own([{"instruction": sentence(i), "output": sentence(i + 500)} for i in range(300)])
    assert (plain.kind, plain.language) == ("instruction", "English")
    assert 0.5 < plain.entropy < 5
    code = own(
        [{"instruction": "sort", "output": f"```python\ndef f{i}(x):\n    return x\n```"} for i in range(300)]
    )
    assert code.kind == "code"
    chinese = own([{"text": "今天天气很好我们去公园散步吧" * 5} for _ in range(60)])
    assert (chinese.kind, chinese.language) == ("text", "Chinese")
    assert chinese.repeated_share > 0.9


def test_a_file_of_less_surprise_is_told_a_lower_loss():
    same = [{"instruction": f"Say {i}", "output": "yes " * 60} for i in range(400)]
    rich = [{"instruction": f"Say {i}", "output": sentence(i, 60)[::-1]} for i in range(400)]
    levels = [level(vapor.catalog.model("gpt2"), own(rows)) for rows in (same, rich)]
    assert levels[0].learnt < 0.5 * levels[1].learnt
    assert levels[0].learnt < levels[0].first / 2


def test_a_file_called_like_a_known_set_is_taken_for_it():
    rows = [{"instruction": sentence(i), "output": sentence(i + 500)} for i in range(300)]
    named = read_dataset("alpaca-cleaned.jsonl", "\n".join(json.dumps(row) for row in rows).encode()).dataset
    assert (
        vapor.catalog.described(named).learnt_loss
        == vapor.catalog.dataset("yahma/alpaca-cleaned").learnt_loss
    )


@pytest.mark.slow
def test_millions_of_short_rows_are_counted_a_bounded_number_at_a_time(monkeypatch):
    sizes = []
    count = datasets._Gathered.count

    def noted(self, texts, tokenizer):
        sizes.append(len(texts))
        count(self, texts, tokenizer)

    monkeypatch.setattr(datasets._Gathered, "count", noted)
    rows = b"".join(b'{"text": "%d"}\n' % (number % 30_000) for number in range(70_000))
    found = datasets.read_dataset("a.jsonl", rows)
    assert max(sizes) <= 25_000
    assert sum(sizes) == found.examples == 70_000
    assert found.dataset.repeated_share == pytest.approx(4 / 7)

"""What was counted is what is trained on: each layout's examples as a trainer takes them."""

import json

import pytest

from vapor_core.errors import InvalidUpload, UnknownColumns
from vapor_core.readers.datasets import read_dataset, training_examples


def lines(*rows):
    return "\n".join(json.dumps(row) for row in rows).encode()


PIECE = {"type": "text", "text": "Yo"}
CASES = {
    "text": (lines({"text": "one"}, {"text": "two"}), {"text": "one"}),
    "an answer": (
        lines({"instruction": "Add.", "input": "1 and 2", "output": "3"}, {"instruction": "Say a.", "output": "a"}),
        {"prompt": "Add.\n1 and 2\n", "completion": "3"},
    ),
    "a chat": (
        lines({"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}),
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]},
    ),
    "another's chat": (
        lines({"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": [PIECE]}]}),
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yo"}]},
    ),
    "preferences": (
        lines({"prompt": "Q", "chosen": "good", "rejected": "bad"}),
        {"prompt": "Q", "chosen": "good", "rejected": "bad"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", CASES)
def test_an_example_is_what_a_trainer_takes(kind):
    content, first = CASES[kind]
    found = training_examples("data.jsonl", content)
    assert found[0] == first
    assert len(found) == read_dataset("data.jsonl", content).examples


def test_what_has_no_text_is_left_out_of_both():
    content = lines({"text": "one"}, {"text": ""}, {"text": "two"})
    assert [each["text"] for each in training_examples("data.jsonl", content)] == ["one", "two"]
    assert read_dataset("data.jsonl", content).examples == 2


def test_columns_that_a_person_named_are_the_text_in_order():
    content = b"a,b,c\n1,x,y\n2,z,w\n"
    with pytest.raises(UnknownColumns):
        training_examples("data.csv", content)
    assert training_examples("data.csv", content, ["c", "b"])[0] == {"text": "y\nx"}


def test_a_file_without_examples_is_refused():
    with pytest.raises(InvalidUpload, match="empty"):
        training_examples("data.jsonl", b"")

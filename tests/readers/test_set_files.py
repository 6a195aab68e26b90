"""Small data sets in every common shape are counted whole, or say what of them was left out.

`tests/data/sets/cases.json` has of each file the layout and the texts that count, words that its warnings must hold
(`says`), and the column that a person chose; or the words and the line of its refusal, and the columns to choose from.
"""

import json
from pathlib import Path

import pytest

from vapor_core.errors import InvalidUpload, UnknownColumns
from vapor_core.readers.datasets import Upload, read_dataset
from vapor_core.readers.tokens import count_tokens

SETS = Path(__file__).parent.parent / "data" / "sets"
CASES = json.loads((SETS / "cases.json").read_text(encoding="utf-8"))
READ = [name for name, case in CASES.items() if "refused" not in case]
REFUSED = [name for name in CASES if name not in READ]


def read(name: str) -> Upload:
    return read_dataset(name, (SETS / name).read_bytes(), text_column=CASES[name].get("text_column"))


@pytest.mark.parametrize("name", READ)
def test_a_file_is_counted_whole(name):
    upload, case = read(name), CASES[name]
    assert (upload.schema, upload.examples) == (case["schema"], len(case["text"]))
    assert upload.characters == sum(len(text) for text in case["text"])
    assert upload.tokens == int(count_tokens(case["text"]).sum())
    told = " ".join(upload.warnings)
    assert [word for word in case.get("says", ()) if word not in told] == []
    if "says" not in case:
        assert "left out" not in told


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused_with_its_true_line(name):
    case = CASES[name]
    with pytest.raises(InvalidUpload) as refused:
        read(name)
    sentence = str(refused.value)
    assert case["refused"] in sentence
    assert refused.value.line == case["line"]
    assert "\n" not in sentence
    if "columns" in case:
        assert isinstance(refused.value, UnknownColumns)
        assert list(refused.value.columns) == case["columns"]
        assert all(refused.value.columns.values())


def test_every_file_has_its_values():
    assert {path.name for path in SETS.iterdir()} == {*CASES, "cases.json"}
    assert len(CASES) >= 60

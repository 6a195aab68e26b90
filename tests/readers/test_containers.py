"""Packed files, Parquet and UTF-16 are read as what is in them, no further than a bound; damage is told in words."""

import bz2
import gzip
import io
import json
import lzma
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vapor_core.errors import InvalidUpload
from vapor_core.readers.datasets import LARGEST_BYTES, read_dataset
from vapor_core.readers.run_logs import read_log, read_logs

LOG = "step,loss\n10,2.5\n20,2.3\n"
EXAMPLES = "\n".join(json.dumps({"text": f"example number {number}"}) for number in range(120))


def gzipped(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


PACKED = {
    ".gz": gzipped,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": lambda content: pa.compress(content, "zstd", asbytes=True),
}


def zipped(**files: str | bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def parquet(**columns: list) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("ending", PACKED)
def test_a_compressed_file_is_read_as_what_is_in_it(ending):
    log = read_log(f"run.csv{ending}", PACKED[ending](LOG.encode()))
    assert list(log.frame["loss"]) == [2.5, 2.3]
    upload = read_dataset(f"train.jsonl{ending}", PACKED[ending](EXAMPLES.encode()))
    assert (upload.examples, upload.dataset.name) == (120, "train")


@pytest.mark.parametrize("code", ["utf-16", "utf-32", "utf-8-sig"])
def test_a_text_is_read_in_the_code_that_its_mark_says(code):
    assert list(read_log("run.csv", LOG.encode(code)).frame["step"]) == [10, 20]
    plain = read_dataset("train.jsonl", EXAMPLES.encode())
    assert read_dataset("train.jsonl", EXAMPLES.encode(code)).tokens == plain.tokens


def test_each_log_of_an_archive_is_a_run_under_its_name_and_what_is_none_is_named():
    state = json.dumps({"log_history": [{"step": 5, "loss": 1.5}]})
    logs = read_logs(
        "runs.zip", zipped(**{"a/run.csv": LOG, "b/state.json": state, "a/config.json": '{"x": 3}'})
    )
    assert [log.name for log in logs] == ["a/run.csv", "b/state.json"]
    assert all("a/config.json" in " ".join(log.warnings) for log in logs)


def test_a_folder_of_metrics_is_one_run_and_not_a_run_a_metric():
    mlflow = {
        "mlruns/0/ab12/metrics/train_loss": "1700000000000 2.5 0\n1700000001000 2.3 1\n",
        "mlruns/0/ab12/metrics/eval_loss": "1700000001000 2.4 1\n",
        "mlruns/0/ab12/meta.yaml": "name: fox\n",
    }
    (log,) = read_logs("runs.zip", zipped(**mlflow))
    assert list(log.frame["loss"]) == [2.5, 2.3]
    assert log.frame["eval_loss"].iloc[-1] == 2.4
    dvc = {
        "dvclive/plots/metrics/train/loss.tsv": "step\tloss\n0\t2.5\n1\t2.3\n",
        "dvclive/plots/metrics/eval/loss.tsv": "step\tloss\n1\t2.4\n",
    }
    (log,) = read_logs("dvc.zip", zipped(**dvc))
    assert list(log.frame["loss"]) == [2.5, 2.3]
    assert log.frame["eval_loss"].iloc[-1] == 2.4


def test_held_out_files_of_an_archive_are_not_counted_as_training_data():
    upload = read_dataset(
        "set.zip",
        zipped(
            **{"train-1.jsonl": EXAMPLES, "train-2.jsonl": EXAMPLES, "test.jsonl": EXAMPLES, "README.md": "#"}
        ),
    )
    assert upload.examples == 240
    assert "test.jsonl, README.md" in " ".join(upload.warnings)


def test_parquet_is_read_with_its_missing_cells():
    (log,) = read_logs(
        "history.parquet", parquet(**{"_step": [0, 1], "train/loss": [2.5, 2.3], "eval/loss": [None, 2.4]})
    )
    assert list(log.frame["loss"]) == [2.5, 2.3]
    assert log.frame["eval_loss"].isna().tolist() == [True, False]
    turns = [[{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]] * 3
    upload = read_dataset("chat.parquet", parquet(messages=turns, label=[1, 2, 3]))
    assert (upload.schema, upload.examples) == ("chat", 3)
    assert "label" in " ".join(upload.warnings)


def test_a_row_of_parquet_is_called_a_row_and_no_line():
    with pytest.raises(InvalidUpload, match=r"^row 1 has 'a', 'b'"):
        read_dataset("two.parquet", parquet(a=["x"], b=["y"]))


# name -> what makes the file, and a word of its refusal
REFUSED = {
    "bomb.gz": (lambda: gzipped(bytes(LARGEST_BYTES + 1)), "200 MB when it is unpacked"),
    "bomb.zip": (
        lambda: zipped(a=bytes(LARGEST_BYTES // 2 + 1), b=bytes(LARGEST_BYTES // 2)),
        "200 MB when it is unpacked",
    ),
    "many.zip": (lambda: zipped(**{f"{number}.csv": "" for number in range(1_001)}), "1,001 files"),
    "torn.gz": (lambda: gzipped(LOG.encode())[:-9], "damaged"),
    "torn.zip": (lambda: zipped(a=LOG)[:-30], "damaged zip archive"),
    "torn.parquet": (lambda: parquet(loss=[1.0])[:-6], "damaged Parquet file"),
    "sheet.xlsx": (
        lambda: zipped(**{"[Content_Types].xml": "<x/>", "xl/workbook.xml": "<x/>"}),
        "export its table as CSV",
    ),
    "twice.gz": (lambda: gzipped(zipped(a=LOG)), "another archive"),
    "empty.zip": (zipped, "no files in it"),
    "pictures.zip": (lambda: zipped(**{"a.png": b"\x89PNG", "b.png": b"\x89PNG"}), "none of the 2 files"),
}


@pytest.mark.slow
@pytest.mark.parametrize("read", [read_log, read_dataset])
@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_unpacked_is_refused_in_one_sentence(read, name):
    made, word = REFUSED[name]
    with pytest.raises(InvalidUpload, match=word) as refused:
        read(name, made())
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 200


def test_a_locked_archive_says_so():
    content = bytearray(zipped(a=LOG))
    for mark in (b"PK\x03\x04", b"PK\x01\x02"):
        at = content.index(mark) + (6 if mark == b"PK\x03\x04" else 8)
        content[at] |= 1
    with pytest.raises(InvalidUpload, match="locked with a password"):
        read_log("a.zip", bytes(content))


@given(st.sampled_from([gzipped(LOG.encode()), zipped(a=LOG), parquet(loss=[1.0, 2.0])]), st.data())
def test_any_damage_is_read_or_refused_in_words(content, data):
    at = data.draw(st.integers(0, len(content) - 1))
    flipped = content[:at] + bytes([content[at] ^ data.draw(st.integers(1, 255))]) + content[at + 1 :]
    for read in (read_log, read_dataset):
        try:
            read("upload", flipped)
        except InvalidUpload as refused:
            assert "\n" not in str(refused)

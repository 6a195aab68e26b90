"""Metrics as tables that other programs read: CSV, Parquet, JSON; text in them is harmless in a spreadsheet."""

import io
import unicodedata

import pandas as pd

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")
# Categories of letters that a spreadsheet may leave out before it looks for a formula: control, format, unassigned and
# private ones, half pairs, and blanks of any width
_UNSEEN = ("C", "Z")
_MINUS_SIGNS = tuple("\u2212\u2010\u2011\u2012\u2013")  # that some settings read as "-"


def csv_table(frame: pd.DataFrame) -> bytes:
    """UTF-8 CSV. A text cell or column name that a spreadsheet would run as a formula gets an apostrophe before it."""
    safe = frame.rename(columns=lambda name: harmless_cell(str(name)))
    for column in safe.columns[[not pd.api.types.is_numeric_dtype(kind) for kind in safe.dtypes]]:
        safe[column] = safe[column].map(lambda cell: harmless_cell(cell) if isinstance(cell, str) else cell)
    return bytes(safe.to_csv(index=False, lineterminator="\n").encode())


def parquet_table(frame: pd.DataFrame) -> bytes:
    """Parquet, zstd-compressed; numbers come back as they were."""
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False, compression="zstd")
    return buffer.getvalue()


def json_table(frame: pd.DataFrame) -> bytes:
    """A JSON list of one object a row; missing numbers are null."""
    return str(frame.to_json(orient="records", double_precision=15)).encode()


def harmless_cell(text: str) -> str:
    """Text as a spreadsheet shows it and never runs it.

    Full-width signs (＝＋－＠) count as their narrow ones, which East Asian settings take them for, and so does a sign
    behind letters that nobody sees, such as a byte-order mark.
    """
    seen = next((letter for letter in text if unicodedata.category(letter)[0] not in _UNSEEN), "")
    begins = text.startswith(_FORMULA_STARTS) or unicodedata.normalize("NFKC", seen).startswith(
        _FORMULA_STARTS
    )
    return f"'{text}" if begins or seen in _MINUS_SIGNS else text

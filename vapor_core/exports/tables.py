"""Metrics as tables that other programs read: CSV, Parquet, JSON; text in them is harmless in a spreadsheet."""

import io

import pandas as pd

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")


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
    """Text as a spreadsheet shows it and never runs it."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text

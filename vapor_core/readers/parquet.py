"""The rows of a Parquet file, a few at a time, none of them larger than a bound."""

from __future__ import annotations

import io
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from vapor_core.errors import InvalidUpload

if TYPE_CHECKING:
    from collections.abc import Iterator

MARK = b"PAR1"
MOST_ROWS = 5_000_000
MOST_COLUMNS = 1_000
MOST_UNPACKED_BYTES = 1_000_000_000  # of all columns, as the file says
BATCH_BYTES = 64_000_000  # a batch has as many rows as this allows where each had its column's whole text
MOST_AT_ONCE, LEAST_AT_ONCE = 4_096, 16  # rows
DAMAGED = "is a damaged Parquet file; write it anew"

Cells = dict[str, object]


def rows(content: bytes, shown: str) -> Iterator[Cells]:
    """Each row by its columns' names; cells as JSON would have them.

    Args:
        content: the file.
        shown: its name for a sentence.

    Raises:
        InvalidUpload: it is damaged or too large when it is unpacked.
    """
    import pyarrow as pa  # type: ignore[import-untyped] # noqa: PLC0415 - it ships no types, and loads for long
    import pyarrow.parquet as pq  # type: ignore[import-untyped] # noqa: PLC0415

    try:
        file = pq.ParquetFile(io.BytesIO(content))
        told = file.metadata
        columns = [
            told.row_group(group).column(column).total_uncompressed_size
            for group in range(told.num_row_groups)
            for column in range(told.num_columns)
        ]
        _check(shown, told.num_rows, told.num_columns, sum(columns))
        at_once = min(max(BATCH_BYTES // max(*columns, 1, 1), LEAST_AT_ONCE), MOST_AT_ONCE)
        for batch in file.iter_batches(batch_size=at_once):
            for row in batch.to_pylist():
                yield {str(name): _plain(cell) for name, cell in row.items()}
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        if isinstance(error, InvalidUpload):
            raise
        raise InvalidUpload(f"{shown} {DAMAGED}") from None


def _check(shown: str, count: int, columns: int, unpacked_bytes: int) -> None:
    if count > MOST_ROWS:
        raise InvalidUpload(f"{shown} has {count:,} rows; {MOST_ROWS:,} are the most")
    if columns > MOST_COLUMNS:
        raise InvalidUpload(f"{shown} has {columns:,} columns; {MOST_COLUMNS:,} are the most")
    if unpacked_bytes > MOST_UNPACKED_BYTES:
        raise InvalidUpload(
            f"{shown} has {unpacked_bytes / 1e6:,.0f} MB when it is unpacked; "
            f"{MOST_UNPACKED_BYTES / 1e6:,.0f} MB are the most"
        )


def _plain(cell: object) -> object:
    """A cell as JSON would have it."""
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return cell.total_seconds()
    if isinstance(cell, Decimal):
        return float(cell)
    if isinstance(cell, bytes):
        return None
    if isinstance(cell, dict):
        return {str(name): _plain(each) for name, each in cell.items()}
    return [_plain(each) for each in cell] if isinstance(cell, list) else cell

"""Files that hold others: compressed ones and zip archives, opened no further than a bound, whatever they say of size.

What a file within one is stays its reader's question. Names of folders matter: MLflow keeps one file a metric.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from vapor_core.errors import InvalidUpload
from vapor_core.readers.decoding import shown_name

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_MEMBERS = 1_000
MOST_NAMED = 6  # members that a note names
GZIP, BZIP2, XZ, ZSTD = b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd"
ZIP = (b"PK\x03\x04", b"PK\x05\x06")  # with files, and without any
OFFICE = "[Content_Types].xml"  # that each of Office's files has
ENDINGS = (".gz", ".bz2", ".xz", ".zst", ".zip")


@dataclass(frozen=True, slots=True)
class Member:
    """A file, or one within another: its name with its folders, and what it holds."""

    name: str
    content: bytes


def opened(name: str, content: bytes, most_bytes: int, notes: list[str]) -> tuple[Member, ...]:
    """A file as the files that it holds; one that holds none is itself.

    Args:
        name: the file's name.
        content: the file.
        most_bytes: that all of it may have when it is unpacked.
        notes: gets a sentence for what is left out.

    Raises:
        InvalidUpload: it is damaged, locked or a document, or has more when it is unpacked.
    """
    if content.startswith(ZIP):
        return _of_zip(name, content, most_bytes, notes)
    for signature, ending, unpacked in COMPRESSED:
        if content.startswith(signature):
            shown = shown_name(name)
            try:
                inner = unpacked(io.BytesIO(content)).read(most_bytes + 1)
            except (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError):
                raise InvalidUpload(f"{shown} is damaged: it cannot be unpacked to its end") from None
            if len(inner) > most_bytes:
                raise _too_large(shown, most_bytes)
            plain = name[: -len(ending)] if name.lower().endswith(ending) else name
            if inner.startswith((*ZIP, *(each for each, _, _ in COMPRESSED))) or inner[257:262] == b"ustar":
                raise InvalidUpload(f"{shown} holds another archive; unpack it, and give what is in it")
            return (Member(plain, inner),)
    return (Member(name, content),)


class Stream(Protocol):
    """What is unpacked as far as it is read."""

    def read(self, size: int, /) -> bytes:
        """At most so many bytes."""


def _zstd(content: io.BytesIO) -> Stream:
    import pyarrow  # type: ignore[import-untyped] # noqa: PLC0415 - it ships no types, and loads for long

    stream: Stream = pyarrow.CompressedInputStream(content, "zstd")
    return stream


COMPRESSED: tuple[tuple[bytes, str, Callable[[io.BytesIO], Stream]], ...] = (
    (GZIP, ".gz", lambda content: gzip.GzipFile(fileobj=content)),
    (BZIP2, ".bz2", bz2.BZ2File),
    (XZ, ".xz", lzma.LZMAFile),
    (ZSTD, ".zst", _zstd),
)


def _of_zip(name: str, content: bytes, most_bytes: int, notes: list[str]) -> tuple[Member, ...]:
    shown = shown_name(name)
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
        entries = [entry for entry in archive.infolist() if not _is_hidden(entry)]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise InvalidUpload(f"{shown} is a damaged zip archive; pack it anew") from None
    if any(entry.filename == OFFICE for entry in entries):
        raise InvalidUpload(f"{shown} is a spreadsheet or a document; export its table as CSV")
    if any(entry.flag_bits & 1 for entry in entries):
        raise InvalidUpload(f"{shown} is locked with a password; pack it without one")
    if not entries:
        raise InvalidUpload(f"{shown} is an archive with no files in it")
    if len(entries) > MOST_MEMBERS:
        raise InvalidUpload(f"{shown} has {len(entries):,} files; {MOST_MEMBERS:,} are the most")
    members: list[Member] = []
    left, nested = most_bytes, []
    for entry in entries:
        inner = _member(archive, entry, left, shown)
        if inner is None:
            raise _too_large(shown, most_bytes)
        left -= len(inner)
        if inner.startswith((*ZIP, *(each for each, _, _ in COMPRESSED))):
            nested.append(entry.filename)
        else:
            members.append(Member(entry.filename, inner))
    if nested:
        notes.append(
            f"{_names(nested)} in {shown} {'is' if len(nested) == 1 else 'are'} packed again and left out"
        )
    return tuple(members)


def _member(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, most: int, shown: str) -> bytes | None:
    """A file of an archive, None where it has more than `most` bytes."""
    try:
        with archive.open(entry) as stream:
            inner = stream.read(most + 1)
    except (
        zipfile.BadZipFile,
        OSError,
        EOFError,
        zlib.error,
        lzma.LZMAError,
        ValueError,
        NotImplementedError,
    ):
        raise InvalidUpload(f"{shown} is damaged: {_names([entry.filename])} cannot be unpacked") from None
    return inner if len(inner) <= most else None


def _is_hidden(entry: zipfile.ZipInfo) -> bool:
    """A folder, or what a system keeps beside the files."""
    parts = entry.filename.replace("\\", "/").split("/")
    return entry.is_dir() or "__MACOSX" in parts or any(part.startswith(".") for part in parts)


def _too_large(shown: str, most_bytes: int) -> InvalidUpload:
    return InvalidUpload(
        f"{shown} has more than {most_bytes / 1e6:,.0f} MB when it is unpacked; give a part of it"
    )


def _names(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    return ", ".join(shown_name(name) for name in names[:MOST_NAMED]) + more

"""The text of a file that came from outside, whatever mark or blanks it begins with, and its name for a sentence."""

from vapor_core.errors import InvalidUpload

UTF8_MARK = b"\xef\xbb\xbf"
OTHER_MARKS = (b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")  # of UTF-16 and UTF-32

POINTER = b"version https://git-lfs.github.com/spec/"
SIGNATURES = (
    (b"PAR1", "a Parquet file"),
    (b"PK\x03\x04", "a zip archive or a spreadsheet"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"ARROW1", "an Arrow file"),
    (b"%PDF", "a PDF"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"SQLite format 3", "a database"),
    (b"\x89HDF", "an HDF5 file"),
)


def other_kind(content: bytes) -> str | None:
    """What a file is that is plainly no text, by its first bytes."""
    return next((kind for signature, kind in SIGNATURES if content.startswith(signature)), None)


def text_of(content: bytes, shown: str = "the file") -> str:
    """A file's text, without byte-order marks; it holds at least one character that is neither blank nor zero.

    Raises:
        InvalidUpload: where it is empty, a Git LFS pointer or not UTF-8, with the line; the sentence calls it `shown`.
    """
    if content.startswith(POINTER):
        raise InvalidUpload(
            f"{shown} is a Git LFS pointer and not the file that it stands for; `git lfs pull` fetches that one"
        )
    if content.startswith(OTHER_MARKS):
        raise InvalidUpload(f"{shown} is UTF-16 or UTF-32 text; save it as UTF-8")
    body = content.removeprefix(UTF8_MARK)
    try:
        text = body.decode("utf-8").lstrip("\ufeff")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise InvalidUpload(f"line {line} is not UTF-8 text; save {shown} as UTF-8", line) from None
    if not text.replace("\0", "").strip():
        raise InvalidUpload(f"{shown} is empty")
    return text


def shown_name(name: str) -> str:
    """A file's name for a sentence: printable and short."""
    return "".join(letter for letter in name if letter.isprintable())[:80].strip() or "the file"

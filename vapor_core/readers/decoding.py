"""The text of a file that came from outside, whatever mark or blanks it begins with, and its name for a sentence."""

from vapor_core.errors import InvalidUpload

UTF8_MARK = b"\xef\xbb\xbf"
# The longer ones first: UTF-32's little mark begins as UTF-16's does.
OTHER_MARKS = {
    b"\xff\xfe\0\0": "utf-32",
    b"\0\0\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}

POINTER = b"version https://git-lfs.github.com/spec/"
SIGNATURES = (
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a rar archive"),
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
        InvalidUpload: where it is empty, a Git LFS pointer, or not UTF-8 with its line (UTF-16 and UTF-32 are known by
            their marks); the sentence calls it `shown`.
    """
    if content.startswith(POINTER):
        raise InvalidUpload(
            f"{shown} is a Git LFS pointer and not the file that it stands for; `git lfs pull` fetches that one"
        )
    text = _decoded(content, shown).lstrip("\ufeff")
    if not text.replace("\0", "").strip():
        raise InvalidUpload(f"{shown} is empty")
    return text


def _decoded(content: bytes, shown: str) -> str:
    code = next((code for mark, code in OTHER_MARKS.items() if content.startswith(mark)), None)
    if code is not None:
        try:
            return content.decode(code)
        except UnicodeDecodeError:
            raise InvalidUpload(f"{shown} is damaged {code.upper()} text; save it as UTF-8") from None
    body = content.removeprefix(UTF8_MARK)
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise InvalidUpload(f"line {line} is not UTF-8 text; save {shown} as UTF-8", line) from None


def shown_name(name: str) -> str:
    """A file's name for a sentence: printable and short."""
    return "".join(letter for letter in name if letter.isprintable())[:80].strip() or "the file"

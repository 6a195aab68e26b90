"""The text of a file that came from outside, whatever mark or blanks it begins with, and its name for a sentence."""

from vapor_core.errors import InvalidUpload

UTF8_MARK = b"\xef\xbb\xbf"
OTHER_MARKS = (b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")  # of UTF-16 and UTF-32


def text_of(content: bytes, shown: str = "the file") -> str:
    """A file's text, without byte-order marks; it holds at least one character that is neither blank nor zero.

    Raises:
        InvalidUpload: where it is empty or not UTF-8, with the line; `shown` is what the sentence calls it.
    """
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

"""A workspace as a JSON file that a person can keep, and back."""

import json

from vapor_core.errors import InvalidUpload
from vapor_core.readers.edge import one_sentence
from vapor_core.sharing.links import Shared

LARGEST_FILE = 50_000_000  # bytes
# Lists, objects and what they hold: three times what the most events of a workspace have, and 200 MB once read
MOST_VALUES = 2_000_000


def to_file(shared: Shared) -> bytes:
    """As JSON text that a person can keep."""
    entries = [[at, json.loads(line)] for at, line in shared.entries]
    content = {"vapor": 1, "view": shared.view, "ids": shared.ids, "now": shared.now, "entries": entries}
    return json.dumps(content, separators=(",", ":")).encode()


@one_sentence(InvalidUpload, "the workspace file")
def from_file(name: str, content: bytes) -> Shared:
    """What `to_file` wrote; `validation.shared_store` sees whether it makes a world.

    Raises:
        InvalidUpload: one sentence.
    """
    shown = "".join(letter for letter in name if letter.isprintable())[:80] or "the file"
    if len(content) > LARGEST_FILE:
        raise InvalidUpload(
            f"{shown} has {len(content) / 1e6:,.0f} MB; a workspace has {LARGEST_FILE / 1e6:.0f} at most"
        )
    if sum(content.count(sign) for sign in (b"[", b"{", b",")) > MOST_VALUES:
        raise InvalidUpload(f"{shown} holds more than {MOST_VALUES:,} values; a workspace has fewer")
    try:
        match json.loads(content.decode("utf-8-sig")):
            case {"vapor": 1, "now": int() | float() as now, "entries": [*entries]} if abs(now) < 1e12:
                read = tuple((float(at), json.dumps(event)) for at, event in entries)
                return Shared("workspace", (), float(now), read)
            case {"vapor": int() as version} if version > 1:
                raise InvalidUpload(f"{shown} was written by a newer Vapor")
    except (ValueError, TypeError, RecursionError, OverflowError):
        raise InvalidUpload(f"{shown} is torn or no workspace file; export it anew") from None
    raise InvalidUpload(f"{shown} is no workspace file; give one that Vapor exported")

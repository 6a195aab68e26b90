"""A workspace, or part of one, in the text of a link: compressed, versioned, and signed where a secret is set.

A link is believed only as far as it can be checked: its length, its alphabet, its signature and the size of what
it unfolds to, in this order. What its events may do is seen in `checks`.
"""

import base64
import binascii
import hmac
import json
import zlib
from dataclasses import dataclass
from typing import Literal

from vapor_core.errors import InvalidLink
from vapor_core.readers.edge import one_sentence

LONGEST_LINK = 32_000  # characters; servers and proxies refuse longer addresses
LARGEST_CONTENT = 2_000_000  # bytes once unfolded
MOST_ENTRIES = 5_000
_VERSION = "1"
_SIGNATURE_BYTES = 16

View = Literal["workspace", "job", "comparison", "deployment"]


@dataclass(frozen=True, slots=True)
class Shared:
    """What a link carries.

    Attributes:
        view: what to open.
        ids: the jobs or the deployment to open; empty for a whole workspace.
        now: the sharer's clock when it was shared, seconds; the world stands there.
        entries: (now, event as a line of JSON), in order.
    """

    view: View
    ids: tuple[str, ...]
    now: float
    entries: tuple[tuple[float, str], ...]


def pack(shared: Shared, secret: str = "") -> str:
    """The text of a link: URL-safe letters, digits, "-", "_" and ".".

    Raises:
        InvalidLink: where it would be longer than a link may be.
    """
    content = json.dumps(
        [shared.view, list(shared.ids), shared.now, [[at, json.loads(line)] for at, line in shared.entries]],
        separators=(",", ":"),
    )
    body = f"{_VERSION}.{_text(zlib.compress(content.encode(), 9))}"
    link = f"{body}.{_text(_signature(body, secret))}" if secret else body
    if len(link) > LONGEST_LINK:
        raise InvalidLink(
            f"this is too large for a link ({len(link):,} of {LONGEST_LINK:,} characters); share single jobs, or "
            "export the workspace as a file"
        )
    return link


@one_sentence(InvalidLink, "the link")
def unpack(link: str, secret: str = "") -> Shared:
    """What a link carries.

    Raises:
        InvalidLink: one sentence; where it is malformed, oversized, tampered with or of a newer version.
    """
    if len(link) > LONGEST_LINK:
        raise InvalidLink(f"the link is too long ({len(link):,} characters; at most {LONGEST_LINK:,})")
    version, _, rest = link.partition(".")
    if version != _VERSION:
        raise InvalidLink(
            "the link was made by a newer Vapor"
            if version.isdigit()
            else "this is no link of Vapor's; copy it whole"
        )
    body, _, signature = rest.partition(".")
    if secret and not hmac.compare_digest(_bytes(signature), _signature(f"{version}.{body}", secret)):
        raise InvalidLink("the link's signature is wrong; it was changed on its way or made elsewhere")
    return _shared(_unfolded(_bytes(body)))


def _unfolded(packed: bytes) -> object:
    unfold = zlib.decompressobj()
    try:
        content = unfold.decompress(packed, LARGEST_CONTENT)
    except zlib.error:
        raise InvalidLink("the link is damaged; copy it whole") from None
    if unfold.unconsumed_tail or not unfold.eof:
        raise InvalidLink("the link unfolds to more than a workspace may hold, or is cut off; copy it whole")
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise InvalidLink("the link is damaged; copy it whole") from None


def _shared(content: object) -> Shared:
    match content:
        case [
            "workspace" | "job" | "comparison" | "deployment" as view,
            [*ids],
            int() | float() as now,
            [*entries],
        ]:
            if len(entries) <= MOST_ENTRIES and len(ids) <= 100 and all(isinstance(key, str) for key in ids):
                return Shared(
                    view=view,
                    ids=tuple(str(key)[:200] for key in ids),
                    now=_seconds(now),
                    entries=tuple(_entry(entry) for entry in entries),
                )
    raise InvalidLink("the link holds no workspace; copy it whole")


def _entry(entry: object) -> tuple[float, str]:
    match entry:
        case [int() | float() as at, dict() as event]:
            return _seconds(at), json.dumps(event)
    raise InvalidLink("the link holds something that is no event; copy it whole")


def _seconds(value: float) -> float:
    if not -1e12 < value < 1e12:
        raise InvalidLink("the link holds a time that is none; copy it whole")
    return float(value)


def _signature(body: str, secret: str) -> bytes:
    return hmac.digest(secret.encode(), body.encode(), "sha256")[:_SIGNATURE_BYTES]


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise InvalidLink("the link holds letters that no link has; copy it whole") from None

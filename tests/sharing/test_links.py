"""A link carries a workspace whole, or is refused in one sentence."""

import base64
import hashlib
import json
import zlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vapor_core.errors import InvalidLink
from vapor_core.sharing.links import LARGEST_CONTENT, LONGEST_LINK, Shared, pack, unpack

WORLD = Shared(
    view="job",
    ids=("job-1",),
    now=1234.5,
    entries=tuple(
        (float(at), json.dumps({"kind": "speed_set", "version": 1, "speed": at})) for at in range(40)
    ),
)


def forged(content: object) -> str:
    return "1." + base64.urlsafe_b64encode(zlib.compress(json.dumps(content).encode())).decode().rstrip("=")


@pytest.mark.parametrize("secret", ["", "a secret"])
def test_a_link_comes_back_as_it_was(secret):
    assert unpack(pack(WORLD, secret), secret) == WORLD


def test_a_link_is_fit_for_an_address():
    assert pack(WORLD, "s").replace(".", "").replace("-", "").replace("_", "").isalnum()


def test_a_signed_link_is_refused_once_changed():
    link = pack(WORLD, "a secret")
    for place in range(2, len(link), 7):
        changed = link[:place] + ("A" if link[place] != "A" else "B") + link[place + 1 :]
        with pytest.raises(InvalidLink):
            unpack(changed, "a secret")


def test_an_unsigned_link_is_refused_where_a_secret_is_set():
    with pytest.raises(InvalidLink, match="signature"):
        unpack(pack(WORLD), "a secret")
    with pytest.raises(InvalidLink, match="signature"):
        unpack(pack(WORLD, "another"), "a secret")


def test_a_bomb_is_not_unfolded():
    bomb = base64.urlsafe_b64encode(zlib.compress(b"[" + b" " * (LARGEST_CONTENT + 10) + b"]")).decode()
    assert len(bomb) < LONGEST_LINK
    with pytest.raises(InvalidLink, match="more than a workspace"):
        unpack(f"1.{bomb}")


@pytest.mark.parametrize(
    ("link", "word"),
    [
        ("", "no link"),
        ("hello", "no link"),
        ("2.abc", "newer"),
        ("1.%%%", "letters"),
        ("1.abcd", "damaged"),
        ("1." + "A" * LONGEST_LINK, "too long"),
        (pack(WORLD)[:-9], "damaged|cut off"),
        (forged({"view": "job"}), "no workspace"),
        (forged(["job", [1], 0, []]), "no workspace"),
        (forged(["job", [], 1e300, []]), "time"),
        (forged(["job", [], 0, [[0, "x"]]]), "no event"),
        (forged(["job", [], 0, [[0, {}]] * 5001]), "no workspace"),
    ],
)
def test_a_link_that_is_none_is_refused_in_one_sentence(link, word):
    with pytest.raises(InvalidLink, match=word) as caught:
        unpack(link)
    assert "\n" not in str(caught.value)


def test_a_workspace_too_large_for_a_link_says_so():
    noise = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(900)]  # does not compress
    large = Shared("workspace", (), 0.0, tuple((0.0, json.dumps({"x": line})) for line in noise))
    with pytest.raises(InvalidLink, match="too large"):
        pack(large)


@given(st.text(max_size=300) | st.text("ABCdef012-_.", max_size=300).map(lambda text: "1." + text))
@example(forged([]))
@example(forged(["job", ["job-1"], 3, [[1, {"kind": "x"}]]]))
@example(forged([[[[]]]] * 30))
@example("1." + base64.urlsafe_b64encode(zlib.compress(b"[" * 100_000)).decode())
def test_any_text_is_a_link_or_refused(text):
    try:
        shared = unpack(text)
    except InvalidLink as refusal:
        assert str(refusal)
    else:
        assert unpack(pack(shared)) == shared

"""How many tokens a text has, estimated from its bytes: no tokenizer is needed, and none is exactly the model's.

A law of weights over runs of bytes (words by length and by what stands before them, digits, punctuation, blanks,
Chinese, Japanese, Korean, other scripts), fitted to real tokenizers on 1,303 passages of up to 3,000 characters:
documentation and licences, Python, C, JavaScript and shell, JSON, tables, Chinese documentation with and without code,
and 30 languages of Django's messages. `data/token_laws.json` has the weights and, kind by kind, how far the law is off
on passages that were left out of its fit: for Tekken, the default, the total is within 2 % for English, code, Chinese,
mixed text and JSON, a passage of 3,000 characters within 2 to 4 % (median). Scripts besides Latin and Chinese were
fitted anew on translations of the Declaration of Human Rights; on running texts kept aside, Tekken's count is off by
9 % for SQL, less than 1 % for Arabic and Russian, 4 to 10 % for Hindi, Korean, Japanese, Tamil and Thai, 13 % for
Bengali and, since marks part its words, 27 % for Vietnamese (tests/data/token_counts.json).

Tokenizers differ by more than the law errs: of Chinese, Qwen's makes 17 % fewer tokens than Tekken and DeepSeek's 26 %
fewer; of English both make 5 to 7 % fewer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BATCH_BYTES = 4_000_000  # texts measured in one go: bounds the memory beside the texts themselves
DEFAULT = "tekken"
LAWS = "token_laws.json"

OTHER, LETTER, DIGIT, MARK, BLANK, BREAK, END, HAN, KANA, WIDE, HANGUL = range(11)
LONGEST_WORD = 12  # letters; each further one has a weight of its own
MOST_MARKS = 4
# Where each kind of run has its weights, and how many.
WORDS, MARKS, BLANKS, BREAKS, HANS = 0, 36, 52, 54, 58
DIGITS, KANAS, HANGULS, RUNS = 61, 62, 63, 64
# Of single characters, behind those of runs.
FURTHER, FIRST_CAPITAL, SECOND_CAPITAL, CAPITAL, CAMEL, IN_DIGITS, IN_MARKS = range(RUNS, RUNS + 7)
IN_HAN, IN_KANA, IN_WIDE, IN_HANGUL = range(RUNS + 7, RUNS + 11)
SCRIPTS = RUNS + 11  # 64 of them: other letters by the first byte of their UTF-8
INDIC = SCRIPTS + 64  # 16, by the second byte: scripts from India to Tibet share the first
FURTHER_EAST = (
    INDIC + 16
)  # 32 likewise: Burmese, Georgian, Ethiopian, Khmer and others, and Vietnamese vowels
WEIGHTS = FURTHER_EAST + 32


# Key words of SQL that all five tokenizers have as one token, as they are written in capitals.
KNOWN_CAPITALS = re.compile(
    rb"(?<![A-Za-z])(?:SELECT|FROM|WHERE|GROUP|ORDER|BY|JOIN|LEFT|RIGHT|ON|AND|OR|NOT|NULL|IN|IS|AS|IF|INSERT|INTO|"
    rb"VALUES|UPDATE|SET|DELETE|CREATE|TABLE|INDEX|VIEW|ADD|PRIMARY|KEY|DEFAULT|CHECK|EXISTS|CASE|WHEN|"
    rb"THEN|ELSE|END|UNION|ALL|COUNT|SUM|MIN|MAX|DESC|ASC|LIKE|WITH|OVER|INT|INTEGER|VARCHAR|TEXT|DATE|"
    rb"TIME|BEGIN|TRUE|FALSE)(?![A-Za-z])"
)


class Bytes(NamedTuple):
    """A batch of texts as bytes, each closed by a zero: kinds and owners of bytes and of runs."""

    data: NDArray[np.uint8]
    kinds: NDArray[np.uint8]
    first: NDArray[np.int64]  # where each text begins


def count_tokens(texts: Sequence[str], tokenizer: str = DEFAULT) -> NDArray[np.int64]:
    """Tokens of each text, estimated; at least 1 of a text that is not empty.

    Args:
        texts: any strings; lone surrogates count as one mark.
        tokenizer: whose tokens, one of `tokenizers()`.

    Returns:
        One count a text, in order.

    Raises:
        KeyError: where no law is known for the tokenizer.
    """
    weights = laws()[tokenizer]
    counts = [_count(batch, weights) for batch in _batches(texts)]
    return np.concatenate(counts) if counts else np.zeros(0, np.int64)


def tokenizers() -> tuple[str, ...]:
    """Whose tokens can be estimated."""
    return tuple(laws())


@cache
def laws() -> dict[str, NDArray[np.float64]]:
    """The weights of each tokenizer's law."""
    read = json.loads(files("vapor_core.data").joinpath(LAWS).read_text(encoding="utf-8"))
    return {name: np.array(law["weights"], dtype=np.float64) for name, law in read["tokenizers"].items()}


def _batches(texts: Iterable[str]) -> Iterable[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    for text in texts:
        batch.append(text.encode("utf-8", "replace"))
        size += len(batch[-1])
        if size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _count(batch: list[bytes], weights: NDArray[np.float64]) -> NDArray[np.int64]:
    text = _bytes(batch)
    starts, ids, further = _runs(text)
    owners = np.searchsorted(text.first, starts, side="right") - 1
    worth = weights[ids] + weights[FURTHER] * further
    tokens = np.bincount(owners, weights=worth, minlength=len(batch)).astype(np.float64)
    at, characters = _characters(text)
    of = np.searchsorted(text.first, at, side="right") - 1
    tokens += np.bincount(of, weights=weights[characters], minlength=len(batch))
    tokens -= _known_capitals(text, weights, len(batch))
    floor = np.array([len(each) > 0 for each in batch], dtype=np.int64)
    return np.maximum(np.rint(tokens).astype(np.int64), floor)


def _known_capitals(text: Bytes, weights: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Tokens of each text that are none since a word in capitals is one that tokenizers have whole: SQL's."""
    found = [(match.start(), len(match[0])) for match in KNOWN_CAPITALS.finditer(text.data.tobytes())]
    if not found:
        return np.zeros(count)
    at, letters = (np.array(column) for column in zip(*found, strict=True))
    of = np.searchsorted(text.first, at, side="right") - 1
    worth = weights[SECOND_CAPITAL] + weights[CAPITAL] * (letters - 2)
    return np.bincount(of, weights=worth, minlength=count).astype(np.float64)


def features(text: str) -> NDArray[np.float64]:
    """How often each weight counts in a text, shape (WEIGHTS,): what a law is fitted on."""
    one = _bytes([text.encode("utf-8", "replace")])
    _, ids, further = _runs(one)
    found = np.bincount(ids, minlength=WEIGHTS) + np.bincount(_characters(one)[1], minlength=WEIGHTS)
    found[FURTHER] += further.sum()
    for match in KNOWN_CAPITALS.finditer(one.data.tobytes()):
        found[SECOND_CAPITAL] -= 1
        found[CAPITAL] -= len(match[0]) - 2
    return found.astype(np.float64)


def _bytes(batch: list[bytes]) -> Bytes:
    data = np.frombuffer(b"\0".join([*batch, b""]), np.uint8)
    sizes = np.array([len(text) for text in batch]) + 1
    first = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    kinds = KIND_OF_BYTE[data]
    lead = np.flatnonzero((data >= 0xC0) | (data < 0x80))
    follows = np.append(data[1:], 0)
    wide = data >= 0xC0
    kinds[wide] = KIND_OF_PAIR[data[wide].astype(np.int64) * 256 + follows[wide]]
    inside = np.flatnonzero((data >= 0x80) & (data < 0xC0))  # bytes of a character have the kind of its first
    if inside.size:
        kinds[inside] = kinds[lead[np.searchsorted(lead, inside) - 1]]
    return Bytes(data, kinds, first)


def _runs(text: Bytes) -> tuple[NDArray[np.intp], NDArray[np.int64], NDArray[np.int64]]:
    """Runs of one kind: where they begin, each one's weight, and letters beyond LONGEST_WORD."""
    kinds = text.kinds
    starts = np.flatnonzero(np.diff(kinds, prepend=255))
    lengths = np.diff(starts, append=len(kinds))
    kind = kinds[starts]
    before = np.concatenate(([END], kind[:-1]))
    after = np.concatenate((kind[1:], [END]))
    # A word takes the blank before it into its first token, or the mark; marks take a blank and the line's end.
    join = np.where((before == BLANK) | (before == END), 1, np.where(before == MARK, 2, 0))
    marks = np.minimum(lengths, MOST_MARKS) - 1 + MOST_MARKS * (2 * (before == BLANK) + (after == LETTER))
    ids = np.select(
        [kind == each for each in (LETTER, MARK, BLANK, BREAK, HAN, DIGIT, KANA, HANGUL)],
        [
            WORDS + np.minimum(lengths, LONGEST_WORD) - 1 + LONGEST_WORD * join,
            MARKS + marks,
            BLANKS + (lengths > 1),
            BREAKS + (lengths > 1) + 2 * (before == MARK),
            HANS + np.clip(lengths // 3, 1, 3) - 1,
            DIGITS,
            KANAS,
            HANGULS,
        ],
        -1,
    )
    counted = ids >= 0
    further = np.where(kind == LETTER, np.maximum(lengths - LONGEST_WORD, 0), 0)
    return starts[counted], ids[counted], further[counted]


def _characters(text: Bytes) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Single characters that have a weight: where they stand, and which."""
    data, kinds = text.data, text.kinds
    ids = CHARACTER_OF_KIND[kinds]
    capital = (data >= 65) & (data <= 90)
    earlier = np.concatenate(([END], kinds[:-1]))
    after_capital = np.concatenate(([False], capital[:-1]))
    ids[capital] = CAMEL
    ids[capital & after_capital] = SECOND_CAPITAL
    ids[capital & after_capital & np.concatenate(([False], after_capital[:-1]))] = CAPITAL
    lower_next = np.concatenate(((data[1:] >= 97) & (data[1:] <= 122), [False]))
    ids[capital & (earlier != LETTER)] = -1
    ids[capital & (earlier != LETTER) & lower_next] = FIRST_CAPITAL
    other = kinds == OTHER
    lead = other & (data >= 0xC0)
    ids[lead] = SCRIPTS + (data[lead] & 0x3F)
    follows = np.append(data[1:], 0).astype(np.int64)
    for first, weights, least in ((0xE0, INDIC, 0xA0), (0xE1, FURTHER_EAST, 0x80)):
        shared = lead & (data == first)
        ids[shared] = weights + np.clip(follows[shared] - least, 0, 0xBF - least) // 2
    ids[(data >= 0x80) & (data < 0xC0)] = -1
    at = np.flatnonzero(ids >= 0)
    return at, ids[at]


def _kinds_of_bytes() -> NDArray[np.uint8]:
    table = np.full(256, MARK, np.uint8)
    table[0x80:] = OTHER
    table[0] = END
    for letters in (range(65, 91), range(97, 123)):
        table[letters] = LETTER
    table[range(48, 58)] = DIGIT
    table[[32, 9]] = BLANK
    table[[10, 13]] = BREAK
    return table


def _kinds_of_pairs() -> NDArray[np.uint8]:
    """Kinds of characters by the first two bytes of their UTF-8."""
    table = np.full(65536, OTHER, np.uint8)
    spans = (
        (0xE380, 0xE380, WIDE),  # marks of Chinese and Japanese
        (0xE381, 0xE383, KANA),
        (0xE390, 0xE9FF, HAN),
        (0xEAB0, 0xED9E, HANGUL),
        (0xEFBC, 0xEFBF, WIDE),  # full-width forms
    )
    for first, last, kind in spans:
        table[first : last + 1] = kind
    return table


def _characters_of_kinds() -> NDArray[np.int64]:
    table = np.full(11, -1, np.int64)
    for kind, weight in (
        (DIGIT, IN_DIGITS),
        (MARK, IN_MARKS),
        (HAN, IN_HAN),
        (KANA, IN_KANA),
        (WIDE, IN_WIDE),
    ):
        table[kind] = weight
    table[HANGUL] = IN_HANGUL
    return table


KIND_OF_BYTE = _kinds_of_bytes()
KIND_OF_PAIR = _kinds_of_pairs()
CHARACTER_OF_KIND = _characters_of_kinds()

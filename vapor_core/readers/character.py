"""What kind of text a file holds: its language, what a small compressor leaves of it, what its examples share.

Nothing here knows a model; `physics.loss.texts` says what a model loses on such a text. Everything is looked at in a
sample, so that a large file takes no longer than a small one.
"""

import bz2
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from vapor_core.contracts.entries import DatasetKind

SAMPLED = 500_000  # bytes that are compressed and looked at
EXAMPLES = 2_000  # that are compared with each other
# Compressed bits a byte fall with the size of a text as its power: bzip2 on the English of the Calgary and Canterbury
# corpora (3.2 at 12 kB, 2.45 at 60 kB, 2.27 at 152 kB, 2.2 at 500 kB)
SIZE_POWER = 0.1
LEAST_BYTES = 2_000  # of a sample that says anything
MOST_ENTROPY = 8.0
SCRIPTS = (
    ("Japanese", re.compile(r"[\u3041-\u30ff]"), 0.05), ("Korean", re.compile(r"[\uac00-\ud7a3]"), 0.1),
    ("Chinese", re.compile(r"[\u4e00-\u9fff]"), 0.1), ("Russian", re.compile(r"[\u0400-\u04ff]"), 0.2),
    ("Arabic", re.compile(r"[\u0600-\u06ff]"), 0.2), ("Hindi", re.compile(r"[\u0900-\u097f]"), 0.2),
    ("Thai", re.compile(r"[\u0e00-\u0e7f]"), 0.2), ("Greek", re.compile(r"[\u0370-\u03ff]"), 0.2),
    ("an Indian language", re.compile(r"[\u0980-\u0d7f]"), 0.2), ("Hebrew", re.compile(r"[\u0590-\u05ff]"), 0.2),
)  # fmt: skip
ENGLISH = re.compile(r"\b(?:the|and|of|to|is|in|that|for|with|you|what)\b", re.IGNORECASE)
ENGLISH_WORDS = 0.03  # of all words, from which a Latin text counts as English
WORD = re.compile(r"[^\W\d_]+")
# What the examples of a kind have: the share of examples from which it counts
MARKS: tuple[tuple[DatasetKind, re.Pattern[str], float], ...] = (
    ("reasoning", re.compile(r"<think>|<\|begin_of_thought\|>|<reasoning>"), 0.3),
    ("structured", re.compile(r'"(?:arguments|parameters|tool_calls|function)"\s*:|<tool_call>'), 0.3),
    (
        "code",
        re.compile(r"```|\bdef \w+\(|\bSELECT\b.+\bFROM\b|#include|\bfunction \w+\(|=>|\);\s*$", re.M),
        0.4,
    ),
    ("math", re.compile(r"####|\\frac|\\boxed|\$[^$\n]+\$|\d+\s*[-+*/]\s*\d+\s*="), 0.4),
)
LAYOUT_KINDS: dict[str, DatasetKind] = {
    "preference": "preference", "chat and preference": "preference", "chat": "chat",
    "text and summary": "summarization", "text": "text",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Character:
    """What a file's text is like; None where too little of it is there to say."""

    kind: DatasetKind
    language: str
    entropy: float | None  # bits a byte that a small compressor leaves, as of a text of SAMPLED bytes
    template_share: float  # of characters that all examples have in common


def character(texts: Sequence[str], layout: str) -> Character:
    """What the texts of a file are like, whose layout is called `layout`."""
    sample = _sample(texts)
    return Character(
        kind=_kind(sample, layout),
        language=_language(sample),
        entropy=_entropy(sample),
        template_share=_template_share(sample),
    )


def _sample(texts: Sequence[str]) -> list[str]:
    """Examples from all over the file, no more than SAMPLED characters of them."""
    found: list[str] = []
    size = 0
    for text in texts[:: max(len(texts) // EXAMPLES, 1)]:
        found.append(text[: SAMPLED - size])
        size += len(found[-1])
        if size >= SAMPLED:
            break
    return found


def _kind(sample: Sequence[str], layout: str) -> DatasetKind:
    if layout in ("preference", "chat and preference"):
        return "preference"
    for kind, mark, share in MARKS:
        if sum(bool(mark.search(text)) for text in sample) >= share * len(sample):
            return kind
    return LAYOUT_KINDS.get(layout, "instruction")


def _language(sample: Sequence[str]) -> str:
    text = "".join(sample)[:SAMPLED]
    words = WORD.findall(text)
    letters = max(sum(len(word) for word in words), 1)
    for name, script, share in SCRIPTS:
        if len(script.findall(text)) >= share * letters:
            return name
    if not words or len(ENGLISH.findall(text)) >= ENGLISH_WORDS * len(words):
        return "English"
    return "another language"


def _entropy(sample: Sequence[str]) -> float | None:
    data = "\n\n".join(sample).encode("utf-8", "replace")[:SAMPLED]
    if len(data) < LEAST_BYTES:
        return None
    bits = 8 * len(bz2.compress(data)) / len(data)
    return float(min(bits * (len(data) / SAMPLED) ** SIZE_POWER, MOST_ENTROPY))


def _template_share(sample: Sequence[str]) -> float:
    """Share of characters in the lines that half of the examples have."""
    if len(sample) < 2:
        return 0.0
    counts = Counter(line for text in sample for line in set(text.splitlines()) if line.strip())
    common = {line for line, count in counts.items() if 2 * count > len(sample)}
    shared = sum(len(line) for text in sample for line in text.splitlines() if line in common)
    return min(shared / max(sum(len(text) for text in sample), 1), 1.0)

"""The text of a conversation: its turns, pieces, tool calls and thoughts; what is no text is counted as left out."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence

from vapor_core.errors import InvalidUpload
from vapor_core.readers.rows import Row, shown

ROLES = ("role", "from", "speaker", "author")
CONTENTS = ("content", "value", "text", "message", "parts")
CALLS = ("tool_calls", "function_call")
THOUGHTS = ("reasoning_content", "reasoning", "thinking")
SPOKEN = frozenset(
    {"user", "human", "assistant", "gpt", "bot", "model", "system"}
)  # names of roles as fields
TEMPLATE_ROLES = {"human": "user", "gpt": "assistant", "bot": "assistant", "model": "assistant"}
EXAMPLE = '{"role": "user", "content": "..."}'
LONGEST_ROLE = 40


def is_turns(value: object) -> bool:
    """Whether a value is a list of turns, or one turn."""
    if isinstance(value, Mapping):
        return _has_role(value)
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(turn, dict) for turn in value)
        and _has_role(value[0])
    )


def _has_role(turn: Mapping[str, object]) -> bool:
    return any(isinstance(turn.get(name), str) for name in ROLES) or (bool(turn) and turn.keys() <= SPOKEN)


def turns_of(value: object) -> Sequence[object] | None:
    """A conversation as a list: as it is, or as JSON in a text; None where it is neither."""
    if isinstance(value, Mapping) and _has_role(value):
        return [value]
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    return value if isinstance(value, list) else None


def conversation(row: Row, name: str, value: object, left_out: Counter[str]) -> str:
    """The text of a conversation, a turn after the other.

    Raises:
        InvalidUpload: it is none.
    """
    turns = turns_of(value)
    if turns is None:
        raise InvalidUpload(f"{row.where} has no list as {shown(name)!r}; a chat is [{EXAMPLE}]", row.line)
    return "\n".join(_turn(row, turn, left_out) for turn in turns)


def messages(row: Row, name: str, value: object, left_out: Counter[str]) -> list[dict[str, str]]:
    """The turns of a conversation as chat templates take them: {"role", "content"} each, of words alone.

    Raises:
        InvalidUpload: it is none.
    """
    told: list[dict[str, str]] = []
    for turn in turns_of(value) or ():
        if not isinstance(turn, dict):
            break
        role = next((turn[key] for key in ROLES if isinstance(turn.get(key), str)), None)
        if isinstance(role, str):
            told.append(_message(role, "\n".join(_said(turn, left_out))))
        elif turn and turn.keys() <= SPOKEN:
            told += [_message(key, words(said, left_out)) for key, said in turn.items()]
    if not told:
        raise InvalidUpload(f"{row.where} has no turns as {shown(name)!r}; a chat is [{EXAMPLE}]", row.line)
    return told


def _message(role: str, content: str) -> dict[str, str]:
    return {"role": TEMPLATE_ROLES.get(role.casefold(), role.casefold())[:LONGEST_ROLE], "content": content}


def _turn(row: Row, turn: object, left_out: Counter[str]) -> str:
    if isinstance(turn, dict):
        role = next((turn[name] for name in ROLES if isinstance(turn.get(name), str)), None)
        if isinstance(role, str):
            return "\n".join([role[:LONGEST_ROLE], *_said(turn, left_out)])
        if turn and turn.keys() <= SPOKEN:
            return "\n".join(f"{name}\n{words(said, left_out)}" for name, said in turn.items())
    raise InvalidUpload(f"{row.where} has a turn without role and content; write {EXAMPLE}", row.line)


def _said(turn: Mapping[str, object], left_out: Counter[str]) -> list[str]:
    """A turn's thoughts, words and calls, those that there are."""
    thoughts = [words(turn[name], left_out) for name in THOUGHTS if turn.get(name)]
    content = next((turn[name] for name in CONTENTS if turn.get(name) is not None), None)
    calls = [call for name in CALLS for call in _calls(turn.get(name))]
    return [part for part in (*thoughts, words(content, left_out), *calls) if part]


def _calls(value: object) -> list[str]:
    """Each call as its function's name and arguments."""
    found: list[str] = []
    for call in value if isinstance(value, list) else [value]:
        if isinstance(call, dict):
            inner = call.get("function", call)
            inner = inner if isinstance(inner, dict) else call
            told = {name: inner[name] for name in ("name", "arguments") if name in inner} or inner
            found.append(compact(told))
        elif isinstance(call, str) and call:
            found.append(call)
    return found


def words(value: object, left_out: Counter[str]) -> str:
    """The text of a value: a string, pieces of which some are text, a list of texts, or an object as JSON.

    Args:
        value: anything that JSON can say.
        left_out: gets a count of each sort of piece that is no text, such as "image_url".
    """
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list):
        return "\n".join(part for part in (_piece(each, left_out) for each in value) if part)
    return _piece(value, left_out)


def _piece(piece: object, left_out: Counter[str]) -> str:
    if not isinstance(piece, dict):
        return words(piece, left_out)
    text = next((piece[name] for name in ("text", "content", "value", "thinking") if name in piece), None)
    sort = piece.get("type")
    if text is not None:
        return words(text, left_out)
    if isinstance(sort, str) and sort not in ("text", "function", "tool_use", "tool_result"):
        left_out[sort[:LONGEST_ROLE]] += 1
        return ""
    return compact(piece) if piece else ""


def compact(value: object) -> str:
    """An object as a chat template would put it: JSON on one line; a text as it is."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)

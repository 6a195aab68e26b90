"""The fields of a configuration file, whichever notation it is in: JSON, YAML, or the calls of a Python snippet.

A file comes from outside: it is bounded, nothing in it is run, and its faults are told in one sentence with the line.
"""

import ast
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate

import yaml

from vapor_core.errors import InvalidUpload
from vapor_core.readers.decoding import shown_name, text_of

LARGEST = 1_000_000  # bytes
LARGEST_YAML = 50_000  # characters; its parser is slow, and slower than in proportion where flows are nested
DEEPEST = 20  # levels
MOST_FIELDS = 2_000
MARK = "# vapor: "  # begins a comment with what a trainer has no field for; `writing` writes it
PYTHON_CALLS = (
    "from_pretrained",
    "get_peft_model",
    "SFTConfig",
    "TrainingArguments",
    "SFTTrainer",
    "LoraConfig",
)


@dataclass(frozen=True, slots=True)
class Document:
    """A file's fields.

    Attributes:
        values: as they stand in the file, level in level.
        kept: fields of JobConfig from a comment that Vapor wrote.
        calls: whether they are the arguments of Python calls.
    """

    values: dict[str, object]
    kept: dict[str, object]
    calls: bool = False


def document(content: str | bytes, name: str = "") -> Document:
    """The fields of a file.

    Raises:
        InvalidUpload: where there are none, in one sentence.
    """
    shown = shown_name(name)
    body = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    if len(body) > LARGEST:
        raise InvalidUpload(f"{shown} has {len(body) / 1e6:.1f} MB; a configuration has a few kB")
    text = text_of(body, shown)
    if _is_python(text, name):
        return Document(_calls(text, shown), {}, calls=True)
    values = _parsed(text, shown)
    if not isinstance(values, dict) or not values:
        raise InvalidUpload(f"{shown} holds no configuration; it needs fields such as model and dataset")
    return Document(values, _kept(text))


def _parsed(text: str, shown: str) -> object:
    try:
        return json.loads(text) if text.lstrip().startswith("{") else plain_yaml(text)
    except json.JSONDecodeError as error:
        raise InvalidUpload(f"{shown} is no JSON: {error.msg} in line {error.lineno}", error.lineno) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else None
        raise InvalidUpload(f"{shown} is no YAML" + (f": see line {line}" if line else ""), line) from None
    except (RecursionError, ValueError):
        raise InvalidUpload(f"{shown} cannot be read as a configuration") from None


def plain_yaml(text: str) -> object:
    """A document of YAML, where it is small and flat enough to be one of a configuration; its keys are text.

    Raises:
        ValueError: where it is not.
        yaml.YAMLError: where it is no YAML.
    """
    depth = list(accumulate((letter in "[{") - (letter in "]}") for letter in text if letter in "[]{}"))
    if len(text) > LARGEST_YAML or max(depth, default=0) > DEEPEST:
        raise ValueError
    _look_through(text)
    try:
        values: object = yaml.load(text, _Loader)  # noqa: S506 - a safe loader
    except (LookupError, TypeError, AttributeError):  # its constructors', for `!!bool foo` or `!!int ''`
        raise ValueError("a value does not fit its tag") from None
    return _with_text_keys(values)


def _look_through(text: str) -> None:
    """Events are read one by one before values are built: the parser in C has no hook for aliases, nor for depth."""
    level = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.events.AliasEvent):
            raise yaml.composer.ComposerError(None, None, "aliases are not read", None)
        if isinstance(event, yaml.events.CollectionStartEvent):
            level += 1
        elif isinstance(event, yaml.events.CollectionEndEvent):
            level -= 1
        if level > DEEPEST:
            raise ValueError


_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _with_text_keys(value: object) -> object:
    """Keys as text at every depth: YAML has numbers, dates and nothing as keys too, and none is a field's name."""
    if isinstance(value, Mapping):
        return {str(key): _with_text_keys(inner) for key, inner in value.items()}
    return [_with_text_keys(inner) for inner in value] if isinstance(value, list) else value


def _kept(text: str) -> dict[str, object]:
    line = next((line for line in text[:LARGEST_YAML].splitlines() if line.startswith(MARK)), None)
    if line is None:
        return {}
    try:
        kept = json.loads(line.removeprefix(MARK))
    except (ValueError, RecursionError):
        raise InvalidUpload("the comment that begins with '# vapor:' is no JSON; remove it") from None
    return kept if isinstance(kept, dict) else {}


def _is_python(text: str, name: str) -> bool:
    return name.endswith(".py") or (
        not text.lstrip().startswith("{") and any(f"{call}(" in text for call in PYTHON_CALLS)
    )


def _calls(text: str, shown: str) -> dict[str, object]:
    """The named arguments of all calls that configure a training, under the last part of what is called."""
    if len(text) > LARGEST_YAML:
        raise InvalidUpload(
            f"{shown} has {len(text):,} characters; a snippet that configures a training has fewer"
        )
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        raise InvalidUpload(f"{shown} is no Python" + (f": see line {line}" if line else ""), line) from None
    names = dict(_assigned(tree))
    found: dict[str, object] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (called := _called(node)) in PYTHON_CALLS:
            found.setdefault(called, {})
            arguments = found[called]
            if isinstance(arguments, dict):
                arguments |= {each.arg: _literal(each.value, names) for each in node.keywords if each.arg}
    if not any(found.values()):
        raise InvalidUpload(
            f"{shown} configures no training; it needs a call such as SFTConfig(learning_rate=...)"
        )
    return found


def _called(node: ast.Call) -> str:
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _assigned(tree: ast.Module) -> Iterator[tuple[str, object]]:
    """Plain values that a snippet gives names to, such as max_seq_length = 2048."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            value = _literal(node.value, {})
            if not isinstance(value, Computed):
                yield node.targets[0].id, value


class Computed(str):
    """A value that only running the snippet would tell, as it is written there."""

    __slots__ = ()


def _literal(node: ast.expr, names: Mapping[str, object]) -> object:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        pass
    if isinstance(node, ast.Name) and node.id in names:
        return names[node.id]
    try:
        return Computed(ast.unparse(node)[:80])
    except RecursionError:
        return Computed("a long expression")


def flattened(values: Mapping[str, object], shown: str = "the file") -> dict[str, object]:
    """Fields by their path, a dot between levels; lists are values.

    Raises:
        InvalidUpload: where there are too many, or too many levels.
    """
    found: dict[str, object] = {}
    below = [("", values, 0)]
    while below:
        path, group, depth = below.pop()
        for key, value in group.items():
            name = f"{path}{key}"
            if isinstance(value, Mapping) and value:
                if depth >= DEEPEST:
                    raise InvalidUpload(f"{shown} has too many levels for a configuration")
                below.append((f"{name}.", value, depth + 1))
            else:
                found[name] = value
        if len(found) + len(below) > MOST_FIELDS:
            raise InvalidUpload(f"{shown} has more than {MOST_FIELDS:,} fields; a configuration has fewer")
    return found

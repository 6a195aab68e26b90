"""A training configuration from a file that Vapor or a person wrote."""

import json
from collections.abc import Mapping
from itertools import accumulate

import yaml

from vapor_core.contracts.training import JobConfig
from vapor_core.errors import InvalidUpload
from vapor_core.readers.decoding import shown_name, text_of

LARGEST_CONFIG = 1_000_000  # bytes
LARGEST_YAML = 50_000  # characters; its parser is slow, and slower than in proportion where flows are nested
DEEPEST_YAML = 20


def read_config(name: str, content: bytes) -> JobConfig:
    """A configuration from JSON or YAML, as `config_json` and `config_yaml` write it; fields may be left out.

    Raises:
        InvalidUpload: where the file is no JSON or YAML, with the line.
        InvalidConfig: where its values are wrong, one sentence a field.
    """
    shown = shown_name(name)
    if len(content) > LARGEST_CONFIG:
        raise InvalidUpload(f"{shown} has {len(content) / 1e6:.1f} MB; a configuration has a few kB")
    try:
        text = text_of(content, shown)
        values = json.loads(text) if text.lstrip().startswith("{") else _yaml(text)
    except json.JSONDecodeError as error:
        raise InvalidUpload(f"{shown} is no JSON: {error.msg} in line {error.lineno}", error.lineno) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else None
        raise InvalidUpload(f"{shown} is no YAML" + (f": see line {line}" if line else ""), line) from None
    except InvalidUpload:
        raise
    except (RecursionError, ValueError):
        raise InvalidUpload(f"{shown} cannot be read as a configuration") from None
    if not isinstance(values, dict):
        raise InvalidUpload(f"{shown} holds no configuration; it needs fields such as model and dataset")
    return JobConfig(**values)


def _yaml(text: str) -> object:
    """A document of YAML, where it is small and flat enough to be one of a configuration; its keys are text.

    Raises:
        ValueError: where it is not.
        yaml.YAMLError: where it is no YAML.
    """
    depth = list(accumulate((letter in "[{") - (letter in "]}") for letter in text if letter in "[]{}"))
    if len(text) > LARGEST_YAML or max(depth, default=0) > DEEPEST_YAML:
        raise ValueError
    return _with_text_keys(yaml.load(text, _PlainLoader))  # noqa: S506 - a safe loader


def _with_text_keys(value: object) -> object:
    """Keys as text at every depth: YAML has numbers, dates and nothing as keys too, and none is a field's name."""
    if isinstance(value, Mapping):
        return {str(key): _with_text_keys(inner) for key, inner in value.items()}
    return [_with_text_keys(inner) for inner in value] if isinstance(value, list) else value


class _PlainLoader(yaml.SafeLoader):
    """YAML without aliases, so that no document is larger than its text."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.events.AliasEvent):
            raise yaml.composer.ComposerError(None, None, "aliases are not read", None)
        return super().compose_node(parent, index)

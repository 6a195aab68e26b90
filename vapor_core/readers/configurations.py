"""A training configuration from a file that Vapor or a person wrote."""

import json
from collections.abc import Mapping
from itertools import accumulate

import yaml

from vapor_core.contracts.training import JobConfig
from vapor_core.errors import InvalidUpload

LARGEST_CONFIG = 1_000_000  # bytes
LARGEST_YAML = 50_000  # characters; its parser is slow, and slower than in proportion where flows are nested
DEEPEST_YAML = 20


def read_config(name: str, content: bytes) -> JobConfig:
    """A configuration from JSON or YAML, as `config_json` and `config_yaml` write it; fields may be left out.

    Raises:
        InvalidUpload: where the file is no JSON or YAML, with the line.
        InvalidConfig: where its values are wrong, one sentence a field.
    """
    shown = "".join(letter for letter in name if letter.isprintable())[:80] or "the file"
    if len(content) > LARGEST_CONFIG:
        raise InvalidUpload(f"{shown} has {len(content) / 1e6:.1f} MB; a configuration has a few kB")
    try:
        text = content.decode("utf-8-sig")
        values = json.loads(text) if text.lstrip().startswith("{") else _yaml(text)
    except UnicodeDecodeError:
        raise InvalidUpload(f"{shown} is not UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise InvalidUpload(f"{shown} is no JSON: {error.msg} in line {error.lineno}", error.lineno) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else None
        raise InvalidUpload(f"{shown} is no YAML" + (f": see line {line}" if line else ""), line) from None
    except (RecursionError, ValueError):
        raise InvalidUpload(f"{shown} cannot be read as a configuration") from None
    if not isinstance(values, Mapping):
        raise InvalidUpload(f"{shown} holds no configuration; it needs fields such as model and dataset")
    return JobConfig(**{str(key): value for key, value in values.items()})


def _yaml(text: str) -> object:
    """A document of YAML, where it is small and flat enough to be one of a configuration.

    Raises:
        ValueError: where it is not.
        yaml.YAMLError: where it is no YAML.
    """
    depth = list(accumulate((letter in "[{") - (letter in "]}") for letter in text if letter in "[]{}"))
    if len(text) > LARGEST_YAML or max(depth, default=0) > DEEPEST_YAML:
        raise ValueError
    return yaml.load(text, _PlainLoader)  # noqa: S506 - a safe loader


class _PlainLoader(yaml.SafeLoader):
    """YAML without aliases: no document larger than its text."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.events.AliasEvent):
            raise yaml.composer.ComposerError(None, None, "aliases are not read", None)
        return super().compose_node(parent, index)

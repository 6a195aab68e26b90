"""A configuration as text, with every field."""

import yaml

from vapor_core.contracts.training import JobConfig


def config_json(config: JobConfig) -> str:
    """A configuration, with every field, as JSON."""
    return config.model_dump_json(indent=2)


def config_yaml(config: JobConfig) -> str:
    """A configuration, with every field, as YAML."""
    return str(yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True))

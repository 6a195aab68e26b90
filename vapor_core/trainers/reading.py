"""A trainer's configuration read into Vapor's: what was understood, what changes no figure, what is not modelled.

Whose file it is, its fields tell. Files of trainers that name no model give their settings, which `over` puts over a
configuration that names one.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from vapor_core.contracts.entries import CatalogModel, Dataset
from vapor_core.contracts.training import JobConfig
from vapor_core.errors import InvalidConfig, InvalidUpload
from vapor_core.readers.decoding import shown_name
from vapor_core.readers.edge import one_sentence
from vapor_core.trainers import settings
from vapor_core.trainers.adapters import adapter_file
from vapor_core.trainers.axolotl import axolotl_file
from vapor_core.trainers.document import Document, document, flattened
from vapor_core.trainers.fields import FieldRead, Reading, own_entry, shown
from vapor_core.trainers.llama_factory import llama_factory_file
from vapor_core.trainers.settings import built, with_counts
from vapor_core.trainers.sharding import accelerate_file, deepspeed_file
from vapor_core.trainers.torchtune import torchtune_file
from vapor_core.trainers.trl import arguments_file, trl_file, unsloth_file

Format = Literal[
    "vapor",
    "axolotl",
    "llama_factory",
    "torchtune",
    "trl",
    "unsloth",
    "deepspeed",
    "accelerate",
    "peft",
    "training_args",
]
READERS: dict[Format, Callable[[Reading], None]] = {
    "axolotl": axolotl_file,
    "llama_factory": llama_factory_file,
    "torchtune": torchtune_file,
    "trl": trl_file,
    "deepspeed": deepspeed_file,
    "accelerate": accelerate_file,
    "peft": adapter_file,
    "training_args": arguments_file,
}
# Fields that one trainer has alone, the surest first.
MARKS: tuple[tuple[Format, tuple[str, ...]], ...] = (
    ("peft", ("peft_type",)),
    ("accelerate", ("distributed_type", "compute_environment")),
    (
        "deepspeed",
        (
            "zero_optimization",
            "train_micro_batch_size_per_gpu",
            "train_batch_size",
            "zero_allow_untested_optimizer",
        ),
    ),
    (
        "torchtune",
        ("model._component_", "tokenizer._component_", "optimizer._component_", "loss._component_"),
    ),
    ("axolotl", ("base_model", "micro_batch_size+datasets", "sequence_len", "pretraining_dataset")),
    (
        "llama_factory",
        (
            "finetuning_type",
            "cutoff_len",
            "stage+model_name_or_path",
            "dataset_dir",
            "template+model_name_or_path",
            "export_dir",
        ),
    ),
    ("trl", ("model_name_or_path", "dataset_name", "use_peft")),
    (
        "training_args",
        ("per_device_train_batch_size", "num_train_epochs", "lr_scheduler_type", "output_dir", "optim"),
    ),
)


# Fields that are counted once the steps are known, where nothing tells them exactly.
COUNTED = {
    "warmup_ratio": settings.WARMUP_STEPS,
    "decay_ratio": settings.DECAY_STEPS,
    "max_steps": settings.STEPS_PER_EPOCH,
}
NO_MODEL = "model: the file names none"
ANY_MODEL = "openai-community/gpt2"  # to try values on that come without a model
COUNT_NO_CARDS = ("axolotl", "llama_factory", "torchtune", "trl", "unsloth")
KNOWN = "axolotl, LLaMA-Factory, torchtune, TRL, Unsloth, DeepSpeed, accelerate, PEFT"


@dataclass(frozen=True, slots=True)
class ReadConfig:
    """What a configuration file says.

    Every field of the file stands in exactly one of `understood`, `ignored` and `not_modelled`.

    Attributes:
        format: whose file it is.
        config: the configuration; None where the file leaves out what no configuration can do without.
        missing: what that is, a sentence each.
        understood: fields that became Vapor's.
        ignored: fields that change no figure.
        not_modelled: fields that matter and cannot be expressed, each with what is counted in their place.
        assumed: what the trainer does where the file says nothing.
        settings: JobConfig's fields that were read, for a configuration that has the rest: see `over`.
    """

    format: Format
    config: JobConfig | None
    missing: tuple[str, ...] = ()
    understood: tuple[FieldRead, ...] = ()
    ignored: tuple[FieldRead, ...] = ()
    not_modelled: tuple[FieldRead, ...] = ()
    assumed: tuple[FieldRead, ...] = ()
    settings: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    counts: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))

    def over(self, config: JobConfig) -> JobConfig:
        """A configuration with these settings over its own.

        Raises:
            InvalidConfig: where they do not go together.
        """
        return with_counts(config.changed(**self.settings), self.counts)

    def with_model(self, model: str | CatalogModel) -> JobConfig:
        """The configuration, of a model that was chosen for it.

        Raises:
            InvalidConfig: where a setting is none that a configuration can have.
        """
        settings = {name: value for name, value in self.settings.items() if name != "model"}
        return built(model, settings, self.counts)


@one_sentence(InvalidUpload, "the configuration")
def read_config(
    content: str | bytes, name: str = "", *, own: Iterable[CatalogModel | Dataset] = ()
) -> ReadConfig:
    """What a training configuration says, whoever's it is.

    Reads Vapor's own JSON and YAML, and the files of axolotl, LLaMA-Factory, torchtune, TRL, Unsloth (Python calls,
    which are never run), DeepSpeed, accelerate, PEFT and transformers' TrainingArguments.

    Args:
        content: the file's text or bytes.
        name: the file's name, for sentences, and to tell a snippet of Python by its ending.
        own: models and data that are known besides the catalog's, such as a workspace's own; they come before it.

    Raises:
        InvalidUpload: where the file cannot be read, in one sentence.
        InvalidConfig: where a value is none that a configuration can have, one sentence a field.
    """
    found, own = document(content, name), tuple(own)
    if found.calls:
        return _of_calls(found, own)
    fields = flattened(found.values, shown_name(name))
    kind = _format(found.values, fields)
    if kind == "vapor":
        return _own(found.values, shown_name(name), own)
    reading = Reading(fields, own)
    READERS[kind](reading)
    return _result(kind, reading, found.kept)


def read_job(name: str, content: str | bytes) -> JobConfig:
    """The configuration alone, as other readers of files are called.

    Raises:
        InvalidUpload: where the file cannot be read.
        InvalidConfig: where a value is wrong, or the file says too little for a configuration.
    """
    read = read_config(content, name)
    if read.config is None:
        raise InvalidConfig("; ".join(read.missing))
    return read.config


def _format(values: Mapping[str, object], fields: Mapping[str, object]) -> Format:
    """Whose file it is; Vapor's own where its fields are those of JobConfig, or nobody's."""
    own = JobConfig.model_fields
    if "model" in values and all(name in own for name in values) and "model._component_" not in fields:
        return "vapor"
    for kind, marks in MARKS:
        if any(all(part in fields or part in values for part in mark.split("+")) for mark in marks):
            return kind
    return "vapor"


def _own(values: Mapping[str, object], shown_as: str, known: Iterable[CatalogModel | Dataset]) -> ReadConfig:
    if 2 * len(values.keys() & JobConfig.model_fields.keys()) < len(values):
        raise InvalidUpload(f"{shown_as} is no configuration of Vapor's, nor of {KNOWN}")
    model, data = (str(values.get(each) or "") for each in ("model", "dataset"))
    entries = {"model": own_entry(known, model, CatalogModel), "dataset": own_entry(known, data, Dataset)}
    values = {**values, **{each: entry for each, entry in entries.items() if entry is not None}}
    named = "model" in values or not values
    config = JobConfig(**values) if named else JobConfig(model=ANY_MODEL, **values)  # a wrong value raises
    understood = tuple(
        FieldRead(name, _plain(getattr(config, name))[:80], f"{name}, as it is") for name in values
    )
    settings = MappingProxyType({name: getattr(config, name) for name in values})
    if not named:
        return ReadConfig("vapor", None, (NO_MODEL,), understood, settings=settings)
    return ReadConfig("vapor", config, understood=understood, settings=settings)


def _plain(value: object) -> str:
    return value.id if isinstance(value, CatalogModel | Dataset) else str(value)


def _of_calls(found: Document, own: Iterable[CatalogModel | Dataset]) -> ReadConfig:
    fields: dict[str, object] = {}
    for called in found.values.values():
        if isinstance(called, Mapping):
            fields |= flattened(called, "the snippet")
    reading = Reading(fields, own)
    unsloth_file(reading, found.values)
    return _result("unsloth", reading, {})


def _result(kind: Format, reading: Reading, kept: Mapping[str, object]) -> ReadConfig:
    if kind in COUNT_NO_CARDS and "accelerator_count" not in reading.values:
        reading.assumed.append(
            FieldRead("how many cards", "", "accelerator_count: the command tells it, not the file")
        )
    exact = {
        name: each
        for name, each in kept.items()
        if name in JobConfig.model_fields and isinstance(each, Mapping)
    }
    _choose_model(reading, exact.pop("model", None))
    config = None
    values = {name: value for name, value in reading.values.items() if name != "model"}
    if "model" in reading.values and not reading.missing:
        config = built(reading.values["model"], values, reading.counts)
        config = _exactly(reading, config, exact)
    elif not reading.missing:
        reading.missing.append(NO_MODEL)
    return ReadConfig(
        format=kind,
        config=config,
        missing=tuple(reading.missing),
        understood=tuple(reading.understood),
        ignored=tuple(reading.ignored),
        not_modelled=tuple(reading.not_modelled),
        assumed=tuple(reading.assumed),
        settings=MappingProxyType(dict(reading.values)),
        counts=MappingProxyType(dict(reading.counts)),
    )


def _choose_model(reading: Reading, kept: Mapping[str, object] | None) -> None:
    """A model that a trainer's name does not tell, where the file still has the name that Vapor wrote."""
    if kept is not None and "is" in kept and kept.get("for") == reading.model:
        reading.values["model"] = kept["is"]
        reading.missing.clear()
        reading.understood.append(FieldRead("# vapor: model", reading.model, "model, kept by Vapor"))


def _exactly(reading: Reading, config: JobConfig, kept: Mapping[str, Mapping[str, object]]) -> JobConfig:
    """What a trainer has no word for, from the comment that Vapor wrote; a field that was edited since holds."""
    read = config.model_dump(mode="json")
    changes = {
        name: each["is"] for name, each in kept.items() if "is" in each and each.get("for") == read[name]
    }
    for name, value in changes.items():
        reading.values[name] = value
        reading.understood.append(FieldRead(f"# vapor: {name}", shown(value), f"{name}, kept by Vapor"))
    for name, count in COUNTED.items():
        if name in changes:
            reading.counts.pop(count, None)
    return JobConfig(**{**read, **changes, "model": config.model}) if changes else config


__all__ = ["InvalidUpload", "ReadConfig", "read_config", "read_job"]

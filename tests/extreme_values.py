"""Values over the whole range that each field of a contract allows, each decade as likely as the next."""

import math
from types import UnionType
from typing import Literal, Union, get_args, get_origin

from hypothesis import strategies as st

from vapor_core import catalog
from vapor_core.contracts.base import Contract
from vapor_core.contracts.entries import Accelerator, CatalogModel, Dataset
from vapor_core.contracts.serving import ServingConfig
from vapor_core.contracts.training import LORA_TARGETS, PARALLEL, Calibration, JobConfig

LEAST = 1e-30  # tried for what must only be more than 0
IDS = {
    "model": [entry.id for entry in catalog.models()],
    "dataset": [entry.id for entry in catalog.datasets()],
    "accelerator": [entry.id for entry in catalog.accelerators()],
}


def bounds(metadata: list[object]):
    """Least and most by a field's annotations, None where it has none, and whether each is left out itself."""
    found = {
        name: getattr(each, name)
        for each in metadata
        for name in ("ge", "gt", "le", "lt")
        if getattr(each, name, None) is not None
    }
    least, most = found.get("ge", found.get("gt")), found.get("le", found.get("lt"))
    return least, most, "gt" in found, "lt" in found


def spread(least: float, most: float, *, whole: bool, zero: bool = True):
    """Numbers of a range: each decade is as likely as the next, and so are both ends."""
    low, high = math.log10(max(least, 1.0 if whole else LEAST)), math.log10(most)
    ends = [least, most] if whole or least > 0 or zero else [most]

    def number(power: float) -> float:
        value = min(max(10.0**power, least), most)
        return min(max(round(value), int(least)), int(most)) if whole else value

    return st.one_of(st.floats(low, high).map(number), st.sampled_from(ends))


def values(name: str, annotation: object, metadata: list[object]):
    """Values of a field; None for one that only a person reads."""
    if get_origin(annotation) in (Union, UnionType):
        inner = [each for each in get_args(annotation) if each is not type(None)]
        return values(name, inner[0], metadata) if len(inner) == 1 else None
    metadata = [*metadata, *getattr(annotation, "__metadata__", ())]
    annotation = (
        getattr(annotation, "__origin__", annotation)
        if metadata and hasattr(annotation, "__metadata__")
        else annotation
    )
    nested = [each for item in metadata for each in (getattr(item, "metadata", None) or [item])]
    if isinstance(annotation, type) and issubclass(annotation, Contract):
        return extremes(annotation)
    words = {Literal: lambda: st.sampled_from(get_args(annotation))}.get(get_origin(annotation))
    if words or annotation is bool:
        return words() if words else st.booleans()
    least, most, above, below = bounds(nested)
    if most is None or annotation not in (int, float):
        return None
    if annotation is int:
        return spread((least or 0) + above, most - below, whole=True)
    low, high = least or 0.0, math.nextafter(most, 0.0) if below else most
    return spread(low, high, whole=False, zero=not above) if low >= 0 else st.floats(low, high)


@st.composite
def extremes(draw, kind: type[Contract], always: tuple[str, ...] = (), **given: object):
    """A value of a contract with some fields anywhere in their range; some combinations are refused."""
    fields = {
        name: found
        for name, field in kind.model_fields.items()
        if name not in given
        if (found := values(name, field.annotation, list(field.metadata))) is not None
    }
    needed = [name for name, field in kind.model_fields.items() if field.is_required() and name in fields]
    others = sorted(set(fields) - set(needed))
    chosen = draw(st.lists(st.sampled_from(others), unique=True, max_size=8)) if others else []
    drawn = {name: draw(fields[name]) for name in (*needed, *chosen)}
    drawn |= {
        name: draw(each) if isinstance(each, st.SearchStrategy) else each for name, each in given.items()
    }
    for name in {"attention_layers", "sliding_layers"} & drawn.keys():
        drawn[name] = min(drawn[name], drawn["layers"])
    loads = [name for name in ("concurrency", "request_rate", "static_batch") if drawn.get(name) is not None]
    for other in loads[1:]:
        drawn.pop(other)
    if "kv_heads" in drawn and "attention_heads" in drawn:
        drawn["kv_heads"] = math.gcd(drawn["kv_heads"], drawn["attention_heads"])
    return kind(**(agreed(drawn) if kind is JobConfig else drawn))


def agreed(drawn: dict[str, object]) -> dict[str, object]:
    """Fields of a run that go together: parallel sizes that divide the cards, and adapters where they belong."""
    cards = left = drawn.get("accelerator_count", 1)
    for name in [name for name in PARALLEL if name in drawn]:
        drawn[name] = math.gcd(drawn[name], left)
        left //= drawn[name]
    if "expert_parallel" in drawn:
        drawn["expert_parallel"] = math.gcd(
            drawn["expert_parallel"], cards // drawn.get("pipeline_parallel", 1)
        )
    method = drawn.get("method", "lora")
    if method in ("full", "pretrain") or (method == "qlora" and drawn.get("base_quantization") == "none"):
        drawn.pop("base_quantization", None)
    if method in ("lora", "qlora") or drawn.get("base_quantization", "none") != "none":
        drawn |= {"lora_rank": max(drawn["lora_rank"], 1)} if "lora_rank" in drawn else {}
    elif drawn.get("lora_rank", 0) == 0 or method in ("full", "pretrain"):
        drawn.pop("dora", None)
    return drawn


def one(kind, field, **given):
    return st.one_of(st.sampled_from(IDS[field]), extremes(kind, id=f"own {field}", **given))


MODELS = one(CatalogModel, "model")
DATA = one(Dataset, "dataset")
CARDS = one(Accelerator, "accelerator")
TARGETS = st.lists(st.sampled_from(LORA_TARGETS), min_size=1, unique=True).map(tuple)
CONFIGS = extremes(
    JobConfig,
    model=MODELS,
    dataset=DATA,
    accelerator=CARDS,
    lora_targets=TARGETS,
    backend="simulated",
    schedule=st.sampled_from(["constant", "linear", "cosine", "wsd", ((0.0, 0.1), (0.5, 1.0), (1.0, 0.0))]),
)
SERVINGS = extremes(ServingConfig, model=MODELS, accelerator=CARDS)
CONSTANTS = st.one_of(st.floats(-1e9, 1e9), spread(0.0, 1e9, whole=False))
CALIBRATIONS = extremes(
    Calibration, curve=st.one_of(st.none(), st.lists(CONSTANTS, max_size=4).map(tuple)), notes=()
)

"""What the Hub says of models, read from its answers: who is listed, and how one is built.

An answer comes from anybody: it is bounded, cleaned and checked before it becomes a value. When to ask, and what is
kept, is `client`'s work; asking is `request`'s, reading a config.json `architecture`'s.
"""

import re
import unicodedata
from dataclasses import dataclass, replace
from typing import Literal

from vapor_core import catalog
from vapor_core.contracts.entries import CatalogModel
from vapor_core.errors import InvalidConfig
from vapor_core.hub.architecture import Published, read_architecture
from vapor_core.hub.request import UNREADABLE, Gated, HubFault, Missing, Question

MODEL_ID = re.compile(r"[A-Za-z0-9_][\w.-]{0,95}/[A-Za-z0-9_][\w.-]{0,95}", re.ASCII)
MINIMUM_QUERY = 2
LONGEST_QUERY = 100
TASK = "text-generation"
FIELDS = ("createdAt", "disabled", "downloads", "gated", "likes", "pipeline_tag", "safetensors", "tags")
# Types of number that hold several quantised weights each.
PACKED_TYPES = {"I8", "U8", "I16", "U16", "I32", "U32", "I64", "U64", "F4"}
ONE_BY_ONE = {"fp8", "fbgemm_fp8", "finegrained_fp8"}  # ways to quantise that keep a weight a number
ASK_FIRST = "it is gated: accept its terms on the Hub and give Vapor a token that may read it"


@dataclass(frozen=True, slots=True)
class HubModel:
    """A model as the Hub lists it.

    `model` is None while its architecture is unknown; where it cannot be known, `reason` is one sentence.
    """

    id: str
    parameters: int | None = None
    downloads: int | None = None
    likes: int | None = None
    licence: str | None = None
    released: str | None = None
    gated: bool = False
    model: CatalogModel | None = None
    reason: str = ""

    @property
    def usable(self) -> bool:
        """Whether a job can be configured with it."""
        return self.model is not None


@dataclass(frozen=True, slots=True)
class HubAnswer:
    """What a search found. `notice` is one sentence where the curated catalog answered in the Hub's place."""

    models: tuple[HubModel, ...]
    notice: str | None = None
    source: Literal["hub", "catalog"] = "hub"


def clean(text: object, limit: int) -> str:
    """Text from outside on one line: no control, format or private characters, at most `limit` long."""
    if not isinstance(text, str):
        return ""
    kept = "".join(" " if letter.isspace() else letter for letter in text[: 4 * limit])
    kept = "".join(letter for letter in kept if unicodedata.category(letter)[0] != "C")
    kept = " ".join(kept.split())
    return kept if len(kept) <= limit else kept[: limit - 1] + "…"


def searchable(query: str) -> str | None:
    """The query as it is sent, or None while it is too short to be worth a request."""
    cleaned = clean(query, LONGEST_QUERY)
    return cleaned if len(cleaned) >= MINIMUM_QUERY else None


def search_catalog(query: str, limit: int = 100) -> tuple[HubModel, ...]:
    """Curated models that hold every word of the query, smallest first."""
    found = catalog.search_models(clean(query, LONGEST_QUERY))
    return tuple(listed(entry) for entry in found[:limit])


def search_hub(question: Question, query: str, limit: int) -> HubAnswer:
    """Text-generation models whose id holds the query, most downloaded first.

    Raises:
        HubFault: where the Hub gives no answer that can be read.
    """
    params: dict[str, str | list[str]] = {
        "search": query,
        "filter": TASK,
        "sort": "downloads",
        "limit": str(limit),
        "expand": list(FIELDS),
    }
    try:
        items = question.json("/api/models", params)
    except (Missing, Gated):
        raise HubFault("The Hub refuses the search") from None
    if not isinstance(items, list):
        raise HubFault(UNREADABLE)
    shown = [item for item in items[:limit] if not (isinstance(item, dict) and _other_task(item))]
    found = [model for item in shown if (model := _read_item(item))]
    if shown and not found:
        raise HubFault(UNREADABLE)
    return HubAnswer(tuple(found))


def model_on_hub(question: Question, model_id: str) -> HubAnswer:
    """One model with its architecture, or with the reason why that is unknown.

    A private repository is shown by a person's own token alone: whether there is one is asked without the server's.

    Raises:
        HubFault: where the Hub gives no answer that can be read.
    """
    try:
        item = question.json(f"/api/models/{model_id}", {"expand": list(FIELDS)})
    except Gated:
        return HubAnswer((HubModel(id=model_id, gated=True, reason=ASK_FIRST),))
    except Missing:
        return HubAnswer((HubModel(id=model_id, reason="the Hub has no such model, or it is private"),))
    found = _read_item(item)
    if found is None:
        raise HubFault(UNREADABLE)
    return HubAnswer((_with_architecture(question, found, item),))


def _with_architecture(question: Question, found: HubModel, item: object) -> HubModel:
    try:
        config = _config(question, found.id)
    except Gated:
        return replace(found, gated=True, reason=ASK_FIRST)
    except Missing:
        return replace(found, reason="it has no public config.json, so its architecture is unknown")
    if not isinstance(config, dict):
        return replace(found, reason="its config.json cannot be read")
    count, packed = _safetensors(item)
    published = Published(
        parameters=count,
        quantized=packed or _packs(config),
        licence=found.licence,
        released=found.released,
        gated=found.gated,
        downloads=found.downloads,
        source="config.json and safetensors metadata on the Hub",
    )
    try:
        model = read_architecture(found.id, config, published)
    except InvalidConfig as error:
        return replace(found, reason=clean(str(error), 200))
    return replace(found, model=model, parameters=model.parameters)


def _packs(config: dict[object, object]) -> bool:
    """Whether weights are quantised so that several share a number; those in fp8 (DeepSeek) are counted one by one."""
    said = config.get("quantization_config")
    method = said.get("quant_method") if isinstance(said, dict) else None
    return said is not None and not (isinstance(method, str) and method in ONE_BY_ONE)


def _config(question: Question, model_id: str) -> object:
    path = f"/{model_id}/resolve/main/config.json"
    try:
        return question.json(path)
    except (Gated, Missing):
        if not question.has_more:
            raise
        return question.json(path, gated=True)


def is_model_id(text: object) -> bool:
    """Whether a text reads owner/name, in the letters that the Hub allows."""
    return isinstance(text, str) and bool(MODEL_ID.fullmatch(text)) and ".." not in text and "--" not in text


def curated_model(model_id: str) -> CatalogModel | None:
    """The catalog's own entry of exactly that id."""
    return next((entry for entry in catalog.models() if entry.id == model_id), None)


def listed(entry: CatalogModel) -> HubModel:
    """An entry of the catalog as if the Hub had listed it."""
    return HubModel(
        id=entry.id,
        parameters=entry.parameters,
        downloads=entry.downloads,
        licence=entry.licence,
        released=entry.released,
        gated=entry.gated_access,
        model=entry,
    )


def _other_task(item: dict[object, object]) -> bool:
    task = item.get("pipeline_tag")
    return (isinstance(task, str) and task != TASK) or item.get("disabled") is True


def _read_item(item: object) -> HubModel | None:
    """One entry of the Hub's list, or None where it is none."""
    if not isinstance(item, dict) or not is_model_id(model_id := item.get("id", item.get("modelId"))):
        return None
    created = item.get("createdAt")
    tags = item.get("tags")
    names = [tag for tag in tags[:200] if isinstance(tag, str)] if isinstance(tags, list) else []
    licence = next((tag.removeprefix("license:") for tag in names if tag.startswith("license:")), None)
    dated = isinstance(created, str) and re.match(r"\d{4}-\d\d-\d\d(?=T|$)", created, re.ASCII)
    return HubModel(
        id=str(model_id),
        parameters=_safetensors(item)[0],
        downloads=_counted(item.get("downloads")),
        likes=_counted(item.get("likes")),
        licence=clean(licence, 60) or None,
        released=str(created)[:10] if dated else None,
        gated=item.get("gated") in ("auto", "manual", True),
        model=curated_model(str(model_id)),
    )


def _counted(value: object) -> int | None:
    """A whole number of things, or None for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 10**13 else None


def _safetensors(item: object) -> tuple[int | None, bool]:
    """Parameters by the safetensors headers, and whether most are packed integers."""
    metadata = item.get("safetensors") if isinstance(item, dict) else None
    if not isinstance(metadata, dict):
        return None, False
    by_type = metadata.get("parameters")
    counts = (
        {str(kind): _counted(count) or 0 for kind, count in by_type.items()}
        if isinstance(by_type, dict)
        else {}
    )
    packed = sum(count for kind, count in counts.items() if kind in PACKED_TYPES)
    total = _counted(metadata.get("total")) or sum(counts.values())
    return total or None, 2 * packed > total > 0

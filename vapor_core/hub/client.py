"""What the Hugging Face Hub knows beyond the curated catalog: search, and one model's architecture.

What the Hub says comes from anybody: it is bounded, cleaned and checked before it becomes a value. Asking is
`request`'s work, reading a config.json `architecture`'s. A fault falls back to the curated catalog.
"""

import os
import re
import threading
import unicodedata
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from huggingface_hub import constants
from pydantic import SecretStr

from vapor_core import catalog
from vapor_core.contracts.entries import CatalogModel
from vapor_core.errors import InvalidConfig
from vapor_core.hub.architecture import Published, read_architecture
from vapor_core.hub.request import UNREADABLE, Gated, HubFault, Missing, Question, within

MODEL_ID = re.compile(r"[A-Za-z0-9_][\w.-]{0,95}/[A-Za-z0-9_][\w.-]{0,95}", re.ASCII)
MINIMUM_QUERY = 2
LONGEST_QUERY = 100
TASK = "text-generation"
FIELDS = ("createdAt", "disabled", "downloads", "gated", "likes", "pipeline_tag", "safetensors", "tags")
# Types of number that hold several quantised weights each.
PACKED_TYPES = {"I8", "U8", "I16", "U16", "I32", "U32", "I64", "U64", "F4"}
CURATED = "showing the curated catalog"
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
    return tuple(_listed(entry) for entry in found[:limit])


class HubClient:
    """Searches the Hub and reads architectures, with a bounded cache and a time limit.

    Nothing raises because of what the Hub does. `now` (seconds, any origin) is the caller's: without it nothing
    is cached, since an answer's age is unknown. One client serves many threads.

    Args:
        endpoint: the Hub's address; HF_ENDPOINT or huggingface.co where None.
        token: sent as a bearer header to `endpoint` and kept nowhere else.
        timeout_s: how long one call may take in all.
        offline: never ask the network; what HF_HUB_OFFLINE says where None.
        ttl_s: how long an answer stays fresh.
        cache_size: answers kept, least recently used first out.

    Raises:
        InvalidConfig: where endpoint or token cannot be used.
    """

    def __init__(
        self,
        endpoint: str | None = None,
        token: str | None = None,
        *,
        timeout_s: float = 4.0,
        offline: bool | None = None,
        ttl_s: float = 600.0,
        cache_size: int = 256,
    ) -> None:
        self.endpoint = (endpoint or os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")
        if not re.fullmatch(r"https?://[^\s/?#@]+[^\s?#@]*", self.endpoint):
            raise InvalidConfig({"endpoint": "the Hub's address must start with http:// or https://"})
        self._token = SecretStr((token or "").strip())
        if not re.fullmatch(r"[!-~]{0,500}", self._token.get_secret_value()):
            raise InvalidConfig({"token": "the Hub token has characters that no token has"})
        self.timeout_s = timeout_s
        self.offline = _set_offline() if offline is None else offline
        self.ttl_s = ttl_s
        self.cache_size = cache_size
        self._cache: OrderedDict[tuple[str, ...], tuple[float, HubAnswer]] = OrderedDict()
        self._rest: tuple[float, float, str] | None = None  # a fault: when, seconds of rest, notice
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        token = "set" if self._token.get_secret_value() else "none"
        return f"HubClient({self.endpoint!r}, token={token}, offline={self.offline})"

    def search(self, query: str, limit: int = 20, *, now: float | None = None) -> HubAnswer:
        """Text-generation models whose id holds the query, most downloaded first.

        A query shorter than two letters, and every fault, is answered from the curated catalog.
        """
        limit = min(max(limit, 1), 100)
        asked = searchable(query)
        if asked is None:
            return HubAnswer(search_catalog(query, limit), source="catalog")
        key = ("search", asked.lower(), str(limit))
        answer = self._answer(key, lambda question: _search(question, asked, limit), now)
        return replace(answer, models=search_catalog(asked, limit)) if answer.notice else answer

    def model(self, model_id: str, *, now: float | None = None) -> HubModel:
        """One model with its architecture; the curated catalog's own entry where it has one.

        Where the architecture cannot be had, `model` is None and `reason` says why.
        """
        curated = _curated(model_id)
        if curated is not None:
            return _listed(curated)
        if not _is_model_id(model_id):
            return HubModel(id=clean(model_id, 80), reason="a model id on the Hub reads owner/name")
        answer = self._answer(("model", model_id), lambda question: _model(question, model_id), now)
        reason = (answer.notice or "").removesuffix(f"; {CURATED}.")
        return answer.models[0] if answer.models else HubModel(id=model_id, reason=reason)

    def _answer(
        self, key: tuple[str, ...], ask: Callable[[Question], HubAnswer], now: float | None
    ) -> HubAnswer:
        if self.offline:
            return HubAnswer((), f"The Hub is switched off; {CURATED}.", "catalog")
        if now is not None and (kept := self._kept(key, now)):
            return kept
        try:
            question = Question(self.endpoint, self._token.get_secret_value(), self.timeout_s)
            answer = within(question, self.timeout_s, ask)
        except HubFault as fault:
            notice = f"{fault}; {CURATED}."
            if now is not None:
                with self._lock:
                    self._rest = (now, fault.rest_s, notice)
            return HubAnswer((), notice, "catalog")
        if now is not None:
            self._keep(key, now, answer)
        return answer

    def _kept(self, key: tuple[str, ...], now: float) -> HubAnswer | None:
        with self._lock:
            kept = self._cache.get(key)
            if kept and 0 <= now - kept[0] < self.ttl_s:
                self._cache.move_to_end(key)
                return kept[1]
            if self._rest and 0 <= now - self._rest[0] < self._rest[1]:
                return HubAnswer((), self._rest[2], "catalog")
        return None

    def _keep(self, key: tuple[str, ...], now: float, answer: HubAnswer) -> None:
        with self._lock:
            self._rest = None
            self._cache[key] = (now, answer)
            self._cache.move_to_end(key)
            while len(self._cache) > self.cache_size:
                self._cache.popitem(last=False)


def _set_offline() -> bool:
    wanted = os.environ.get("HF_HUB_OFFLINE", "").strip().upper()
    return wanted in {"1", "ON", "YES", "TRUE"} or constants.is_offline_mode()


def _search(question: Question, query: str, limit: int) -> HubAnswer:
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


def _model(question: Question, model_id: str) -> HubAnswer:
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
        config = question.json(f"/{found.id}/resolve/main/config.json")
    except Gated:
        return replace(found, gated=True, reason=ASK_FIRST)
    except Missing:
        return replace(found, reason="it has no public config.json, so its architecture is unknown")
    if not isinstance(config, dict):
        return replace(found, reason="its config.json cannot be read")
    count, packed = _safetensors(item)
    published = Published(
        parameters=count,
        quantized=packed or "quantization_config" in config,
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


def _is_model_id(text: object) -> bool:
    return isinstance(text, str) and bool(MODEL_ID.fullmatch(text)) and ".." not in text and "--" not in text


def _curated(model_id: str) -> CatalogModel | None:
    return next((entry for entry in catalog.models() if entry.id == model_id), None)


def _listed(entry: CatalogModel) -> HubModel:
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
    if not isinstance(item, dict) or not _is_model_id(model_id := item.get("id", item.get("modelId"))):
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
        model=_curated(str(model_id)),
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

"""Searches the Hub and asks it for one model, within a time limit, through a cache; a fault falls back to the catalog.

What the answers say is read by `listing`.
"""

import os
import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace

from huggingface_hub import constants
from pydantic import SecretStr

from vapor_core.errors import InvalidConfig
from vapor_core.hub.listing import (
    HubAnswer,
    HubModel,
    clean,
    curated_model,
    is_model_id,
    listed,
    model_on_hub,
    search_catalog,
    search_hub,
    searchable,
)
from vapor_core.hub.request import HubFault, Question, within

CURATED = "showing the curated catalog"


class HubClient:
    """Searches the Hub and reads architectures, with a bounded cache and a time limit.

    Nothing raises because of what the Hub does. `now` (seconds, any origin) is the caller's: without it nothing
    is cached, since an answer's age is unknown. One client serves many threads.

    Args:
        endpoint: the Hub's address; HF_ENDPOINT or huggingface.co where None.
        token: the server's own. It opens the files of gated models that everybody can find, and nothing else: all who
            use this client would see what it sees, so private repositories want a person's own token (see `search`).
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
        self._token = _checked(token)
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

    def search(
        self, query: str, limit: int = 20, *, now: float | None = None, token: str | None = None
    ) -> HubAnswer:
        """Text-generation models whose id holds the query, most downloaded first; public ones.

        `token` is a person's own: with it their private models are found too, and the answer is kept nowhere.
        A query shorter than two letters, and every fault, is answered from the curated catalog.

        Raises:
            InvalidConfig: where `token` cannot be one.
        """
        limit = min(max(limit, 1), 100)
        asked = searchable(query)
        if asked is None:
            return HubAnswer(search_catalog(query, limit), source="catalog")
        key = ("search", asked.lower(), str(limit))
        answer = self._answer(key, lambda question: search_hub(question, asked, limit), now, token)
        return replace(answer, models=search_catalog(asked, limit)) if answer.notice else answer

    def model(self, model_id: str, *, now: float | None = None, token: str | None = None) -> HubModel:
        """One model with its architecture; the curated catalog's own entry where it has one.

        Where the architecture cannot be had, `model` is None and `reason` says why. `token` as for `search`.

        Raises:
            InvalidConfig: where `token` cannot be one.
        """
        curated = curated_model(model_id)
        if curated is not None:
            return listed(curated)
        if not is_model_id(model_id):
            return HubModel(id=clean(model_id, 80), reason="a model id on the Hub reads owner/name")
        answer = self._answer(
            ("model", model_id), lambda question: model_on_hub(question, model_id), now, token
        )
        reason = (answer.notice or "").removesuffix(f"; {CURATED}.")
        return answer.models[0] if answer.models else HubModel(id=model_id, reason=reason)

    def _answer(
        self,
        key: tuple[str, ...],
        ask: Callable[[Question], HubAnswer],
        now: float | None,
        token: str | None,
    ) -> HubAnswer:
        own = _checked(token).get_secret_value()
        now = None if own else now  # what one person may see is kept for nobody
        if self.offline:
            return HubAnswer((), f"The Hub is switched off; {CURATED}.", "catalog")
        if now is not None and (kept := self._kept(key, now)):
            return kept
        try:
            question = Question(self.endpoint, own, self.timeout_s, self._token.get_secret_value())
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


def _checked(token: str | None) -> SecretStr:
    found = (token or "").strip()
    if not re.fullmatch(r"[!-~]{0,500}", found):
        raise InvalidConfig({"token": "the Hub token has characters that no token has"})
    return SecretStr(found)


def _set_offline() -> bool:
    wanted = os.environ.get("HF_HUB_OFFLINE", "").strip().upper()
    return wanted in {"1", "ON", "YES", "TRUE"} or bool(constants.HF_HUB_OFFLINE)

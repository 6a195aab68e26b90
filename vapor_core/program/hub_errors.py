"""Why the Hub gave no model or data, in one sentence that says what to do; libraries wrap that in pages of advice."""

from __future__ import annotations

import json
import os
from pathlib import Path

# What the errors of huggingface_hub, of the libraries on top and of their connections are called
GATED = frozenset({"GatedRepoError"})
MISSING = frozenset({"RepositoryNotFoundError", "DatasetNotFoundError", "RevisionNotFoundError"})
OFFLINE = frozenset({"OfflineModeIsEnabled", "LocalEntryNotFoundError"})
UNREACHED = frozenset({"ConnectError", "ConnectTimeout", "ReadTimeout", "ConnectionError", "ProxyError"})


def sentence(error: BaseException, name: str) -> str | None:
    """What an error says of `name` on the Hub; None where it is about something else."""
    called = {type(each).__name__ for each in _causes(error)}
    said = " ".join(str(each) for each in _causes(error)).lower()
    if called & GATED or "trying to access a gated repo" in said:
        return f"{name} is gated: accept its licence on its page, and give a token (HF_TOKEN) of that account"
    if called & MISSING or "is not a valid model identifier" in said:
        return f"the Hub shows no {name}: check the name; a private one needs a token (HF_TOKEN)"
    if not called & (OFFLINE | UNREACHED):
        return None
    if "OfflineModeIsEnabled" in called or os.environ.get("HF_HUB_OFFLINE", "0").lower() in (
        "1",
        "true",
        "yes",
        "on",
    ):
        return f"{name} is not on this machine, and the Hub is not asked here (HF_HUB_OFFLINE): unset that, or fetch it"
    return (
        f"{name} is not on this machine, and the Hub cannot be reached: see to the network and press Resume"
    )


def of_run(error: BaseException, folder: Path) -> str | None:
    """The same of whatever a run's spec takes from the Hub; None where it takes nothing, or failed otherwise."""
    try:
        spec = json.loads((folder / "spec.json").read_bytes())
        taken = [str(spec[each]["name"]) for each in ("model", "data") if spec[each]["source"] == "hub"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    said = " ".join(str(each) for each in _causes(error))
    named = next((name for name in taken if name in said), taken[0] if taken else None)
    return None if named is None else sentence(error, named)


def _causes(error: BaseException) -> list[BaseException]:
    """An error and what it came of, the last one first."""
    found: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in found:
        found.append(cause)
        cause = cause.__cause__ or cause.__context__
    return found

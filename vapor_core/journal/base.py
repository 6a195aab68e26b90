"""What every event of a journal is: frozen, versioned, with finite numbers and no unknown fields."""

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Event(BaseModel):
    """An action. When it happened stands beside it, in the journal's entry."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=())

    version: Literal[1] = 1

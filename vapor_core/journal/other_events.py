"""What every event is, and the events that hold words and numbers alone.

They are what was done to time and to ids, and those of the log that all workspaces share: who was let into whose, by
whom. An event is frozen and versioned, its numbers are finite, and it has no fields that nobody knows.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Event(BaseModel):
    """An action. When it happened stands beside it, in the journal's entry."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=())

    version: Literal[1] = 1


class SpeedSet(Event):
    """Simulated seconds a second of the caller's clock; 0 pauses the world."""

    kind: Literal["speed_set"] = "speed_set"
    speed: float


class TimeSkipped(Event):
    """The world went forward by itself, at one instant of the caller's clock."""

    kind: Literal["time_skipped"] = "time_skipped"
    seconds: float


class ClockCorrected(Event):
    """Whoever acts has a clock that is so many seconds behind the last event's, which was dated by a wrong one.

    From here on, events are dated by the caller's clock plus these seconds, until that clock reaches this event.
    """

    kind: Literal["clock_corrected"] = "clock_corrected"
    ahead_s: Annotated[float, Field(gt=0.0)]


class IdsReserved(Event):
    """Ids of jobs and deployments that are not given out again: what had them was damaged and is no longer here."""

    kind: Literal["ids_reserved"] = "ids_reserved"
    ids: tuple[str, ...]


WatchedFor = Literal[
    "not_a_number",
    "divergence",
    "plateau",
    "spike",
    "overfitting",
    "over_budget",
    "over_time",
    "slower_than_rehearsed",
    "no_heartbeat",
]


class RuleKept(Event):
    """Live jobs are watched for something; an earlier rule of that name gives way.

    `threshold` is dollars of `over_budget`, hours of `over_time`, percent of `slower_than_rehearsed`, minutes of
    `no_heartbeat`; the others have none.
    """

    kind: Literal["rule_kept"] = "rule_kept"
    name: Annotated[str, Field(min_length=1, max_length=200)]
    watched_for: WatchedFor
    threshold: Annotated[float, Field(ge=0.0, le=1e9)] | None = None
    jobs: Annotated[
        tuple[Annotated[str, Field(max_length=200)], ...], Field(max_length=1000)
    ] = ()  # all where empty
    stops: bool = False  # with a checkpoint
    webhook: Annotated[str, Field(max_length=2000)] = ""


class RuleForgotten(Event):
    """A rule watches no more."""

    kind: Literal["rule_forgotten"] = "rule_forgotten"
    name: Annotated[str, Field(min_length=1, max_length=200)]


class RuleFired(Event):
    """What a rule watches for came to pass with a job; it is told once."""

    kind: Literal["rule_fired"] = "rule_fired"
    name: Annotated[str, Field(min_length=1, max_length=200)]
    job_id: Annotated[str, Field(max_length=200)]
    step: Annotated[int, Field(ge=0)]
    sentence: Annotated[str, Field(max_length=1000)]


class RuleSeen(Event):
    """A person has seen what rules told of a job, and wants no banner about it any more."""

    kind: Literal["rule_seen"] = "rule_seen"
    job_id: Annotated[str, Field(max_length=200)]


Watching = RuleKept | RuleForgotten | RuleFired | RuleSeen
Role = Literal["viewer", "editor"]


class Invited(Event):
    """Whoever brings the token may join a workspace; only its digest is kept."""

    kind: Literal["invited"] = "invited"
    workspace: str
    digest: str
    role: Role
    by: str
    person: str = ""  # the id of who invites


class Joined(Event):
    """A person took an invitation."""

    kind: Literal["joined"] = "joined"
    digest: str
    person: str
    name: str


class Left(Event):
    """A person has a role in a workspace no more."""

    kind: Literal["left"] = "left"
    workspace: str
    person: str


class Withdrawn(Event):
    """An invitation that nobody has taken grants nothing any more."""

    kind: Literal["withdrawn"] = "withdrawn"
    workspace: str
    digest: str


class RoleSet(Event):
    """A person who is in a workspace may do more or less in it from now on."""

    kind: Literal["role_set"] = "role_set"
    workspace: str
    person: str
    role: Role


class TokenMade(Event):
    """Whoever brings the token may log runs into a workspace, in place of an earlier one; its digest is kept."""

    kind: Literal["token_made"] = "token_made"
    workspace: str
    digest: str


class TokenWithdrawn(Event):
    """Nobody may log runs into a workspace by a token any more."""

    kind: Literal["token_withdrawn"] = "token_withdrawn"
    workspace: str


Membership = Invited | Joined | Left | Withdrawn | RoleSet | TokenMade | TokenWithdrawn

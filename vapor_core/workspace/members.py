"""Who may see or change whose workspace: invitations, roles and members, kept in a log of their own in the journal.

An invitation is a token that only its bearer has; the journal keeps its digest. It is taken once, within a week. Who
people are is the sign-in's question.
"""

from dataclasses import dataclass
from hashlib import blake2b

from vapor_core.errors import InvalidLink, JournalError
from vapor_core.journal.events import Invited, Joined, Left, Membership, Role
from vapor_core.journal.journal import Journal, JournalConflict

LOG = "~members"  # a workspace's id never begins like this
VALID_S = 7 * 86_400.0
ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class Member:
    """A person with a role in somebody else's workspace."""

    workspace: str
    owner: str  # the name of who invited
    person: str
    name: str
    role: Role


class Members:
    """All memberships of a journal, as this process knows them."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._number = 0
        self._last = -1e12
        self._invited: dict[str, tuple[float, Invited]] = {}  # not yet taken
        self._members: dict[tuple[str, str], Member] = {}
        self.refresh()

    def refresh(self) -> None:
        """Take in what was decided elsewhere."""
        for entry in self._journal.read(LOG, self._number):
            self._number, self._last = entry.number, max(entry.at, self._last)
            if isinstance(entry.event, Invited):
                self._invited[entry.event.digest] = (entry.at, entry.event)
            elif isinstance(entry.event, Joined):
                _, invited = self._invited.pop(entry.event.digest, (0.0, None))
                if invited is not None:
                    key = (invited.workspace, entry.event.person)
                    self._members[key] = Member(
                        invited.workspace, invited.by, entry.event.person, entry.event.name, invited.role
                    )
            elif isinstance(entry.event, Left):
                self._members.pop((entry.event.workspace, entry.event.person), None)

    def invite(self, workspace: str, role: Role, token: str, *, by: str, now: float) -> None:
        """Let the bearer of a token join."""
        self._append(Invited(workspace=workspace, digest=_digest(token), role=role, by=by[:200]), now)

    def invitation(self, token: str, *, person: str, now: float) -> Invited:
        """What a token grants.

        Raises:
            InvalidLink: where it is unknown, taken already or too old, or leads to one's own workspace.
        """
        self.refresh()
        at, invited = self._invited.get(_digest(token), (0.0, None))
        if invited is None or now > at + VALID_S:
            raise InvalidLink("this invitation was taken already, is too old or none; ask for a new one")
        if invited.workspace == person:
            raise InvalidLink("this is an invitation to your own workspace; send it to somebody else")
        return invited

    def accept(self, token: str, *, person: str, name: str, now: float) -> Member:
        """Join by a token.

        Raises:
            InvalidLink: where it is unknown, taken already or too old, or leads to one's own workspace.
        """
        for _ in range(ATTEMPTS):
            invited = self.invitation(token, person=person, now=now)
            try:
                self._write(Joined(digest=invited.digest, person=person, name=name[:200]), now)
            except JournalConflict:
                continue
            return self._members[invited.workspace, person]
        raise JournalError("too many people act at once; try again in a moment")

    def remove(self, workspace: str, person: str, *, now: float) -> None:
        """Take a person's role away."""
        self._append(Left(workspace=workspace, person=person), now)

    def of(self, workspace: str) -> tuple[Member, ...]:
        """Who else is in a workspace."""
        return tuple(member for member in self._members.values() if member.workspace == workspace)

    def joined(self, person: str) -> tuple[Member, ...]:
        """A person's roles in the workspaces of others."""
        return tuple(member for member in self._members.values() if member.person == person)

    def role(self, workspace: str, person: str) -> Role | None:
        """What a person may do in somebody else's workspace: "viewer" looks, "editor" acts."""
        member = self._members.get((workspace, person))
        return None if member is None else member.role

    def _append(self, event: Membership, now: float) -> None:
        for _ in range(ATTEMPTS):
            self.refresh()
            try:
                self._write(event, now)
            except JournalConflict:
                continue
            return
        raise JournalError("too many people act at once; try again in a moment")

    def _write(self, event: Membership, now: float) -> None:
        self._journal.append(LOG, self._number, max(now, self._last), event)
        self.refresh()


def _digest(token: str) -> str:
    return blake2b(token.encode(), digest_size=24).hexdigest()

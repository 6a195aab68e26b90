"""Who may log runs into which workspace: a token each, of which the journal keeps the digest alone.

They stand in the log that all workspaces share, since a token comes without the workspace that it is for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vapor_core.errors import JournalError
from vapor_core.journal.events import SetAside
from vapor_core.journal.journal import JournalConflict
from vapor_core.journal.other_events import TokenMade, TokenWithdrawn
from vapor_core.workspace.members import ATTEMPTS, LOG, digest_of

if TYPE_CHECKING:
    from vapor_core.journal.journal import Journal


class TrackingTokens:
    """All tokens of a journal, as this process knows them. Threads may share it: what is known changes in one piece."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._known: tuple[int, dict[str, str]] = (0, {})  # number of the last entry, digest -> workspace

    def make(self, workspace: str, token: str, *, now: float) -> None:
        """Let whoever brings a token log into a workspace, in place of an earlier one."""
        self._append(TokenMade(workspace=workspace, digest=digest_of(token)), now)

    def revoke(self, workspace: str, *, now: float) -> None:
        """Let nobody log into a workspace by a token any more."""
        self._append(TokenWithdrawn(workspace=workspace), now)

    def workspace_of(self, token: str) -> str | None:
        """The workspace that a token is for; None where it is for none."""
        return self._refreshed()[1].get(digest_of(token))

    def has_one(self, workspace: str) -> bool:
        """Whether runs may be logged into a workspace by a token."""
        return workspace in self._refreshed()[1].values()

    def _refreshed(self) -> tuple[int, dict[str, str]]:
        """With what was decided elsewhere."""
        number, known = self._known
        for entry in self._journal.read(LOG, number):
            number, event = entry.number, entry.event
            if isinstance(event, TokenMade | TokenWithdrawn):
                known = {
                    digest: workspace for digest, workspace in known.items() if workspace != event.workspace
                }
            if isinstance(event, TokenMade):
                known[event.digest] = event.workspace
            elif isinstance(event, SetAside):  # it may have been a withdrawal
                known = {
                    digest: workspace for digest, workspace in known.items() if workspace not in event.body
                }
        self._known = (number, known)
        return self._known

    def _append(self, event: TokenMade | TokenWithdrawn, now: float) -> None:
        for _ in range(ATTEMPTS):
            number, _known = self._refreshed()
            try:
                self._journal.append(LOG, number, now, event)
            except JournalConflict:
                continue
            return
        raise JournalError("too many people act at once; try again in a moment")

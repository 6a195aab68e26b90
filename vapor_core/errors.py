"""What can go wrong, drawn as a tree.

VaporError
├── InvalidConfig            a value that a person gave is wrong; one sentence a field
│   └── NotInCatalog         an id that no catalog entry has; names the nearest
├── InvalidUpload            a person's own data cannot be read; names the line
│   └── UnknownColumns       it can, once a person says which column is which; lists them
├── InvalidLink              a shared link that is malformed, oversized, tampered with or too new
├── ForbiddenTransition      the life cycle does not allow it; names both states and what is allowed
├── NotFound                 no such job or deployment in this workspace
├── BackendRefused           the backend will not take the job; says why and what it would take
├── NotPassedOn              it is recorded, but the backend could not be told; says what would help
├── HubUnavailable           the Hub is offline, slow, limiting, failing or answers nonsense
└── JournalError             the journal cannot be opened, read or written
    └── JournalFull          the disk has no room; nothing was recorded

Every message is one sentence a person can act on: what was asked, what is true, what would work.
"""

from collections.abc import Mapping


class VaporError(Exception):
    """The root of everything that Vapor raises on purpose; `str(error)` is fit for a screen."""


class InvalidConfig(VaporError):
    """Values that a configuration refuses.

    Attributes:
        problems: field name -> one clear sentence about it. The field is "" for what concerns several.
    """

    def __init__(self, problems: Mapping[str, str] | str) -> None:
        self.problems: dict[str, str] = {"": problems} if isinstance(problems, str) else dict(problems)
        super().__init__("; ".join(self.problems.values()))


class NotInCatalog(InvalidConfig):
    """An id that no entry of the catalog has."""


class InvalidUpload(VaporError, ValueError):
    """A person's file that cannot be used.

    Attributes:
        line: the first line at fault, counted from 1, or None where the whole file is.
    """

    def __init__(self, message: str, line: int | None = None) -> None:
        self.line = line
        super().__init__(message)


class UnknownColumns(InvalidUpload):
    """A file whose columns say nothing that Vapor knows; a person can choose among them.

    Attributes:
        columns: the file's columns that could be meant, in its order -> their first values, as text.
    """

    def __init__(self, message: str, columns: Mapping[str, tuple[str, ...]], line: int | None = None) -> None:
        self.columns: dict[str, tuple[str, ...]] = dict(columns)
        super().__init__(message, line)


class InvalidLink(VaporError):
    """A shared link that cannot be trusted or read; nothing was opened."""


class ForbiddenTransition(VaporError):
    """A change of state that the life cycle does not allow."""


class NotFound(VaporError, KeyError):
    """No job or deployment of that id in this workspace."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class BackendRefused(VaporError):
    """The backend will not take this job; the workspace is as it was."""


class NotPassedOn(VaporError):
    """What a person wants is recorded, and its backend could not be told: the same again works once it can."""


class HubUnavailable(VaporError):
    """The Hub gave no usable answer; the curated catalog still does."""


class JournalError(VaporError):
    """The journal cannot be opened, read or written; nothing was half done."""


class JournalFull(JournalError):
    """The disk has no room for another event; the action did not happen."""

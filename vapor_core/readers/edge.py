"""What becomes of a file that no reader foresaw: one sentence for whoever brought it, and the whole story in the log.

A reader says what is wrong with a file as exactly as it can. This is for what is left: a kind of damage that nobody
thought of is the file's fault to the person and the reader's to us, so it is logged with its traceback. A test in which
that happens fails (see tests/conftest.py), unless it is about this edge.
"""

import logging
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, Protocol, TypeVar

from vapor_core.errors import VaporError

P = ParamSpec("P")
T = TypeVar("T")
LOG = logging.getLogger(__name__)
UNFORESEEN = "it holds something that Vapor does not expect"


class Edge(Protocol):
    """Leaves a reader's arguments and answer as they are."""

    def __call__(self, read: Callable[P, T], /) -> Callable[P, T]:
        """The reader with its edge."""


def one_sentence(kind: Callable[[str], VaporError], what: str) -> Edge:
    """A reader that raises nothing but a VaporError, whatever it is given.

    Args:
        kind: of error.
        what: begins the sentence: "the log", "the link".
    """

    def decorated(read: Callable[P, T]) -> Callable[P, T]:
        @wraps(read)
        def edge(*args: P.args, **kwargs: P.kwargs) -> T:
            try:
                return read(*args, **kwargs)
            except VaporError:
                raise
            except Exception:  # whatever it is, nobody sees a traceback because of what they brought
                LOG.exception("%s could not be read", what)
            raise kind(f"{what} cannot be read: {UNFORESEEN}; look at it in an editor, or export it anew")

        return edge

    return decorated

"""How far a journal's file was written, told by a small file beside it: so that a lost end is noticed.

A digest covers what came before, so it cannot tell that the last events are gone, as they are when the write-ahead log
is damaged or was not copied with its file. A line here says how far a workspace was once an event was safely recorded.
It may lag behind, and a torn or damaged line says nothing: it never raises a false alarm.
"""

from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

ENDING = "-seen"
LONGEST = 20  # lines a workspace; a longer file is written anew when it is opened


class Witness:
    """The file beside a journal's file.

    Args:
        path: of the journal.
        keeps: whether it may be written.
    """

    def __init__(self, path: Path, keeps: bool) -> None:
        self._path = path.with_name(path.name + ENDING)
        self._keeps = keeps
        self._last: dict[str, int] = {}
        self._read()

    def __bool__(self) -> bool:
        """Whether anything was ever recorded."""
        return bool(self._last)

    def number(self, *names: str) -> int:
        """Of the last event that was recorded in a workspace, or the last block of points of its job."""
        return self._last.get(_key(names), 0)

    def tell(self, number: int, *names: str) -> None:
        """Something was recorded."""
        key = _key(names)
        self._last[key] = number
        if self._keeps:
            with suppress(OSError), self._path.open("a", encoding="ascii") as file:
                file.write(_line(key, number))

    def forget(self) -> None:
        """The journal is a new one."""
        self._last.clear()
        with suppress(OSError):
            self._path.unlink()

    def _read(self) -> None:
        try:
            lines = self._path.read_bytes().split(b"\n")
        except OSError:
            return
        for line in lines:
            words = line.decode("ascii", "replace").split(" ")
            if len(words) == 3 and words[1].isdecimal() and words[1].isascii():
                key, number = words[0], int(words[1])
                if _line(key, number).encode("utf-8", "replace") == line + b"\n":
                    self._last[key] = number
        if self._keeps and len(lines) > LONGEST * (len(self._last) + 10):
            self._write_anew()

    def _write_anew(self) -> None:
        new = self._path.with_name(self._path.name + ".new")
        with suppress(OSError):
            text = "".join(_line(key, number) for key, number in self._last.items())
            new.write_text(text, encoding="ascii")
            new.replace(self._path)


def _key(names: tuple[str, ...]) -> str:
    text = "\n".join(names).encode("utf-8", "surrogateescape")
    return blake2b(text, digest_size=12).hexdigest()


def _line(key: str, number: int) -> str:
    said = f"{key} {number}"
    check = blake2b(said.encode("utf-8", "surrogateescape"), digest_size=6).hexdigest()
    return f"{said} {check}\n"

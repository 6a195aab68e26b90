"""A PostgreSQL server of the tests' own: started from Debian's package in a folder that is thrown away.

It listens on loopback alone, trusts whoever asks there, and writes without syncing, since nothing of it is kept.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import sleep
from uuid import uuid4

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

NONE_HERE = "no PostgreSQL server: Debian's package postgresql is not installed and cannot be had"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "16MB",
    "max_connections": "60",
    "logging_collector": "off",
}


def programs() -> Path | None:
    """The folder of the newest server's programs, None where there is none."""
    folders = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    on_path = shutil.which("initdb")
    folders += [Path(on_path).parent] if on_path else []
    return max(folders, key=lambda folder: folder.parent.name, default=None)


def _someone() -> dict[str, int | list[int]]:
    """Whom a server may run as: anyone but root."""
    if os.getuid() != 0:
        return {}
    try:
        user = pwd.getpwnam("postgres")
    except KeyError:
        user = pwd.getpwnam("nobody")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _at_work_in(folder: Path) -> list[int]:
    """Processes whose working directory is a folder, as that of a server's are."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cwd"):
        with suppress(OSError):
            if place.readlink() == folder:
                found.append(int(place.parent.name))
    return found


class PostgresServer:
    """A server that can be stopped and started again on its port."""

    def __init__(self, folder: Path, bin_folder: Path) -> None:
        self._folder, self._bin, self._as = folder, bin_folder, _someone()
        self.port = free_port()
        self._run(
            "initdb", "-D", str(folder / "data"), "-U", "vapor", "-A", "trust", "--no-sync", "-E", "UTF8"
        )
        lines = [f"{name} = '{value}'" for name, value in SETTINGS.items()]
        lines += [f"port = {self.port}", f"unix_socket_directories = '{folder}'"]
        with (folder / "data" / "postgresql.conf").open("a") as settings:
            settings.write("\n".join(["", *lines, ""]))

    @property
    def url(self) -> str:
        return f"postgresql://vapor@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        log = str(self._folder / "log")
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-l", log, "-w", "-t", "60", "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-m", "immediate", "-w", "stop")

    def kill(self) -> None:
        """End it as a power cut would: every process of it at once, with nothing written any more."""
        while own := _at_work_in(self._folder / "data"):
            for pid in own:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            sleep(0.01)
        # Where nobody reaps the dead, the next server would take its predecessor for alive.
        for left in (self._folder / "data" / "postmaster.pid", self._folder / f".s.PGSQL.{self.port}.lock"):
            left.unlink(missing_ok=True)

    def database(self) -> str:
        """The URL of a new, empty database."""
        name = f"vapor_{uuid4().hex[:12]}"
        engine = create_engine(
            make_url(self.url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT"
        )
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return self.url.removesuffix("postgres") + name

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(  # noqa: S603 - the server's own programs
            [str(self._bin / program), *arguments],
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE if program == "initdb" else subprocess.DEVNULL,
            check=False,
            **self._as,
        )
        if done.returncode:
            said = (done.stderr or b"").decode(errors="replace").strip()
            raise RuntimeError(f"{program} ended with {done.returncode}: {said[-500:]}")


@contextmanager
def running_server() -> Iterator[PostgresServer]:
    """A server from its start until the block ends.

    Raises:
        LookupError: where no package of it is here.
    """
    bin_folder = programs()
    if bin_folder is None:
        raise LookupError(NONE_HERE)
    folder = Path(tempfile.mkdtemp(prefix="vapor-postgres-"))
    try:
        if owner := _someone():
            os.chown(folder, owner["user"], owner["group"])
        server = PostgresServer(folder, bin_folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)

"""An environment of their own for what Vapor is measured against: trackio, MLflow and TensorBoard."""

import os
import subprocess
import sys
import venv
from pathlib import Path

HOME = Path(__file__).parents[1] / ".venv-peers"
NAMES = ("trackio", "mlflow", "tensorboard")


def python() -> str | None:
    """The interpreter of the environment, made at the first call; None where nothing can be installed."""
    given = os.environ.get("VAPOR_PEERS_PYTHON")
    if given:
        return given
    found = HOME / "bin" / "python"
    stamp = HOME / "installed"
    if not stamp.exists():
        print("Installing trackio, MLflow and TensorBoard into .venv-peers ...", file=sys.stderr)
        venv.create(HOME, with_pip=True)
        command = [str(found), "-m", "pip", "install", "--quiet", *NAMES]
        done = subprocess.run(command, check=False, capture_output=True)  # noqa: S603 - our own command
        if done.returncode:
            return None
        stamp.write_text("\n".join(NAMES))
    return str(found)


def versions() -> dict[str, str]:
    """Of those that are installed."""
    interpreter = python()
    if interpreter is None:
        return {}
    code = (
        "import importlib.metadata as m\n"
        f"for n in {NAMES!r}:\n"
        "    try: print(n, m.version(n))\n"
        "    except m.PackageNotFoundError: pass\n"
    )
    told = subprocess.run([interpreter, "-c", code], check=True, capture_output=True, text=True)  # noqa: S603
    return dict(line.split() for line in told.stdout.splitlines())

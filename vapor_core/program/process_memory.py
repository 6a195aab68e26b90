"""The memory that this process has held at most, since it began or since its peak was forgotten."""

from __future__ import annotations

import resource
import sys
from contextlib import suppress
from pathlib import Path

GB = 1e9


def peak_gb() -> float:
    """The most resident memory, GB."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
        return peak * 1024 / GB
    except (OSError, StopIteration, ValueError):  # no Linux
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak * (1 if sys.platform == "darwin" else 1024) / GB


def forget_peak() -> None:
    """Begin the peak anew, where the system can; elsewhere it stays that of the whole process."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")

"""This process: the memory that it has held at most, since it began or since its peak was forgotten, and its age."""

from __future__ import annotations

import os
import resource
import sys
import time
from contextlib import suppress
from pathlib import Path

GB = 1e9
OLDEST_S = 3600.0  # a container whose clock began at another time tells nonsense


def peak_gb() -> float:
    """The most resident memory, GB."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
        return peak * 1024 / GB
    except (OSError, StopIteration, ValueError):  # no Linux
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak * (1 if sys.platform == "darwin" else 1024) / GB


def age_s() -> float:
    """Seconds since this process began, imports included; 0 where the system does not say."""
    try:
        told = Path("/proc/self/stat").read_text(encoding="ascii", errors="replace")
        ticks = int(
            told.rpartition(")")[2].split()[19]
        )  # the 22nd field; the second may hold anything in brackets
        since_boot = time.clock_gettime(time.CLOCK_BOOTTIME)
        age = since_boot - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):  # no Linux
        return 0.0
    return age if 0 <= age < OLDEST_S else 0.0


def forget_peak() -> None:
    """Begin the peak anew, where the system can; elsewhere it stays that of the whole process."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")

"""What a cluster last said of its jobs, remembered: a page asks here and waits for nobody.

While somebody asks, a thread looks again every few seconds; it ends by itself once nobody has asked for a while.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from vapor_core.backends.ray import place
from vapor_core.backends.ray.api import ClusterFault, RayJob
from vapor_core.errors import BackendRefused

LOOK_S = 2.0  # between two looks
ASKED_S = 15.0  # since the last question, after which nobody is there


@dataclass(slots=True)
class View:
    """One process's view of the cluster."""

    jobs: dict[str, RayJob] = field(default_factory=dict)
    trouble: str = ""  # why it could not be looked at
    looked_at: float = 0.0  # by a clock that nobody sets; 0 before the first look
    _asked_at: float = 0.0
    _thread: threading.Thread | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, ray_id: str) -> RayJob | None:
        """What was last heard of a job; None where nothing was."""
        self._asked_at = time.monotonic()
        if self._thread is None or not self._thread.is_alive():
            with self._lock:
                if self._thread is None or not self._thread.is_alive():
                    self._thread = threading.Thread(target=self._work, name="ray", daemon=True)
                    self._thread.start()
        return self.jobs.get(ray_id)

    def look(self) -> None:
        """Ask the cluster now."""
        try:
            cluster = place.cluster()
            self.jobs = {} if cluster is None else cluster.jobs()
            self.trouble = ""
        except (ClusterFault, BackendRefused) as fault:
            self.trouble = str(fault)
        self.looked_at = time.monotonic()

    def _work(self) -> None:
        while time.monotonic() - self._asked_at < ASKED_S:
            self.look()
            threading.Event().wait(LOOK_S)


VIEW = View()

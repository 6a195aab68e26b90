"""Long-lived objects taken out of the garbage collector's sight.

Streamlit collects garbage after every run, a live tick included, and a collection looks at every object that lives:
modules, chart designs, a workspace's jobs. Measured: more than half of a tick. So what lives when a page first ticks
is set aside. Objects set aside that refer to each other and are needed no more are freed at every `WHOLE`-th time,
when everything is looked at again.
"""

import gc
from itertools import count

from vapor_ui.shell import state

WHOLE = 20
_times = count(1)


def settle(page: str) -> None:
    """Set aside what lives, once for each page of a session; call it from a tick, when everything is loaded."""
    settled = state.drawn().settled
    if page in settled:
        return
    settled.add(page)
    if next(_times) % WHOLE == 0:
        gc.unfreeze()
    gc.collect()
    gc.freeze()

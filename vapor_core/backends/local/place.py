"""This machine as the seam asks about it: measured, with its models, the data kept on it, and the line of who waits."""

from vapor_core.backends.local import line, machine, own_data, own_models


class LocalPlace:
    """What is asked of this machine, and which module answers."""

    measured = staticmethod(machine.remembered)
    measure = staticmethod(machine.measured_anew)
    price = staticmethod(machine.priced)
    models = staticmethod(own_models.offered)
    keep_data = staticmethod(own_data.keep)
    ahead = staticmethod(line.ahead)
    run_next = staticmethod(line.run_next)

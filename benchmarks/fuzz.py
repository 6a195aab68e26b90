"""50,000 hostile configurations, files, links, worlds and query strings, each within a second and 500 MB.

`python -m benchmarks.fuzz [--examples 50000]`: the tests of `tests/hostile` with as many examples in all.
"""

import argparse
import os
import re
import subprocess
import sys
from time import perf_counter

from benchmarks.endurance import Ordeal, record

EXAMPLES = 50_000  # fewer are a try and not recorded
COUNT = re.compile(r"(\d+) (passed|failed|errors?)\b")


def main() -> int:
    """Print what pytest prints; its exit status."""
    asked = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    asked.add_argument("--examples", type=int, default=EXAMPLES)
    options = asked.parse_args()
    began, last = perf_counter(), ""
    command = [sys.executable, "-m", "pytest", "-q", "-n", "auto", "tests/hostile"]
    environment = {**os.environ, "VAPOR_EXAMPLES": str(options.examples)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as pytest:  # noqa: S603 - our own
        for line in pytest.stdout or ():
            print(line, end="", flush=True)
            last = line if COUNT.search(line) else last
    counts = {kind.rstrip("s"): int(count) for count, kind in COUNT.findall(last)}
    bad = counts.get("failed", 0) + counts.get("error", 0)
    if options.examples >= EXAMPLES:
        found = (
            f"{options.examples:,} examples in {(perf_counter() - began) / 60:.0f} minutes over "
            f"{counts.get('passed', 0) + bad} kinds of attack: {bad} failed"
        )
        what = "Hostile configurations, files, links, worlds, keys and query strings"
        target = "0 failed: none over a second, none above 500 MB, no traceback"
        record(Ordeal("fuzz", what, "make fuzz", found, target, pytest.returncode == 0))
    return pytest.returncode


if __name__ == "__main__":
    sys.exit(main())

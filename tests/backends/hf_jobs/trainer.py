"""Stands in for Python in a job: it trains nothing, and tells its steps aloud as the script that it is given does.

That script is read: its spec says how many steps, and that it parses. VAPOR_TEST_STEP_S: how long one takes;
VAPOR_TEST_FAILS: at which it raises. What it keeps is told as kept where VAPOR_REPOSITORY names where.
"""

import ast
import json
import os
import signal
import sys
import time
from pathlib import Path


def main(script, folder):
    tree = ast.parse(Path(script).read_text(encoding="utf-8"))
    given = next(
        node for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "SPEC"
    )
    total = ast.literal_eval(given.value)["config"]["max_steps"]
    attempt = json.loads((Path(folder) / "attempt.json").read_text())["number"]
    keeps = os.environ.get("VAPOR_REPOSITORY")
    step_s, fails = (
        float(os.environ.get("VAPOR_TEST_STEP_S", "0.005")),
        int(os.environ.get("VAPOR_TEST_FAILS", "-1")),
    )
    number, began, asked = 0, time.monotonic(), []
    signal.signal(signal.SIGTERM, lambda *_: asked.append(1))

    def tell(event, **more):
        nonlocal number
        number += 1
        line = {
            "event": event,
            "attempt": attempt,
            "at": time.time(),
            "elapsed_s": time.monotonic() - began,
            **more,
        }
        sys.stdout.write(f"\nvapor-event {attempt} {number} {json.dumps(line)}\n")
        sys.stdout.flush()

    first = int(os.environ.get("VAPOR_TEST_FIRST", "5")) if attempt > 1 and keeps else 0
    sys.stdout.write(f"installing, attempt {attempt}\n")
    tell("start", step=first, total_steps=total)
    for step in range(first + 1, total + 1):
        if asked:
            tell("end", step=step, reason="stopped")
            return 0
        time.sleep(step_s)
        if step == fails:
            tell("end", step=step, reason="failed", message="ValueError: the data ran out")
            return 1
        tell("log", step=step, loss=3.0 / step, learning_rate=1e-4, tokens=step * 64.0, step_time_s=step_s)
        if step % 5 == 0:
            tell("eval", step=step, eval_loss=3.1 / step)
            tell("checkpoint", step=step)
            if keeps:
                tell("kept", step=step, what="checkpoint")
    tell("end", step=total, reason="completed")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))

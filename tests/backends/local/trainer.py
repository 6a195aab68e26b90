"""A trainer that trains nothing: it counts steps, tells them as a real one does, saves, and ends when it is asked to.

Its spec's `max_steps` says how many; VAPOR_TEST_STEP_S how long one takes; VAPOR_TEST_FAILS at which step it raises;
VAPOR_TEST_CLOCK_BACK after how many steps the clock goes back an hour; VAPOR_TEST_SAVES the bytes of a checkpoint.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

EVERY = 5  # steps between checkpoints


def main(folder):
    run = Path(folder)
    spec = json.loads((run / "spec.json").read_text())
    total = spec["config"]["max_steps"]
    attempt = json.loads((run / "attempt.json").read_text())["number"]
    saved = run / "checkpoints" / "step.json"
    step = json.loads(saved.read_text()) if saved.exists() else 0
    asked = []
    signal.signal(signal.SIGTERM, lambda *_: asked.append("stop"))
    began = time.monotonic()
    step_s, fails = (
        float(os.environ.get("VAPOR_TEST_STEP_S", "0.02")),
        int(os.environ.get("VAPOR_TEST_FAILS", "-1")),
    )
    back, saves = (
        int(os.environ.get("VAPOR_TEST_CLOCK_BACK", "-1")),
        int(os.environ.get("VAPOR_TEST_SAVES", "0")),
    )
    with (run / "metrics.jsonl").open("ab") as out:

        def tell(event, **more):
            at = time.time() - (3600 if 0 <= back <= step else 0)
            line = {"event": event, "attempt": attempt, "at": at, **more}
            out.write(json.dumps(line).encode() + b"\n")
            out.flush()

        def save():
            saved.parent.mkdir(exist_ok=True)
            draft = saved.with_suffix(".draft")
            draft.write_text(str(step))
            if saves:
                (saved.parent / f"weights-{step}").write_bytes(bytes(saves))
            draft.replace(saved)
            tell("checkpoint", step=step)

        if out.tell():
            out.write(b"\n")
        tell("start", step=step, total_steps=total)
        sys.stdout.write(f"attempt {attempt} from step {step}\n")
        while step < total:
            if asked or (run / "stop").exists():
                save()
                tell("end", step=step, reason="stopped")
                return
            time.sleep(step_s)
            step += 1
            if step == fails:
                sys.stdout.write("ValueError: the data ran out\n")
                tell("end", step=step, reason="failed", message="the data ran out")
                sys.exit(1)
            elapsed_s = time.monotonic() - began
            tell("log", step=step, loss=3.0 / step, learning_rate=1e-4, tokens=step * 64.0, step_time_s=step_s,
                 elapsed_s=elapsed_s, tokens_per_second=64 / step_s)  # fmt: skip
            if step % EVERY == 0:
                time.sleep(step_s)  # an evaluation takes its time
                tell("eval", step=step, eval_loss=3.1 / step, eval_code_loss=3.2 / step)
                save()
        save()
        tell("end", step=step, reason="completed")


if __name__ == "__main__":
    main(sys.argv[1])

"""Fit how a fine-tune's final loss follows its base model, to litgpt's Alpaca-2k table, and print the constants.

FLOOR, QUALITY and VOCABULARY of physics/loss/fine_tuning.py are fitted to the LoRA and QLoRA rows, with robust loss,
and held near what stands there now; the rest of that module (start, speed, memorisation, a kind's level) rests on
one or two logs each and is set by hand to the rows of finetune.py.

    python -m benchmarks.fidelity.fit_finetune
"""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from benchmarks.fidelity import number, table
from benchmarks.fidelity.finetune import litgpt_config
from vapor_core.physics.loss.curve import loss_curve
from vapor_core.physics.loss.fine_tuning import FLOOR, QUALITY, VOCABULARY, base_quality
from vapor_core.physics.plan import plan

Floats = NDArray[np.float64]


def main() -> None:
    """Print the constants, and the errors in-sample and leaving models out."""
    rows = [
        row for row in table("finetune_litgpt_a10g") if number(row["val_loss"]) and row["method"] != "full"
    ]
    plans = [plan(litgpt_config(row)) for row in rows]
    names = np.array([row["model"] for row in rows])
    measured = np.array([float(row["val_loss"]) for row in rows])
    quality = np.array([base_quality(asked.model) for asked in plans])
    vocabulary = np.log(np.clip([asked.model.vocabulary_size for asked in plans], 1000, 131_072) / 32_000)

    def level(x: Floats) -> Floats:
        return (x[0] + x[1] * quality) * np.exp(x[2] * vocabulary)

    start = np.array([FLOOR, QUALITY, VOCABULARY])
    rest = np.array([loss_curve(asked).final_eval for asked in plans]) / level(start)

    def error(x: Floats) -> Floats:
        return np.log(level(x) * rest / measured)

    def fit(kept: NDArray[np.bool_]) -> Floats:
        def residuals(x: Floats) -> Floats:
            return np.append(error(x)[kept] / 0.05, (x - start) / np.array([0.1, 0.3, 0.05]))

        return least_squares(residuals, start, loss="soft_l1").x

    whole = fit(np.ones(len(rows), bool))
    print("FLOOR, QUALITY, VOCABULARY", np.round(whole, 3).tolist())
    out = np.zeros(len(rows))
    for name in np.unique(names):
        out[names == name] = error(fit(names != name))[names == name]
    for said, errors in (("shipped", error(start)), ("in-sample", error(whole)), ("leaving models out", out)):
        size = 100 * np.abs(errors)
        print(
            f"{said}: median {np.median(size):.1f} %, p90 {np.quantile(size, 0.9):.1f} %, worst {size.max():.0f} %"
        )


if __name__ == "__main__":
    main()

"""Fit the constants of the pretraining laws to the published tables and print them, with errors left out.

Needs the folder with all tables (VAPOR_PUBLISHED_DATA) and the extra `fit`. What it prints is copied by hand into
physics/loss/stability.py, physics/loss/repeats.py and data/datasets.json, which name this script.

    python -m benchmarks.fidelity.fit_loss [basin | divergence | corpora | repeats]
"""

import sys
from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import least_squares, minimize

from benchmarks.fidelity import folder, table
from benchmarks.fidelity.loss import BOTTOMS, DIVERGED_ABOVE, ended, openlm_config, repeat_config, shaped
from vapor_core.physics.loss.pretraining import GENERAL, GENERAL_TOKENS, schedule_cost, shape
from vapor_core.physics.loss.repeats import MUENNIGHOFF
from vapor_core.physics.loss.schedule import grid
from vapor_core.physics.loss.stability import stability
from vapor_core.physics.plan import Plan, plan

Floats = NDArray[np.float64]


def read(name: str) -> pd.DataFrame:
    place = folder()
    if place is None:
        raise SystemExit("fit_loss needs the published tables: set VAPOR_PUBLISHED_DATA")
    return pd.read_csv(place / f"{name}.csv")


def told(errors: Iterable[float]) -> str:
    size = 100 * np.abs(np.fromiter(errors, float))
    return f"n {len(size)}, median {np.median(size):.2f} %, p90 {np.quantile(size, 0.9):.2f} %"


def left_out(frame: pd.DataFrame, groups: pd.Series, fit: Callable, error: Callable) -> Floats:
    """Errors of each group's rows by a fit on the others."""
    parts = [error(fit(frame[groups != group]), frame[groups == group]) for group in groups.unique()]
    return np.concatenate(parts)


def scheduled(asked: Plan) -> float:
    """What the schedule of a run costs by the multi-power law."""
    at, batch = grid(asked), asked.tokens_per_step / GENERAL_TOKENS
    return schedule_cost(GENERAL, at, batch, float(shape(GENERAL, at, batch)[-1]))


def settings_cost(asked: Plan) -> float:
    """Schedule, learning rate and batch together."""
    return scheduled(asked) + stability(asked, asked.transformer.body_parameters).penalty


def openlm_costs() -> list[float]:
    """Cost of the settings of each row of loss_final_openlm_scaling."""
    return [settings_cost(plan(openlm_config(row))) for row in table("loss_final_openlm_scaling")]


def power_law(theta: Floats, parameters: pd.Series, tokens: pd.Series) -> pd.Series:
    """E, ln A, alpha, ln B, beta, with N in 4e8 and D in 2e10."""
    e, a, alpha, b, beta = theta[:5]
    return e + np.exp(a) * (parameters / 4e8) ** -alpha + np.exp(b) * (tokens / 2e10) ** -beta


def law_constants(theta: Floats) -> str:
    e, a, alpha, b, beta = theta[:5]
    return (
        f"e {e:.4f}, a {np.exp(a) * 4e8**alpha:.2f}, alpha {alpha:.4f}, "
        f"b {np.exp(b) * 2e10**beta:.2f}, beta {beta:.4f}"
    )


def step_law_grid() -> pd.DataFrame:
    """Converged runs of the Step-Law grid, with their schedule's cost."""
    frame = read("loss_lr_batch_grid_steplaw")
    frame = frame[frame["final_loss"] <= DIVERGED_ABOVE].copy()
    model = shaped(1e9, 1024, 8, 16)
    runs = [
        ended(model, "step-law-corpus", *row[:3], warmup=2000, floor=row[3] / row[1])
        for row in frame[["D_tokens", "lr", "batch_seqs", "min_lr"]].itertuples(index=False)
    ]
    frame["schedule_cost"] = [scheduled(plan(run)) for run in runs]
    return frame


def basin() -> None:
    """Optimum and penalty of learning rate and batch, together with the grid's own corpus law."""
    frame = step_law_grid()
    start = np.array([
        1.39, -0.59, 0.27, -0.93, 0.23, -6.0, -0.52, 0.28, 12.9, 0.55, 0.54, 0.0097, 0.0437, 0.0128, 0.0165, 0.084,
    ])  # fmt: skip

    def error(x: Floats, d: pd.DataFrame) -> Floats:
        n, tokens = np.log(d["N_nonembedding"] / 4e8), np.log(d["D_tokens"] / 2e10)
        y = np.log(d["batch_tokens"]) - x[8] - x[9] * tokens
        small, large = np.minimum(y, 0), np.maximum(y, 0)
        u = np.log(d["lr"]) - x[5] - x[6] * n - x[7] * tokens - x[10] * small - x[15] * large
        cost = (
            x[11] * np.minimum(u, 0) ** 2
            + x[12] * np.maximum(u, 0) ** 2
            + x[13] * small**2
            + x[14] * large**2
        )
        loss = power_law(x, d["N_nonembedding"], d["D_tokens"]) + cost + d["schedule_cost"]
        return np.asarray(np.log(loss / d["smooth_loss"]))

    def fit(d: pd.DataFrame) -> Floats:
        def residuals(x: Floats) -> Floats:
            held = np.array(
                [(x[0] - 1.35) / 0.2, (x[2] - 0.213) / 0.1, (x[4] - 0.299) / 0.1, (x[6] + 0.6) / 0.1]
            )
            return np.append(100 * error(x, d), held)

        return least_squares(residuals, start, loss="soft_l1", f_scale=0.4, x_scale="jac").x

    whole = fit(frame)
    print("Step-Law corpus:", law_constants(whole))
    print("stability:", np.round(whole[5:], 4).tolist())
    print("in-sample", told(error(whole, frame)))
    print("leaving model sizes out", told(left_out(frame, frame["N_nonembedding"], fit, error)))


def divergence() -> None:
    """Logistic regression of divergence on rate, batch, parameters and tokens."""
    frame = read("loss_lr_batch_grid_steplaw")
    lost = (frame["final_loss"] > DIVERGED_ABOVE).to_numpy(float)
    scales = (("lr", 1e-3), ("batch_tokens", 5e5), ("N_nonembedding", 4e8), ("D_tokens", 2e10))
    design = np.column_stack([np.ones(len(frame)), *(np.log(frame[name] / unit) for name, unit in scales)])

    def fit(rows: NDArray[np.bool_]) -> Floats:
        def cost(x: Floats) -> float:
            odds = design[rows] @ x
            return float(np.sum(np.logaddexp(0, odds) - lost[rows] * odds) + 0.01 * np.sum(x[1:] ** 2))

        return minimize(cost, np.zeros(5), method="BFGS").x

    every = np.ones(len(frame), bool)
    print("logit: constant, rate, batch, parameters, tokens", np.round(fit(every), 3).tolist())
    size = frame["N_nonembedding"].to_numpy()
    called = np.zeros(len(frame), bool)
    for one in np.unique(size):
        called[size == one] = design[size == one] @ fit(size != one) > 0
    right, caught = np.mean(called == (lost > 0)), np.mean(called[lost > 0])
    print(f"leaving model sizes out: {right:.1%} right, recall {caught:.2f}")


def corpora() -> None:
    """Constants of RefinedWeb and RedPajama; those of C4 come with `repeats`."""
    frame = read("loss_final_openlm_scaling")
    frame["cost"] = openlm_costs()
    start = np.array([1.65, -0.5, 0.25, -1.0, 0.26])

    for corpus, column in (("rw_original", "paloma_refinedweb_loss"), ("rpj", "c4_val_loss")):
        mine = frame[frame["dataset"] == corpus]

        def error(x: Floats, d: pd.DataFrame, column: str = column) -> Floats:
            return np.asarray(np.log((power_law(x, d["params"], d["tokens"]) + d["cost"]) / d[column]))

        def fit(d: pd.DataFrame, error: Callable = error) -> Floats:
            def residuals(x: Floats) -> Floats:
                held = np.array([(x[0] - 1.65) / 0.15, (x[2] - 0.25) / 0.1, (x[4] - 0.27) / 0.1])
                return np.append(100 * error(x, d), held)

            return least_squares(residuals, start, loss="soft_l1").x

        whole = fit(mine)
        print(corpus, law_constants(whole), "in-sample", told(error(whole, mine)))
        print("leaving runs out", told(left_out(mine, pd.Series(mine.index, mine.index), fit, error)))


def repeats() -> None:
    """C4's constants, the worth of repeated text and overfitting, on open_lm's and datablations' runs together."""
    once = read("loss_final_openlm_scaling")
    once["cost"] = openlm_costs()
    once = once[once["dataset"] == "c4_original"]
    again = read("loss_final_datablations_repeat")
    again["cost"] = [
        settings_cost(plan(repeat_config(row.params, row.unique_tokens, row.epochs)))
        for row in again.itertuples()
    ]
    law = MUENNIGHOFF
    balance = (law.alpha * law.a / (law.beta * law.b)) ** (1 / (law.alpha + law.beta))
    lengths = np.geomspace(1.5, 1000, 300)
    start = np.array([
        1.73, np.log(0.73), 0.27, np.log(0.5), 0.26, np.log(15.4), np.log(5.3),
        np.log(60), 2.5, -1.5, np.log(1.2), np.log(1.5), np.log(1e9),
    ])  # fmt: skip
    spread = np.array([0.1, 1, 0.05, 1, 0.05, 0.25, 0.25, 1, 0.3, 0.3, 0.5, 0.3, 0.7])

    def decayed(unique: Floats, total: Floats, decay: float) -> Floats:
        return unique + unique * decay * (1 - np.exp(-(total / unique - 1) / decay))

    def loss(x: Floats, size: Floats, tokens: Floats, unique: Floats, heart: bool = True) -> Floats:
        unique = np.minimum(unique, tokens)
        base = np.minimum(size, unique * balance**2)
        worth = power_law(x, decayed(base, size, np.exp(x[6])), decayed(unique, tokens, np.exp(x[5])))
        onset = np.exp(x[7]) * (unique / (size / (1 + size / np.exp(x[12])))) ** x[8] * (unique / 1e9) ** x[9]
        over = np.exp(x[10]) * np.log1p(((tokens / unique - 1) / onset) ** np.exp(x[11]))
        return worth + over * heart

    def fresh_error(x: Floats, d: pd.DataFrame) -> Floats:
        seen = d["tokens"]
        return np.asarray(
            np.log((loss(x, d["params"], seen, seen, heart=False) + d["cost"]) / d["c4_val_loss"])
        )

    def error(x: Floats, d: pd.DataFrame) -> Floats:
        guess = loss(x, d["params"], d["tokens"], d["unique_tokens"]) + d["cost"]
        return np.asarray(np.log(guess / d["val_loss"]))

    def bottoms(x: Floats) -> Floats:
        """Log ratio of the epoch that ends lowest to the one observed."""
        off = []
        for size, unique, epoch in BOTTOMS:
            ends = loss(x, size, lengths * unique, np.full(len(lengths), unique))
            weight = np.exp(-(ends - ends.min()) / 0.004)
            off.append(np.sum(weight * np.log(lengths)) / np.sum(weight) - np.log(epoch))
        return np.array(off)

    def fit(d: pd.DataFrame) -> Floats:
        weight = np.sqrt(
            np.where(d["tokens"] >= 1.5e9, 1.0, 0.1)
        )  # shorter runs are not out of warm-up's reach

        def residuals(x: Floats) -> Floats:
            parts = (fresh_error(x, once) / 0.01, weight * error(x, d) / 0.02, (x - start) / spread)
            return np.concatenate([*parts, 8 * bottoms(x) / 0.25])

        return least_squares(residuals, start, loss="soft_l1", max_nfev=60).x

    whole = fit(again)
    print("C4:", law_constants(whole))
    print("decay of tokens, parameters:", np.round(np.exp(whole[5:7]), 3).tolist())
    print("onset, ratio, size, rise, power, enough:", np.round(
        [np.exp(whole[7]), whole[8], whole[9], *np.exp(whole[10:13])], 4).tolist())  # fmt: skip
    print("open_lm on C4, in-sample", told(fresh_error(whole, once)))
    print(
        "datablations, in-sample", told(error(whole, again)), "bottoms", np.round(np.exp(bottoms(whole)), 2)
    )
    folds = pd.Series(pd.factorize(again["params"])[0] % 8, again.index)
    print("leaving model sizes out, 8 folds", told(left_out(again, folds, fit, error)))


if __name__ == "__main__":
    known = {"basin": basin, "divergence": divergence, "corpora": corpora, "repeats": repeats}
    for name in sys.argv[1:] or known:
        known[name]()

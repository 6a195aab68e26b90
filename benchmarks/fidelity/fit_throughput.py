"""Fit the constants of physics.rates on published speeds of many trainers, and score them with each source left out.

`python -m benchmarks.fidelity.fit_throughput` prints the constants, and by source the errors of the shipped ones and of
those fitted on all other sources. Some 350 runs: llm-foundry, torchtitan, torchtune, PEFT, litgpt, LLaMA-Factory,
nanochat, and the reports of `reports.speed`. A source's runs count together as the root of their number (llm-foundry's,
which are the only ones of their trainer and are complete, as more), reports with gaps count less, and soft L1 on the
logarithm of the error forgives the few that contradict their neighbours. A weak pull to STARTS, which were set by hand
from kernels' counts and papers, settles what the runs leave open; it is the same in both.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from math import exp, inf, log

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from benchmarks.fidelity import Row, Target, throughput, tuning_speed
from benchmarks.fidelity.reports import speed
from benchmarks.fidelity.reports.speed import Speed
from vapor_core.physics.rates import DEFAULT, Constants
from vapor_core.physics.speed_range import bounds, kind_of
from vapor_core.physics.throughput import parts

LEFT_OUT = "training speed, each source left out"
TARGETS = (Target(LEFT_OUT, median=0.12, p90=0.35, fitted=False),)
# Where each constant starts, and the most that it can be
STARTS: Mapping[str, tuple[float, float]] = {
    "matrix_share": (0.95, 1.0),
    "fading": (0.05, inf),
    "foundry_attention": (0.53, 1.0),
    "element_bytes": (800.0, inf),
    "fused_share": (0.35, 1.0),
    "compiled_share": (0.75, 1.0),
    "logit_bytes": (28.0, inf),
    "launch_s": (1.3e-3, inf),
    "hook_launch": (5.0, inf),
    "overlap": (1.8, 2.5),
    "adapter_bytes": (15.0, inf),
    "unpack_bytes": (11.0, inf),
    "gptq_bytes": (25.0, inf),
    "exposed": (0.6, 1.0),
    "hop_s": (3.5e-6, inf),
    "tensor_exposed": (4.0, inf),
    "megatron_tensor": (1.5, inf),
    "context_loss": (0.25, inf),
}
PULL = 0.7  # residual for a factor e from the start, where a run of a source alone has 20 for a factor e
TOLERANCE = 0.05  # error from which a run's pull stops growing with its square
QUALITY = {"A": 1.0, "B": 0.5, "C": 0.2}
CROWD, FOUNDRY_CROWD = 0.35, 0.1  # power of a source's number of runs by which each of them counts less


def runs() -> list[Speed]:
    """Every published speed at hand."""
    return [*throughput.speeds(), *tuning_speed.speeds(), *speed.speeds()]


def errors(law: Constants, found: Sequence[Speed]) -> NDArray[np.float64]:
    """Log of predicted over measured tokens per second, for each run."""
    return np.array([log(predicted(each, law) / each.measured) for each in found])


def predicted(each: Speed, law: Constants) -> float:
    """Tokens per second of one card."""
    return each.plan.tokens_per_step / sum(parts(each.plan, law)) / each.plan.config.accelerator_count


def weights(found: Sequence[Speed]) -> NDArray[np.float64]:
    """How much each run counts."""
    crowds = Counter(each.group for each in found)
    powers = {throughput.FITTED_ON: FOUNDRY_CROWD}
    return np.array(
        [QUALITY[each.quality] * crowds[each.group] ** -powers.get(each.group, CROWD) for each in found]
    )


def fit(found: Sequence[Speed]) -> Constants:
    """The constants that meet the runs best."""
    start = np.array([log(value) for value, _ in STARTS.values()])
    most = np.array([log(value) for _, value in STARTS.values()])
    counted = weights(found)

    def residuals(logs: NDArray[np.float64]) -> NDArray[np.float64]:
        misses = counted * errors(constants(logs), found) / TOLERANCE
        return np.concatenate([misses, PULL * (logs - start)])

    solution = least_squares(residuals, start, bounds=(-np.inf, most), loss="soft_l1", max_nfev=60)
    return constants(solution.x)


def constants(logs: NDArray[np.float64]) -> Constants:
    """Constants from the logarithms of the fitted ones."""
    return replace(DEFAULT, **{name: exp(x) for name, x in zip(STARTS, logs, strict=True)})


def spread(logs: NDArray[np.float64]) -> str:
    """Number, median, 90th percentile and bias of relative errors."""
    absolute = np.abs(np.expm1(logs))
    return (
        f"{len(logs):4d} runs, median {np.median(absolute):6.1%}, p90 {np.quantile(absolute, 0.9):6.1%}, "
        f"bias x{exp(float(np.median(logs))):.2f}"
    )


def by_group(found: Sequence[Speed]) -> dict[str, list[Speed]]:
    """Runs by source."""
    groups: defaultdict[str, list[Speed]] = defaultdict(list)
    for each in found:
        groups[each.group].append(each)
    return dict(sorted(groups.items()))


@cache
def held_out() -> tuple[tuple[Speed, float], ...]:
    """Every run, with tokens per second of one card by constants fitted on all sources but its own.

    llm-foundry is the one source of its trainer, so that of it a model size is left out at a time.
    """
    found = runs()
    pairs: list[tuple[Speed, float]] = []
    for group, held in by_group(found).items():
        sizes = sorted({each.plan.model.id for each in held}) if group == throughput.FITTED_ON else [None]
        for size in sizes:
            out = [each for each in held if size in (None, each.plan.model.id)]
            law = fit([each for each in found if each not in out])
            pairs += [(each, predicted(each, law)) for each in out]
    return tuple(pairs)


def misses(pairs: Sequence[tuple[Speed, float]]) -> NDArray[np.float64]:
    """Log of predicted over measured."""
    return np.array([log(rate / each.measured) for each, rate in pairs])


def left_out() -> str:
    """Errors on each source by the constants of all others."""
    pairs = held_out()
    others = [pair for pair in pairs if pair[0].group != throughput.FITTED_ON]
    return f"each source left out: {spread(misses(others))}"


def rows() -> list[Row]:
    """Every run predicted by constants of other sources."""
    return [
        Row(
            LEFT_OUT,
            f"{each.name} [{each.quality}]",
            rate,
            each.measured,
            each.group,
            public=not each.group.startswith("hiyouga"),
        )
        for each, rate in held_out()
    ]


def quantile(errors: Sequence[float], counts: Sequence[float], q: float) -> float:
    """Quantile of errors that count differently."""
    order = np.argsort(errors)
    values, weigh = np.array(errors)[order], np.array(counts)[order]
    return float(np.interp(q, (np.cumsum(weigh) - weigh / 2) / weigh.sum(), values))


def ends(pairs: Sequence[tuple[Speed, float]]) -> tuple[float, float]:
    """Logs of measured over predicted between which the middle 80 % lie, sources by the root of their runs."""
    crowds = Counter(each.group for each, _ in pairs)
    counts = [crowds[each.group] ** -0.5 for each, _ in pairs]
    errors = list(-misses(pairs))
    return quantile(errors, counts, 0.1), quantile(errors, counts, 0.9)


def ranges() -> list[str]:
    """Bounds by kind, and the share of a source's runs that those of all other sources and the shipped ones hold."""
    kinds: defaultdict[str, list[tuple[Speed, float]]] = defaultdict(list)
    for each, rate in held_out():
        kinds[kind_of(each.plan)].append((each, rate))
    said = []
    for kind, pairs in kinds.items():
        low, high = ends(pairs)
        inside, shipped = [], []
        for group in {each.group for each, _ in pairs}:
            others = [pair for pair in pairs if pair[0].group != group]
            mine = [pair for pair in pairs if pair[0].group == group]
            if len(others) > 1:
                near, far = ends(others)
                inside += [near <= error <= far for error in -misses(mine)]
            for each, rate in mine:
                least, most = bounds(each.plan)
                shipped.append(least <= each.measured / rate <= most)
        held = f"{np.mean(inside):.0%}" if inside else "-"
        said.append(
            f"{kind:20s} {len(pairs):4d} runs: {exp(low):.2f} to {exp(high):.2f}; of other sources hold {held}; "
            f"shipped hold {np.mean(shipped):.0%}"
        )
    return said


def main() -> None:
    found = runs()
    law = fit(found)
    for name in STARTS:
        print(f"{name:18s} {getattr(law, name):.4g}   shipped {getattr(DEFAULT, name):.4g}")
    shipped = errors(DEFAULT, found)
    pairs = held_out()
    for group in by_group(found):
        print(f"{group:28s} shipped  {spread(shipped[[each.group == group for each in found]])}")
        held = [pair for pair in pairs if pair[0].group == group]
        print(f"{'':28s} left out {spread(misses(held))}")
    print(f"{'all':28s} shipped  {spread(shipped)}")
    print(f"{'all':28s} left out {spread(misses(pairs))}")
    print(left_out())
    print(*ranges(), sep="\n")


if __name__ == "__main__":
    main()

"""Pretraining losses: whole curves, final losses by corpus, learning rate and batch, divergence, repeated text."""

import csv
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import product
from math import ceil

import numpy as np
import pandas as pd

from benchmarks.fidelity import PUBLISHED, Row, Target, folder, number, table
from vapor_core import catalog
from vapor_core.calibration.fit import calibrate
from vapor_core.contracts.entries import CatalogModel, Dataset
from vapor_core.contracts.training import JobConfig
from vapor_core.physics.loss.curve import LossCurve, loss_curve
from vapor_core.physics.plan import plan

CURVES, FINAL, TUNING = "loss curve, calibrated", "final pretraining loss", "learning rate and batch size"
DIVERGED, REPEATED, BOTTOM = "divergence call", "loss on repeated data", "epoch of overfitting"
CAUGHT = "divergence caught"
TARGETS = (
    Target(CURVES, median=0.0025, p90=0.008),
    Target(FINAL, median=0.015, p90=0.05),
    Target(TUNING, median=0.0045),
    Target(DIVERGED, correct=0.95),
    Target(CAUGHT, correct=0.75),
    Target(REPEATED, median=0.03),
    Target(BOTTOM, factor=1.5),
)
OPENLM_CORPORA = {  # the table's name: catalog id and the validation loss that its law is of
    "c4_original": ("allenai/c4", "c4_val_loss"),
    "rw_original": ("tiiuae/falcon-refinedweb", "paloma_refinedweb_loss"),
    "rpj": ("togethercomputer/RedPajama-Data-1T", "c4_val_loss"),
}
DIVERGED_ABOVE = 3.5  # on the Step-Law grid converged runs end below 3.2, diverged ones above 4.2
SCHEDULES = (
    "cosine_24000", "cosine_72000", "constant_24000", "constant_72000", "wsd_20000_24000",
    "wsdcon_3", "wsdcon_9", "wsdcon_18", "wsdld_20000_24000",
)  # fmt: skip
WARMUP = 2160  # steps, of all multi-power curves
MPL, OPENLM, EPOCH = (
    "thu-yao-01-luo/MultiPowerLaw",
    "mlfoundations/scaling",
    "epoch-research/analyzing-chinchilla",
)
ABLATIONS, STEPLAW, NANOGPT = "huggingface/datablations", "step-law/steplaw", "KellerJordan/modded-nanogpt"
# Where held-out loss bottoms out, read off the same runs: parameters, unique tokens, epoch.
BOTTOMS = (
    (146.5e6, 1e8, 59), (220.5e6, 1e8, 39), (281e6, 1e8, 27), (421.2e6, 1e8, 22), (618.7e6, 1e8, 15),
    (421.2e6, 4e8, 60), (618.7e6, 4e8, 40), (1096.3e6, 1.5e9, 50), (1517.3e6, 1.5e9, 40),
)  # fmt: skip
# GPT-2 shaped models on FineWeb: name, parameters, layers, hidden, tokens, rate, schedule, decay share, loss
ANCHORS = (
    ("llm.c 124M", 124_439_808, 12, 768, 19560, 6e-4, "cosine", 0.1, 3.2722),
    ("modded-nanogpt 124M AdamW", 124_439_808, 12, 768, 9536, 1.8e-3, "wsd", 0.21, 3.276),
)


def rows() -> list[Row]:
    """Every published figure of this kind."""
    return [*curve_rows(), *final_rows(), *grid_rows(), *repeat_rows(), *bottom_rows()]


def shaped(
    parameters: float, hidden: float = 0, layers: float = 0, heads: float = 0, **more: int
) -> CatalogModel:
    """A model of so many parameters; where the table has no architecture, one of usual proportions."""
    hidden = hidden or max(64 * round((parameters / 12 / 24) ** 0.5 / 64), 64)
    layers = layers or max(round(parameters / 12 / hidden**2), 1)
    heads = heads or max(hidden // 64, 1)
    shape = {"intermediate_size": int(4 * hidden), "vocabulary_size": 50_304} | more
    return CatalogModel(
        id="published", parameters=int(parameters), layers=int(layers), hidden_size=int(hidden),
        attention_heads=int(heads), kv_heads=int(heads), **shape,
    )  # fmt: skip


@cache
def measured_curve(size: int, schedule: str) -> pd.DataFrame:
    """Step, rate and loss of a published curve; every fourth point where the full file is not there."""
    place = folder()
    if place:
        return pd.read_csv(place / "curves" / f"mpl_{size}M_{schedule}.csv")
    whole = pd.read_csv(PUBLISHED / "loss_curves_mpl.csv")
    mine = whole[(whole["size"] == size) & (whole["schedule"] == schedule)]
    return mine[["step", "lr", "train_loss"]].reset_index(drop=True)


def curve_config(size: int, schedule: str) -> JobConfig:
    """The run of a published curve: 3e-4 at the peak, 2,160 steps of warm-up."""
    frame = measured_curve(size, schedule)
    name, _, length = schedule.partition("_")
    total = int(length) if name in ("cosine", "constant") else int(frame["step"].iloc[-1]) + 1
    last = total - 1
    points = ((0.0, 0.0), (WARMUP / last, 1.0))
    if name == "wsdcon":
        low = int(length) / 30
        points += ((8000 / last, 1.0), (8000 / last, low), (1.0, low))
    elif name.startswith("wsd"):
        later = frame[frame["step"] > WARMUP]
        points += tuple(zip(later["step"] / last, later["lr"] / 3e-4, strict=True))
    return JobConfig(
        model=shaped(size * 1e6, 512 if size == 100 else 256, 8, 8, vocabulary_size=32_000),
        dataset="HuggingFaceFW/fineweb", method="pretrain", learning_rate=3e-4, max_steps=total,
        schedule=name if name in ("cosine", "constant") else points,
        warmup_ratio=WARMUP / total, min_learning_rate_ratio=0.1,
        micro_batch_size=128, gradient_accumulation_steps=1, sequence_length=4096,
    )  # fmt: skip


def curve_rows(points: int = 20) -> Iterator[Row]:
    """Other schedules, forecast after calibrating on one cosine and one constant run of the same model."""
    for size, length in product((25, 100), (24000, 72000)):
        known = (f"cosine_{length}", f"constant_{length}")
        own = calibrate([
            (curve_config(size, name), measured_curve(size, name).rename(columns={"train_loss": "loss"}))
            for name in known
        ])  # fmt: skip
        for schedule in SCHEDULES:
            if schedule in known:
                continue
            frame = measured_curve(size, schedule)
            frame = frame.iloc[:: max(len(frame) // points, 1)]
            guess = loss_curve(plan(curve_config(size, schedule)), own).train(frame["step"].to_numpy())
            for step, here, there in zip(frame["step"], guess, frame["train_loss"], strict=True):
                yield Row(
                    CURVES, f"{size}M {schedule} from {length} at {step}", float(here), float(there), MPL
                )


def final_rows() -> Iterator[Row]:
    """Ends of runs on corpora of the catalog."""
    yield from openlm_rows()
    for row in table("loss_final_chinchilla_epoch"):
        tokens = float(row["tokens_derived_C_over_6N"])
        model = shaped(float(row["params"]), vocabulary_size=32_000)
        guess = curve(ended(model, "massivetext", tokens, 0.0, 512))
        name = f"Chinchilla {model.parameters / 1e6:.0f}M, {tokens / 1e9:.1f}B tokens"
        yield Row(FINAL, name, guess.final_eval, float(row["loss"]), EPOCH, fitted=True, public=False)
    for name, parameters, layers, hidden, steps, rate, schedule, decay, loss in ANCHORS:
        config = JobConfig(
            model=shaped(parameters, hidden, layers, 12, vocabulary_size=50_257),
            dataset="HuggingFaceFW/fineweb", method="pretrain", learning_rate=rate, schedule=schedule,
            decay_ratio=decay, min_learning_rate_ratio=0.0, max_steps=steps, micro_batch_size=64,
            gradient_accumulation_steps=8, sequence_length=1024, warmup_ratio=0.03,
        )  # fmt: skip
        yield Row(FINAL, name, loss_curve(plan(config)).final_eval, loss, NANOGPT, fitted=True)


def openlm_rows() -> Iterator[Row]:
    """open_lm's runs on C4, RefinedWeb and RedPajama."""
    for row in table("loss_final_openlm_scaling"):
        corpus, column = OPENLM_CORPORA[row["dataset"]]
        guess = curve(openlm_config(row)).final_eval
        name = f"{corpus} {float(row['params']) / 1e6:.0f}M x{row['chinchilla_multiplier']}"
        yield Row(FINAL, name, guess, float(row[column]), OPENLM, fitted=True)


def openlm_config(row: dict[str, str]) -> JobConfig:
    """An open_lm run; the table leaves out the two largest models' shapes and the largest's batch."""
    hidden, layers, heads = (number(row[name]) or 0.0 for name in ("hidden", "layers", "heads"))
    wide = int(256 * ceil(8 * (hidden or 2048) / 3 / 256))
    batch, rate = int(float(row["global_batch_seqs"])), float(row["lr"])
    return ended(
        shaped(float(row["params"]), hidden, layers, heads, intermediate_size=wide, vocabulary_size=50_432),
        OPENLM_CORPORA[row["dataset"]][0], float(row["tokens"]), rate, batch if batch > 1 else 2048,
        length=int(float(row["seq_len"])), warmup=int(float(row["warmup_steps"])),
        floor=float(row["cooldown_lr"]) / rate,
    )  # fmt: skip


def ended(
    model: CatalogModel,
    corpus: str | Dataset,
    tokens: float,
    rate: float,
    batch: int,
    *,
    length: int = 2048,
    warmup: int | None = None,
    floor: float = 0.1,
) -> JobConfig:
    """A cosine run of so many tokens; at a rate of 0 at the best rate and batch for it."""
    steps = max(round(tokens / batch / length), 1)
    config = JobConfig(
        model=model, dataset=corpus, method="pretrain", learning_rate=rate or 1e-3, max_steps=steps,
        min_learning_rate_ratio=floor, micro_batch_size=int(batch), gradient_accumulation_steps=1,
        sequence_length=length, warmup_ratio=0.01 if warmup is None else min(warmup / steps, 0.999),
    )  # fmt: skip
    if rate:
        return config
    size = max(round(curve(config).optimal_batch_tokens / length), 1)
    best = config.changed(max_steps=max(round(tokens / size / length), 1), micro_batch_size=size)
    return best.changed(learning_rate=curve(best).optimal_learning_rate)


def curve(config: JobConfig) -> LossCurve:
    """The curve of a run."""
    return loss_curve(plan(config))


def grid_rows() -> Iterator[Row]:
    """The Step-Law grid: smoothed final loss where the run converged, and whether it did."""
    for row in table("loss_lr_batch_grid_steplaw"):
        size, rate, batch = float(row["N_nonembedding"]), float(row["lr"]), int(row["batch_seqs"])
        hidden, layers, heads, wide = (int(row[name]) for name in ("hidden", "layers", "heads", "ffn"))
        model = shaped(
            size + 2 * 65_536 * hidden, hidden, layers, heads, intermediate_size=wide, vocabulary_size=65_536
        )
        config = ended(
            model, "step-law-corpus", float(row["D_tokens"]), rate, batch,
            warmup=2000, floor=float(row["min_lr"]) / rate,
        )  # fmt: skip
        guess = curve(config)
        name = (
            f"{size / 1e6:.0f}M, {float(row['D_tokens']) / 1e9:.0f}B tokens, rate {rate:.1e}, batch {batch}"
        )
        lost = float(row["final_loss"]) > DIVERGED_ABOVE
        yield Row(DIVERGED, name, float(guess.diverges), float(lost), STEPLAW, fitted=True, public=False)
        if lost:
            yield Row(CAUGHT, name, float(guess.diverges), 1.0, STEPLAW, fitted=True, public=False)
        elif not guess.diverges:
            loss = float(row["smooth_loss"])
            yield Row(TUNING, name, guess.final, loss, STEPLAW, fitted=True, public=False)


def repeat_config(parameters: float, unique: float, epochs: float) -> JobConfig:
    """A run of datablations: 2e-4, 256 sequences of 2,048 tokens."""
    corpus = catalog.dataset("allenai/c4").changed(tokens=int(unique), examples=max(int(unique / 500), 1))
    return JobConfig(
        model=shaped(parameters), dataset=corpus, method="pretrain", learning_rate=2e-4, epochs=epochs,
        micro_batch_size=256, gradient_accumulation_steps=1, sequence_length=2048,
    )  # fmt: skip


def repeat_rows() -> Iterator[Row]:
    """Held-out loss of C4 repeated."""
    for row in table("loss_final_datablations_repeat"):
        size, unique, epochs = float(row["params"]), float(row["unique_tokens"]), float(row["epochs"])
        guess = loss_curve(plan(repeat_config(size, unique, epochs))).final_eval
        name = f"{size / 1e6:.0f}M, {unique / 1e9:g}B tokens x {epochs:g}"
        yield Row(REPEATED, name, guess, float(row["val_loss"]), ABLATIONS, fitted=True)


def bottom_rows() -> Iterator[Row]:
    """Number of epochs that ends lowest, over runs of different lengths."""
    lengths = np.geomspace(2, 400, 60)
    for size, unique, epoch in BOTTOMS:
        ends = [loss_curve(plan(repeat_config(size, unique, float(x)))).final_eval for x in lengths]
        guess = float(lengths[int(np.argmin(ends))])
        name = f"{size / 1e6:.0f}M, {unique / 1e9:g}B tokens"
        yield Row(BOTTOM, name, guess, float(epoch), ABLATIONS, fitted=True)


def write_published(sizes: Sequence[int] = (25, 100)) -> None:
    """Thin the multi-power curves (MIT) to every fourth point, into `published/`."""
    with (PUBLISHED / "loss_curves_mpl.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["source", "commit", "licence", "size", "schedule", "step", "lr", "train_loss"])
        for size, schedule in product(sizes, SCHEDULES):
            for step, rate, loss in measured_curve(size, schedule).iloc[::4].itertuples(index=False):
                commit = "8da9f1902602f3391b971a811e3cc51604541769"
                writer.writerow([MPL, commit, "MIT", size, schedule, int(step), f"{rate:.8g}", loss])

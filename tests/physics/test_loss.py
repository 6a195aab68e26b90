"""Laws of the loss curve."""

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.fidelity import Row, finetune, loss, quantile
from vapor_core import catalog
from vapor_core.contracts.entries import CatalogModel, Dataset, DatasetKind
from vapor_core.contracts.training import JobConfig
from vapor_core.physics.loss.curve import LossCurve, critical_batch, loss_curve
from vapor_core.physics.loss.laws import law_losses
from vapor_core.physics.loss.repeats import MUENNIGHOFF, effective
from vapor_core.physics.plan import plan

WEB = Dataset(tokens=10**13, examples=10**10, kind="pretraining", loss_offset=0.2)
NOTES = Dataset(tokens=2_000_000, examples=10_000, kind="instruction")


def gpt(width: int = 768, layers: int = 12) -> CatalogModel:
    body = 12 * layers * width**2
    return CatalogModel(
        id="gpt", parameters=body + 50_304 * width, layers=layers, hidden_size=width, intermediate_size=4 * width,
        attention_heads=width // 64, kv_heads=width // 64, vocabulary_size=50_304, tied_embeddings=True,
    )  # fmt: skip


def pretraining(**changes: object) -> JobConfig:
    given = {
        "model": gpt(), "dataset": WEB, "method": "pretrain", "learning_rate": 1e-3, "max_steps": 10_000,
        "micro_batch_size": 128, "gradient_accumulation_steps": 1, "sequence_length": 2048,
    }  # fmt: skip
    return JobConfig(**(given | changes))


def tuning(**changes: object) -> JobConfig:
    given = {"model": "meta-llama/Llama-3.2-1B", "dataset": NOTES, "method": "lora", "sequence_length": 512}
    return JobConfig(**(given | changes))


def curve(config: JobConfig) -> LossCurve:
    return loss_curve(plan(config))


def every(config: JobConfig) -> np.ndarray:
    return np.arange(plan(config).total_steps)


def test_the_data_constrained_law_gives_its_published_check_value() -> None:
    decay = (15.387756, 5.309743)  # as published, for tokens and for parameters
    worth = effective(6.34e9, np.array(242e9), np.array(25e9), decay)
    assert law_losses(MUENNIGHOFF, worth.parameters, worth.tokens) == pytest.approx(2.22564, abs=1e-5)


@given(st.integers(4, 24), st.floats(1.05, 8.0))
@settings(max_examples=25, deadline=None)
def test_more_fresh_data_never_raises_the_final_loss(heads: int, more: float) -> None:
    corpus = catalog.dataset("tiiuae/falcon-refinedweb")
    short = pretraining(model=gpt(64 * heads), dataset=corpus, learning_rate=5e-4)
    assert curve(short.changed(max_steps=int(10_000 * more))).final <= curve(short).final + 1e-9


@given(st.integers(4, 20), st.integers(1, 12))
@settings(max_examples=25, deadline=None)
def test_more_parameters_never_raise_the_final_loss_at_the_best_rate(heads: int, more: int) -> None:
    def best(width: int) -> float:
        config = pretraining(model=gpt(width))
        return curve(config.changed(learning_rate=curve(config).optimal_learning_rate)).final

    assert best(64 * (heads + more)) <= best(64 * heads) + 1e-9


def test_a_run_starts_at_the_logarithm_of_the_vocabulary() -> None:
    first = curve(pretraining())
    assert first.initial == pytest.approx(np.log(50_304))
    assert first.train(np.array([0]))[0] == pytest.approx(first.initial, rel=0.02)


def test_the_loss_bends_where_the_schedule_bends() -> None:
    config = pretraining(schedule="wsd", decay_ratio=0.2, min_learning_rate_ratio=0.0)
    falls = -np.diff(curve(config).train(every(config)))
    before, after = falls[7000:7900].mean(), falls[8300:9500].mean()
    assert after > 2 * before


def test_annealing_ends_below_a_constant_rate() -> None:
    held, annealed = (curve(pretraining(schedule=name)).final for name in ("constant", "cosine"))
    assert annealed < held - 0.02


def test_a_rate_beyond_the_stable_one_diverges() -> None:
    calm = curve(pretraining())
    assert not calm.diverges
    assert calm.diverges_at is None
    wild = curve(pretraining(learning_rate=3 * calm.stable_learning_rate))
    assert wild.diverges
    assert wild.divergence_probability > 0.99
    assert wild.final > calm.final + 2
    assert wild.grad_norm(np.array([9_999]))[0] > 20 * calm.grad_norm(np.array([9_999]))[0]


def test_without_warm_up_a_run_diverges_earlier_and_at_lower_rates() -> None:
    stable = curve(pretraining()).stable_learning_rate
    warm, cold = (curve(pretraining(learning_rate=2 * stable, warmup_ratio=ratio)) for ratio in (0.05, 0.0))
    assert warm.diverges_at is not None
    assert cold.diverges_at is not None
    assert cold.diverges_at < warm.diverges_at
    assert cold.stable_learning_rate < warm.stable_learning_rate


@given(st.floats(1.2, 20), st.floats(1.2, 3))
@settings(max_examples=20, deadline=None)
def test_the_further_past_the_stable_rate_the_earlier_it_diverges(over: float, further: float) -> None:
    stable = curve(pretraining()).stable_learning_rate
    near, far = (curve(pretraining(learning_rate=stable * x)).diverges_at for x in (over, over * further))
    assert near is not None
    assert far is not None
    assert far <= near


def test_too_low_a_rate_wastes_the_run() -> None:
    best = curve(pretraining()).optimal_learning_rate
    ends = [curve(pretraining(learning_rate=best / x)).final for x in (1, 10, 100, 1000)]
    assert ends == sorted(ends)
    assert ends[-1] > ends[0] + 0.3


def test_text_seen_once_has_one_loss_and_repeated_text_two() -> None:
    once = curve(pretraining())
    assert once.final == pytest.approx(once.final_eval)
    again = curve(pretraining(dataset=WEB.changed(tokens=10**8, examples=10**5), max_steps=20_000))
    assert again.final < again.final_eval


def test_held_out_loss_turns_up_once_the_text_is_known_by_heart() -> None:
    over = curve(loss.repeat_config(1.1e9, 1e8, 75))
    assert over.overfits
    assert over.final_eval > 1.3 * over.eval(np.array([over.best_eval_step]))[0]
    assert not curve(loss.repeat_config(1.1e9, 1e11, 1)).overfits


def test_one_pass_over_a_little_text_is_no_overfitting() -> None:
    little = WEB.changed(tokens=100_000, examples=1_000)
    once = curve(pretraining(dataset=little, max_steps=None, epochs=1, micro_batch_size=1))
    assert not once.overfits
    assert once.final_eval == pytest.approx(once.final, rel=0.02)


def test_many_passes_of_a_fine_tune_overfit_and_few_do_not() -> None:
    few, many = (curve(tuning(epochs=epochs)) for epochs in (2, 40))
    assert not few.overfits
    assert many.overfits
    assert 0 < many.best_eval_step < plan(tuning(epochs=40)).total_steps - 1
    assert many.final < few.final


def test_full_fine_tuning_steps_down_at_the_end_of_a_pass() -> None:
    config = tuning(model="meta-llama/Llama-3.1-8B", method="full", epochs=3)
    asked = plan(config)
    train = curve(config).train(every(config))
    end = round(asked.steps_per_epoch)
    assert train[end - 5] - train[end + 5] > 0.1
    assert abs(train[end + 5] - train[end + 100]) < 0.05


def test_a_higher_lora_rank_helps_a_little() -> None:
    ends = [curve(tuning(lora_rank=rank, lora_alpha=2 * rank, epochs=1)).final_eval for rank in (4, 16, 64)]
    assert ends == sorted(ends, reverse=True)
    assert ends[0] / ends[-1] < 1.15


def test_four_bit_weights_cost_a_few_hundredths() -> None:
    lora, qlora = (curve(tuning(method=method, epochs=1)).final_eval for method in ("lora", "qlora"))
    assert 0.01 < qlora - lora < 0.09


def test_a_larger_base_model_fine_tunes_to_a_lower_loss() -> None:
    small, large = (curve(tuning(model=f"meta-llama/Llama-3.2-{size}")).final_eval for size in ("1B", "3B"))
    assert large < small


def test_noise_shrinks_with_the_batch_as_published() -> None:
    few, many = (curve(pretraining(micro_batch_size=size)).noise_std for size in (32, 256))
    assert few == pytest.approx(0.70 * 64**-0.446)
    assert many < few


def test_the_critical_batch_grows_as_the_loss_falls() -> None:
    assert critical_batch(3.0) == pytest.approx(1.07e6, rel=0.05)
    assert critical_batch(2.5) > critical_batch(3.0)


@given(st.integers(0, 9_999), st.integers(0, 9_999))
@settings(max_examples=25, deadline=None)
def test_a_range_is_a_slice_of_the_whole(one: int, other: int) -> None:
    config = pretraining()
    start, stop = sorted((one, other))
    known = curve(config)
    for reader in (known.train, known.eval, known.grad_norm, known.low, known.high):
        assert np.array_equal(reader(np.arange(start, stop)), reader(every(config))[start:stop])


ANY = st.fixed_dictionaries({
    "method": st.sampled_from(["pretrain", "full", "lora", "qlora"]),
    "schedule": st.sampled_from(
        ["constant", "linear", "cosine", "wsd", ((0.0, 0.0), (0.5, 1.0), (0.5, 0.1), (1.0, 0.1))]
    ),
    "learning_rate": st.floats(1e-9, 50.0),
    "max_steps": st.integers(1, 10**7),
    "micro_batch_size": st.integers(1, 4096),
    "warmup_ratio": st.sampled_from([0.0, 0.03, 0.99]),
})  # fmt: skip
KINDS = list(get_args(DatasetKind))


@given(ANY, st.sampled_from(KINDS))
@settings(max_examples=80, deadline=None)
def test_every_configuration_has_a_finite_positive_curve_inside_its_band(given: dict, kind: str) -> None:
    config = JobConfig(model=gpt(), dataset=NOTES.changed(kind=kind), **given)
    steps = config.max_steps
    known = curve(config)
    at = np.unique(np.linspace(0, steps - 1, 500).astype(np.int64))
    for values in (known.train(at), known.eval(at), known.grad_norm(at)):
        assert np.all(np.isfinite(values))
        assert np.all(values >= 0)
    assert np.all(known.low(at) <= known.train(at))
    assert np.all(known.train(at) <= known.high(at))
    assert 0 <= known.divergence_probability <= 1
    assert 0 <= known.best_eval_step < steps


def held(rows: list[Row], median: float, p90: float = 1.0) -> None:
    errors = [row.error for row in rows]
    assert len(errors) >= 5
    assert quantile(errors, 0.5) <= median
    assert quantile(errors, 0.9) <= p90


def test_final_losses_of_published_corpora_hold() -> None:
    held(list(loss.openlm_rows()), 0.015, 0.05)


def test_losses_on_repeated_text_hold() -> None:
    held(list(loss.repeat_rows()), 0.03)


def test_the_epoch_of_overfitting_is_right_within_half() -> None:
    assert all(1 / 1.5 < row.predicted / row.measured < 1.5 for row in loss.bottom_rows())


@pytest.mark.parametrize("kind", [finetune.LORA, finetune.QLORA])
def test_final_losses_of_published_fine_tunes_hold(kind: str) -> None:
    held([row for row in finetune.litgpt_rows() if row.kind == kind], 0.08)


def test_a_model_that_does_not_say_its_pretraining_is_tuned_like_the_catalogs_of_its_shape():
    known = catalog.model("meta-llama/Llama-3.2-1B")
    silent = known.changed(id="own", pretraining_tokens=None)
    assert curve(tuning(model=silent)).final == pytest.approx(curve(tuning(model=known)).final)


def test_a_batch_smaller_than_any_measured_is_not_known_to_cost_more():
    ends = [
        curve(
            pretraining(micro_batch_size=batch, max_steps=2_000_000 // batch, learning_rate=2e-4 * batch**0.5)
        ).final
        for batch in (1, 2)
    ]
    assert ends[0] == pytest.approx(ends[1], rel=0.02)

"""Values that a stranger might send, as strategies; they are taken or refused, within a second and within 500 MB.

How many examples are tried in all says VAPOR_EXAMPLES: few by default, 50,000 with `make fuzz`. A second is one of
this thread's own computing, so that a busy machine says nothing about the code. Memory is what the process holds at
its peak, beyond what it held before.
"""

import os
import re
import time
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

import vapor_core as vapor
from vapor_core.contracts.presets import Trainer
from vapor_core.contracts.training import BackendName, JobConfig, Optimizer, Quantization, Sharding
from vapor_core.errors import VaporError
from vapor_core.workspace.store import Store

IN_ALL = int(os.environ.get("VAPOR_EXAMPLES", "1500"))
SHARES = 5.0  # what all tests ask for together, see `tried`
LONGEST_S = 1.0
MOST_MB = 500.0
MARKUP = "<img src=x onerror=alert(1)>[click](javascript:alert(1)) **b** :red[r] $x$ =cmd()"
TEXTS = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        [
            "",
            " ",
            MARKUP,
            "../../etc/passwd",
            "\x00",
            "'; DROP TABLE vapor_events; --",
            "=1+1",
            "\u202egnp.exe",
            "\ud83d",
            "nan",
            "1e400",
            "job-1",
            "x" * 5000,
            "{0.__class__}",
            "%s%n",
        ]
    ),
)
NUMBERS = st.one_of(
    st.integers(),
    st.floats(),
    st.sampled_from(
        [0, -1, 1, 2**31, 2**63 - 1, 2**63, 10**30, 1e-300, 1e300, float("inf"), float("nan"), True]
    ),
)
# Names that mean something to Python, to pydantic or to a function that keys from outside may reach.
RESERVED = (
    *(
        "self",
        "cls",
        "__init__",
        "__class__",
        "__dict__",
        "__new__",
        "args",
        "kwargs",
        "lambda",
        "name",
        "kind",
    ),
    *("data", "_fields_set", "model_config", "model_fields", "model_construct", "model_fields_set", "values"),
    *(
        "__pydantic_extra__",
        "__pydantic_private__",
        "changes",
        "chosen",
        "version",
        "step",
        "columns",
        "index",
    ),
)
KEYS = st.one_of(st.sampled_from(RESERVED), TEXTS)
ANYTHING = st.recursive(
    st.one_of(st.none(), NUMBERS, TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=8,
)


def tried(share: float):
    """Settings for so many SHARES of all examples."""
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    return settings(
        max_examples=max(round(IN_ALL * share / SHARES), 5), suppress_health_check=checks, deadline=None
    )


@contextmanager
def within_memory():
    """The peak of this process stays within MOST_MB of what it holds now; where the system does not tell, unseen."""
    status, reset = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if not status.exists():
        yield
        return
    reset.write_text("5", encoding="ascii")  # the peak is from now on
    before_mb = _held_mb(status, "VmRSS")
    try:
        yield
    finally:
        more_mb = _held_mb(status, "VmHWM") - before_mb
    assert more_mb < MOST_MB, f"{more_mb:.0f} MB of memory"


def _held_mb(status: Path, name: str) -> float:
    line = next(line for line in status.read_text(encoding="ascii").splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024 / 1e6


@contextmanager
def taken_within_memory():
    """It is taken, or refused in one clear sentence, within memory; a large file may take longer than a second."""
    try:
        with within_memory():
            yield
    except VaporError as error:
        assert_clear(str(error))


@contextmanager
def taken_or_refused():
    """What a person meets: it is taken, or refused in one clear sentence, within a second and within memory."""
    began = time.thread_time()
    try:
        with within_memory():
            yield
    except VaporError as error:
        assert_clear(str(error))
    took_s = time.thread_time() - began
    assert took_s < LONGEST_S, f"{took_s:.1f} s of computing"


def assert_clear(sentence: str) -> None:
    assert 5 < len(sentence) < 2000, sentence
    assert "\n" not in sentence and "\x00" not in sentence, sentence
    assert not re.search(r"Traceback|(?<!__)pydantic|<class |Error\(|object at 0x", sentence), sentence


# Of a configuration: most fields are such as a person might give, a few are anything.

INTEGERS = {
    "micro_batch_size": 65536,
    "gradient_accumulation_steps": 65536,
    "sequence_length": 10**7,
    "max_steps": 10**8,
    "lora_rank": 65536,
    "accelerator_count": 10**6,
    "eval_every": 10**9,
    "checkpoint_every": 10**9,
    "seed": 2**63 - 1,
}
FLOATS = {
    "learning_rate": (1e-12, 100.0),
    "decay_ratio": (1e-9, 1.0),
    "min_learning_rate_ratio": (0.0, 1.0),
    "warmup_ratio": (0.0, 0.999),
    "weight_decay": (0.0, 10.0),
    "max_grad_norm": (0.0, 1e6),
    "epochs": (1e-9, 1e5),
    "lora_alpha": (1e-6, 1e6),
}
WORDS = {
    "method": ["pretrain", "full", "lora", "qlora", "dpo", "orpo", "kto", "grpo"],
    "schedule": [
        "constant",
        "linear",
        "cosine",
        "wsd",
        ((0.0, 0.1), (0.5, 1.0), (1.0, 0.0)),
        ((0.0, 1e300), (1.0, 0.0)),
    ],
    "precision": ["bf16", "fp16", "fp32", "fp8"],
    "optimizer": list(get_args(Optimizer)),
    "trainer": list(get_args(Trainer)),
    "base_quantization": list(get_args(Quantization)),
    "master_weights": ["fp32", "none"],
    "cross_entropy": ["full", "chunked", "fused"],
    "attention": ["eager", "sdpa", "flash"],
    "fused_kernels": [True, False],
    "compile": [True, False],
    "dora": [True, False],
    "train_embeddings": [True, False],
    "offload": [
        (),
        "optimizer",
        ("parameters", "optimizer"),
        ["activations"],
        "optimizer|parameters|activations",
    ],
    "tensor_parallel": [1, 2, 4, 10**6],
    "pipeline_parallel": [1, 2, 10**6],
    "context_parallel": [1, 2, 10**6],
    "expert_parallel": [1, 2, 8],
    "sharding": list(get_args(Sharding)),
    "gradient_checkpointing": [True, False],
    "packing": [True, False],
    "hardware_faults": [True, False],
    "backend": list(get_args(BackendName)),
}


def whole(most: int):
    return st.one_of(st.integers(1, most), st.sampled_from([1, 2, most]))


def positive(most: float):
    return st.floats(1e-6, most)


@st.composite
def own_models(draw):
    heads = draw(st.sampled_from([1, 8, 12, 10**5]))
    return {
        "id": draw(TEXTS),
        "parameters": draw(whole(10**14)),
        "layers": draw(whole(10_000)),
        "hidden_size": draw(whole(10**6)),
        "intermediate_size": draw(whole(10**7)),
        "attention_heads": heads,
        "kv_heads": draw(st.sampled_from([1, heads])),
        "vocabulary_size": draw(whole(10**8)),
        "context_length": draw(whole(10**9)),
        "tied_embeddings": draw(st.booleans()),
        "pretraining_tokens": draw(st.one_of(st.none(), positive(1e16))),
        "active_parameters": draw(st.one_of(st.none(), whole(10**14))),
    }


OWN_DATA = st.builds(
    lambda tokens, examples, name: {"id": "mine", "tokens": tokens, "examples": examples, "name": name},
    whole(10**16),
    whole(10**14),
    TEXTS,
)
OWN_CARDS = st.builds(
    lambda memory, bandwidth, flops, price: {
        "id": "mine",
        "memory_gb": memory,
        "bandwidth_gb_s": bandwidth,
        "fp32_tflops": flops,
        "price_per_hour": price,
    },
    positive(1e6),
    positive(1e7),
    positive(1e7),
    st.floats(0, 1e6),
)
MODELS = st.one_of(st.sampled_from([model.id for model in vapor.catalog.models()]), own_models())
DATA = st.one_of(st.sampled_from([data.id for data in vapor.catalog.datasets()]), OWN_DATA)
CARDS = st.one_of(st.sampled_from([card.id for card in vapor.catalog.accelerators()]), OWN_CARDS)
FIELDS = {
    "name": TEXTS,
    "dataset": DATA,
    "accelerator": CARDS,
    "lora_targets": st.one_of(
        st.just(["all"]), st.lists(st.sampled_from(["q_proj", "v_proj", "attention", MARKUP]))
    ),
    **{name: whole(most) for name, most in INTEGERS.items()},
    **{name: st.floats(least, most) for name, (least, most) in FLOATS.items()},
    **{name: st.sampled_from(values) for name, values in WORDS.items()},
}


@st.composite
def configs(draw):
    chosen = draw(st.lists(st.sampled_from(sorted(FIELDS)), max_size=12, unique=True))
    fields = {"model": draw(MODELS)} | {name: draw(FIELDS[name]) for name in chosen}
    for name in draw(st.lists(st.sampled_from([*FIELDS, "model", "nonsense"]), max_size=1)):
        fields[name] = draw(ANYTHING)
    return draw(planted(fields)) if draw(st.integers(0, 3)) == 0 else fields


@st.composite
def planted(draw, value):
    """The value with one more key, wherever in it keys stand."""
    places = [value]
    for place in places:
        inner = place.values() if isinstance(place, dict) else place
        places += [each for each in inner if isinstance(each, dict | list)]
    chosen = draw(st.sampled_from([place for place in places if isinstance(place, dict)]))
    chosen[draw(KEYS)] = draw(ANYTHING)
    return value


def rehearsed(config: JobConfig) -> None:
    """All that follows from a config that was taken."""
    found = vapor.estimate(config)
    assert np.isfinite([found.memory_gb, found.duration_s, found.cost_usd, found.initial_loss]).all(), config
    frame = vapor.simulate(config, 0, min(found.total_steps, 50))
    assert np.isfinite(frame["loss"]).all(), config
    store = Store()
    job = store.submit(config, now=0.0)
    store.advance(now=3600.0)
    store.skip(1e5, now=3600.0)
    store.advance(now=3601.0)
    store.metrics(job.id).frame(max_points=200)
    assert store.job(job.id).status and store.events(job.id)


@st.composite
def changed(draw, samples):
    """A sample, cut, repeated, or with bytes changed."""
    content = bytearray(draw(samples))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(content)))
        match draw(st.sampled_from(["cut", "put", "set", "twice"])):
            case "cut":
                del content[at : at + draw(st.integers(1, 50))]
            case "put":
                content[at:at] = draw(st.one_of(st.binary(max_size=8), TEXTS.map(lossy)))
            case "set" if at < len(content):
                content[at] = draw(st.integers(0, 255))
            case _:
                content += content[at : at + 1000]
    return bytes(content)


def lossy(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")

"""Serving: published latency and throughput of inference engines against the law's.

Closed loop: the silicon samples of ai-dynamo/aiconfigurator and NVIDIA's NIM page. Open loop: the vLLM runs of
IOG-Foundation. Saturation: TensorRT-LLM's performance pages. A single stream: llama.cpp (summary figures only,
its table has no licence). Rows that are not scored are shown with the reason in their name.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

from benchmarks.fidelity import Row, Target, number, table
from vapor_core import catalog
from vapor_core.contracts.entries import Accelerator, CatalogModel
from vapor_core.contracts.serving import Engine, ServingConfig, ServingPrecision
from vapor_core.physics.serving.point import Point, held_gb, serving_point

TPOT_ONE, TPOT_GROUP = "serving TPOT, one card", "serving TPOT, tensor parallel"
RATE = "serving throughput at saturation"
TTFT, TTFT_P99 = "serving TTFT", "serving TTFT, 99th percentile"
OUTPUT, LATENCY = "serving throughput of a load", "serving latency"
CACHE, HELD = "serving cache capacity", "serving memory"
STREAM = "single-stream decode"
TARGETS = (
    Target(TPOT_ONE, median=0.10),
    Target(TPOT_GROUP, median=0.12),
    Target(RATE, median=0.15),
    Target(OUTPUT, median=0.15),
    Target(TTFT, median=0.25),
    Target(CACHE, median=0.10),
    Target(TTFT_P99, factor=2.0),
)
SILICON, IOG = "serving_silicon_closedloop", "serving_vllm_openloop_iog"
TENSORRT, NIM, LLAMACPP = "serving_tensorrt_llm", "serving_nim_closedloop", "serving_llamacpp_gpus"
PRECISIONS: dict[str, ServingPrecision] = {"fp16": "fp16", "fp8": "fp8", "fp4": "fp4", "": "bf16"}
CARDS = {
    "h100_sxm": "nvidia-h100-80gb",
    "h200_sxm": "nvidia-h200",
    "b200_sxm": "nvidia-b200",
    "NVIDIA-GeForce-RTX-4090": "nvidia-rtx-4090",
    "NVIDIA-H100-PCIe": "nvidia-h100-pcie",
    "H200 SXM": "nvidia-h200",
    "B200": "nvidia-b200",
    "H100 SXM": "nvidia-h100-80gb",
    "H100 SXM 80GB": "nvidia-h100-80gb",
    "L40S": "nvidia-l40s",
    "A100-80GB": "nvidia-a100-80gb",
    "A100 SXM 80GB": "nvidia-a100-80gb",
    "3090 24GB": "nvidia-rtx-3090",
    "4090 24GB": "nvidia-rtx-4090",
    "H100 PCIe 80GB": "nvidia-h100-pcie",
}
# Cards that the catalog lacks, by their data sheets (shared hardware table).
OWN_CARDS = {
    card.id: card
    for card in (
        Accelerator(
            id="gb200", memory_gb=186.0, bandwidth_gb_s=8000.0, fp32_tflops=80.0, tf32_tflops=1250.0,
            bf16_tflops=2500.0, fp8_tflops=5000.0, fp4_tflops=10000.0, interconnect_gb_s=900.0, measured_tflops=1822.0,
            measured_fp8_tflops=3615.6,
        ),
        Accelerator(
            id="rtx-pro-6000", memory_gb=96.0, bandwidth_gb_s=1792.0, fp32_tflops=117.0, bf16_tflops=467.8,
            fp8_tflops=935.6, fp4_tflops=1871.2, interconnect_gb_s=64.0,
        ),
        Accelerator(
            id="rtx-a6000", memory_gb=48.0, bandwidth_gb_s=768.0, fp32_tflops=38.7, bf16_tflops=154.8,
        ),
        Accelerator(id="a40", memory_gb=48.0, bandwidth_gb_s=696.0, fp32_tflops=37.4, bf16_tflops=149.7),
        Accelerator(
            id="rtx-4080", memory_gb=16.0, bandwidth_gb_s=717.0, fp32_tflops=48.7, bf16_tflops=97.5,
        ),
        Accelerator(
            id="a100-pcie", memory_gb=80.0, bandwidth_gb_s=1935.0, fp32_tflops=19.5, bf16_tflops=312.0,
        ),
    )
}  # fmt: skip
OWN_NAMES = {
    "gb200": "gb200", "GB200": "gb200", "RTX 6000 Pro Blackwell SE": "rtx-pro-6000", "A40 48GB": "a40",
    "4080 16GB": "rtx-4080", "A100 PCIe 80GB": "a100-pcie",
}  # fmt: skip


def _model(  # noqa: PLR0917 - a table of architectures reads best in rows
    name: str, parameters: int, layers: int, hidden: int, ffn: int, heads: int, kv: int, vocabulary: int,
    active: int | None = None, head_size: int | None = None, attention_layers: int | None = None,
) -> CatalogModel:  # fmt: skip
    return CatalogModel(
        id=name, parameters=parameters, layers=layers, hidden_size=hidden, intermediate_size=ffn,
        attention_heads=heads, kv_heads=kv, vocabulary_size=vocabulary, context_length=131072,
        active_parameters=active, head_size=head_size, attention_layers=attention_layers,
    )  # fmt: skip


# Architectures that the tables do not carry, from the models' published configurations.
MODELS = {
    model.id: model
    for model in (
        _model("meta-llama/Llama-3.1-8B-Instruct", 8030261248, 32, 4096, 14336, 32, 8, 128256),
        _model("meta-llama/Llama-3.3-70B-Instruct", 70553706496, 80, 8192, 28672, 64, 8, 128256),
        _model("meta-llama/Llama-3.1-405B-Instruct", 405853388800, 126, 16384, 53248, 128, 8, 128256),
        _model("Qwen/Qwen3-30B-A3B", 30532122624, 48, 2048, 768, 32, 4, 151936, 3345000000, 128),
        _model("Qwen/Qwen3-235B-A22B", 235093634560, 94, 4096, 1536, 64, 4, 151936, 22200000000, 128),
        _model("openai/gpt-oss-20b", 20914757184, 24, 2880, 2880, 64, 8, 201088, 3610000000, 64, 12),
        _model("openai/gpt-oss-120b", 116829156672, 36, 2880, 2880, 64, 8, 201088, 5130000000, 64, 18),
        _model("huggyllama/llama-7b", 6738415616, 32, 4096, 11008, 32, 32, 32000),
        _model("meta-llama/Llama-2-70b-hf", 68976648192, 80, 8192, 28672, 64, 8, 32000),
        _model("EleutherAI/gpt-j-6b", 6050882784, 28, 4096, 16384, 16, 16, 50400),
    )
}
SAME = {"Llama-3.3-70B-Instruct": "meta-llama/Llama-3.3-70B-Instruct"}


@dataclass(frozen=True, slots=True)
class Case:
    """One published set-up with what was measured of it, by kind; latencies in ms, rates for the whole group."""

    name: str
    source: str
    config: ServingConfig
    measured: dict[str, float | None]
    scored: bool = True
    public: bool = True
    fitted: bool = True

    @property
    def engine(self) -> Engine:
        """Whose figures they are."""
        return self.config.engine

    def predicted(self, predict: Callable[..., Point] = serving_point) -> dict[str, float]:
        """The law's figure for each that was measured; none where it would not fit."""
        point = predict(self.config)
        return {
            kind: FIGURES[kind](point, self.config)
            for kind, measured in self.measured.items()
            if measured and (point.fits or kind in OF_MEMORY)
        }


FIGURES: dict[str, Callable[[Point, ServingConfig], float]] = {
    TPOT_ONE: lambda point, _: point.tpot,
    TPOT_GROUP: lambda point, _: point.tpot,
    STREAM: lambda point, _: point.tpot,
    TTFT: lambda point, _: point.ttft,
    TTFT_P99: lambda point, _: point.ttft_p99,
    RATE: lambda point, config: point.max_requests_per_second * config.output_tokens,
    OUTPUT: lambda point, config: point.requests_per_second * config.output_tokens,
    LATENCY: lambda point, _: point.latency[0],
    CACHE: lambda point, _: float(point.memory.kv_capacity_tokens),
    HELD: lambda point, config: held_gb(config, point),
}
OF_MEMORY = (CACHE, HELD)


def tpot_kind(cards: int) -> str:
    """TPOT of one card and of a group are told apart."""
    return TPOT_ONE if cards == 1 else TPOT_GROUP


def card(name: str) -> Accelerator:
    """The catalog's card, or one of its own by its data sheet."""
    return OWN_CARDS[OWN_NAMES[name]] if name in OWN_NAMES else catalog.accelerator(CARDS[name])


def _architecture(row: dict[str, str]) -> CatalogModel:
    """The model of a row's own columns; a mixture's active part is added from its published configuration."""
    name = row["model"]
    if name in MODELS and MODELS[name].active_parameters:
        return MODELS[name]
    return CatalogModel(
        id=name, parameters=int(row["params"]), layers=int(row["layers"]), hidden_size=int(row["hidden"]),
        intermediate_size=int(row["intermediate"]), attention_heads=int(row["heads"]),
        kv_heads=int(row["kv_heads"]), vocabulary_size=int(row["vocab"]), context_length=131072,
        tied_embeddings="gemma" in name, head_size=256 if "gemma" in name else None,
    )  # fmt: skip


ENGINES: dict[str, Engine] = {"trtllm": "tensorrt_llm", "vllm": "vllm", "sglang": "sglang"}


def closed_loop() -> list[Case]:
    """ai-dynamo's silicon samples, whose load generators ask for equal lengths.

    Not scored: `nvidia/*` (the data's notes), Qwen3-32B on GB200 (without a precision, and threefold jumps
    between neighbours), and expert-parallel rows, whose number of cards the table cannot tell.
    """
    cases = []
    for row in table(SILICON):
        odd = row["model"].startswith("nvidia/") or (row["gpu_system"] == "gb200")
        expert = "_ep" in row["id"] and not any(part in row["id"] for part in ("_epnone", "_ep1", "_ep0"))
        cards = int(row["tp"])
        config = ServingConfig(
            model=_architecture(row), accelerator=card(row["gpu_system"]), tensor_parallel=cards,
            precision=PRECISIONS[row["precision"]], engine=ENGINES[row["engine"]],
            input_tokens=float(row["input_len"]), output_tokens=float(row["output_len"]),
            concurrency=float(row["batch_or_concurrency"]), fixed_lengths=True,
        )  # fmt: skip
        cases.append(
            Case(
                name=f"{row['model'].rsplit('/')[-1]} {row['gpu_system']} x{row['tp']} {row['input_len']}/"
                f"{row['output_len']} c={row['batch_or_concurrency']} {row['engine']}",
                source=row["source"],
                config=config,
                measured={tpot_kind(cards): number(row["tpot_ms"]), TTFT: number(row["ttft_ms"])},
                scored=not odd and not expert,
            )
        )
    return cases


def open_loop() -> list[Case]:
    """IOG's vLLM runs: Poisson arrivals of 200 ShareGPT prompts; version 0.8.5 runs 256 sequences."""
    cases = []
    for row in table(IOG):
        count, cards = float(row["completed"]), int(row["gpus_tp"])
        slow_link = "4090" in row["gpu"] and cards > 1
        config = ServingConfig(
            model=_architecture(row), accelerator=card(row["gpu"]), tensor_parallel=cards,
            precision=PRECISIONS[row["precision"]], input_tokens=float(row["total_input_tokens"]) / count,
            output_tokens=float(row["total_output_tokens"]) / count,
            request_rate=float(row["request_rate_qps"]), max_sequences=256,
        )  # fmt: skip
        measured = {tpot_kind(cards): number(row["median_tpot_ms"])}
        if not slow_link:
            measured |= {TTFT: number(row["median_ttft_ms"]), TTFT_P99: number(row["p99_ttft_ms"])}
        cases.append(
            Case(
                name=f"{row['model'].rsplit('/')[-1]} {row['gpu']} x{cards} {row['request_rate_qps']}/s",
                source=row["source"],
                config=config,
                measured=measured,
            )
        )
    return cases


def saturation() -> list[Case]:
    """TensorRT-LLM's offline throughput: every request is there from the start. Its static batches of 2023 too."""
    cases = []
    for row in table(TENSORRT):
        cards, static = int(row["tp"]), bool(row["note"])
        config = ServingConfig(
            model=MODELS[row["model"]], accelerator=card(row["gpu"]), tensor_parallel=cards,
            precision=PRECISIONS[row["precision"]], engine="tensorrt_llm", fixed_lengths=True,
            input_tokens=float(row["input_len"]), output_tokens=float(row["output_len"]),
            static_batch=int(float(row.get("batch"))) if static and row.get("batch") else None,
        )  # fmt: skip
        if static and not row.get("batch"):
            continue
        first = row["metric"] == "first_token_latency_ms"
        kind = TTFT if first else OUTPUT if static else RATE
        cases.append(
            Case(
                name=f"{row['model'].rsplit('/')[-1]} {row['gpu']} x{cards} {row['input_len']}/"
                f"{row['output_len']}" + f" batch {row.get('batch')}" * static,
                source=row["source"],
                config=config,
                measured={kind: float(row["value"]) if first else float(row["value_per_gpu"]) * cards},
            )
        )
    return cases


def nim() -> list[Case]:
    """NVIDIA's NIM page; rows whose labels are not visible are left out."""
    return [
        Case(
            name=f"{row['model']} {row['gpu']} x2 {row['input_len']}/{row['output_len']} c={row['concurrency']}",
            source=row["source"],
            config=ServingConfig(
                model=MODELS[SAME[row["model"]]], accelerator=card(row["gpu"]), precision="fp8",
                tensor_parallel=int(float(row["tp"])), engine="tensorrt_llm",
                input_tokens=float(row["input_len"]), output_tokens=float(row["output_len"]),
                concurrency=float(row["concurrency"]),
            ),
            measured={
                TPOT_GROUP: number(row["itl_ms"]), TTFT: number(row["ttft_ms"]),
                RATE if float(row["concurrency"]) >= 100 else OUTPUT: number(row["output_tokens_per_s"]),
            },
        )
        for row in table(NIM)
        if row["labels_verified"] == "1"
    ]  # fmt: skip


def stream() -> list[Case]:
    """A single stream of an 8B model on one card. Neither fitted nor, for want of a licence, published."""
    cases = []
    for row in table(LLAMACPP):
        known = row["gpu"] in CARDS or row["gpu"] in OWN_NAMES
        if row["metric"] == "decode_1024_tokens" and row["gpus"] == "1" and row["tokens_per_s"] and known:
            if row["model"] != "LLaMA-3-8B":
                continue
            config = ServingConfig(
                model=MODELS["meta-llama/Llama-3.1-8B-Instruct"], accelerator=card(row["gpu"]),
                engine="llama_cpp", precision="fp16" if row["quant"] == "F16" else "int4",
                input_tokens=16.0, output_tokens=1024.0, fixed_lengths=True,
            )  # fmt: skip
            cases.append(
                Case(
                    name=f"LLaMA-3-8B {row['gpu']} {row['quant']}",
                    source=row["source"],
                    config=config,
                    measured={STREAM: 1e3 / float(row["tokens_per_s"])},
                    public=False,
                    fitted=False,
                )
            )
    return cases


@cache
def cases() -> tuple[Case, ...]:
    """All published set-ups of the tables; `reports.serving` has people's."""
    return (*closed_loop(), *open_loop(), *saturation(), *nim(), *stream())


def told(found: Iterable[Case]) -> list[Row]:
    """Every published figure against the law's."""
    out: list[Row] = []
    for case in found:
        for kind, predicted in case.predicted().items():
            measured = case.measured[kind]
            if measured:
                fitted = case.fitted and kind not in (TTFT_P99, CACHE, HELD)
                out.append(
                    Row(kind, case.name, predicted, measured, case.source, fitted, case.scored, case.public)
                )
    return out


def rows() -> list[Row]:
    """Those of the tables."""
    return told(cases())

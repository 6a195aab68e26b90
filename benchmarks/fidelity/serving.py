"""Serving: published latency and throughput of inference engines against the law's.

Closed loop: the silicon samples of ai-dynamo/aiconfigurator and NVIDIA's NIM page. Open loop: the vLLM runs of
IOG-Foundation. Saturation: TensorRT-LLM's performance pages. A single stream: llama.cpp (summary figures only,
its table has no licence). Rows that are not scored are shown with the reason in their name.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from benchmarks.fidelity import Row, Target, number, table
from vapor_core import catalog
from vapor_core.contracts.entries import Accelerator, CatalogModel
from vapor_core.contracts.serving import ServingPrecision
from vapor_core.physics.serving.load import Point, serving_point

TPOT_ONE, TPOT_GROUP = "serving TPOT, one card", "serving TPOT, tensor parallel"
RATE = "serving throughput at saturation"
TTFT, TTFT_P99 = "serving TTFT", "serving TTFT, 99th percentile"
STREAM = "single-stream decode"
TARGETS = (
    Target(TPOT_ONE, median=0.10),
    Target(TPOT_GROUP, median=0.15),
    Target(RATE, median=0.20),
    Target(TTFT, median=0.30),
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
            bf16_tflops=2500.0, fp8_tflops=5000.0, fp4_tflops=10000.0, interconnect_gb_s=900.0,
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
    """One published set-up with what was measured; latencies in ms, rates for the whole group of cards."""

    name: str
    source: str
    engine: str
    model: CatalogModel
    card: Accelerator
    cards: int
    precision: ServingPrecision
    input_tokens: float
    output_tokens: float
    concurrency: float | None = None
    request_rate: float | None = None
    tpot: float | None = None
    ttft: float | None = None
    ttft_p99: float | None = None
    saturated_rate: float | None = None  # output tokens/s
    scored: bool = True

    def point(self, predict: Callable[..., Point] = serving_point) -> Point:
        """The law's answer."""
        return predict(
            self.model, self.card, self.cards, self.precision,
            input_tokens=self.input_tokens, output_tokens=self.output_tokens,
            concurrency=self.concurrency, request_rate=self.request_rate,
        )  # fmt: skip


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


def closed_loop() -> list[Case]:
    """ai-dynamo's silicon samples.

    Not scored: `nvidia/*` (the data's notes), Qwen3-32B on GB200 (without a precision, and threefold jumps
    between neighbours), and expert-parallel rows, whose number of cards the table cannot tell.
    """
    cases = []
    for row in table(SILICON):
        odd = row["model"].startswith("nvidia/") or (row["gpu_system"] == "gb200")
        expert = "_ep" in row["id"] and not any(part in row["id"] for part in ("_epnone", "_ep1", "_ep0"))
        cases.append(
            Case(
                name=f"{row['model'].rsplit('/')[-1]} {row['gpu_system']} x{row['tp']} {row['input_len']}/"
                f"{row['output_len']} c={row['batch_or_concurrency']} {row['engine']}",
                source=row["source"],
                engine=row["engine"],
                model=_architecture(row),
                card=card(row["gpu_system"]),
                cards=int(row["tp"]),
                precision=PRECISIONS[row["precision"]],
                input_tokens=float(row["input_len"]),
                output_tokens=float(row["output_len"]),
                concurrency=float(row["batch_or_concurrency"]),
                tpot=number(row["tpot_ms"]),
                ttft=number(row["ttft_ms"]),
                scored=not odd and not expert,
            )
        )
    return cases


def open_loop() -> list[Case]:
    """IOG's vLLM runs: Poisson arrivals of 200 ShareGPT prompts."""
    cases = []
    for row in table(IOG):
        count, cards = float(row["completed"]), int(row["gpus_tp"])
        slow_link = "4090" in row["gpu"] and cards > 1
        cases.append(
            Case(
                name=f"{row['model'].rsplit('/')[-1]} {row['gpu']} x{cards} {row['request_rate_qps']}/s",
                source=row["source"],
                engine="vllm",
                model=_architecture(row),
                card=card(row["gpu"]),
                cards=cards,
                precision=PRECISIONS[row["precision"]],
                input_tokens=float(row["total_input_tokens"]) / count,
                output_tokens=float(row["total_output_tokens"]) / count,
                request_rate=float(row["request_rate_qps"]),
                tpot=number(row["median_tpot_ms"]),
                ttft=None if slow_link else number(row["median_ttft_ms"]),
                ttft_p99=None if slow_link else number(row["p99_ttft_ms"]),
            )
        )
    return cases


def saturation() -> list[Case]:
    """TensorRT-LLM's offline throughput: every request is there from the start."""
    cases = []
    for row in table(TENSORRT):
        if row["metric"] == "first_token_latency_ms" or row["note"]:
            continue  # static batches of 2023, before continuous batching
        cards = int(row["tp"])
        cases.append(
            Case(
                name=f"{row['model'].rsplit('/')[-1]} {row['gpu']} x{cards} {row['input_len']}/"
                f"{row['output_len']}",
                source=row["source"],
                engine="trtllm",
                model=MODELS[row["model"]],
                card=card(row["gpu"]),
                cards=cards,
                precision=PRECISIONS[row["precision"]],
                input_tokens=float(row["input_len"]),
                output_tokens=float(row["output_len"]),
                saturated_rate=float(row["value_per_gpu"]) * cards,
            )
        )
    return cases


def nim() -> list[Case]:
    """NVIDIA's NIM page; rows whose labels are not visible are left out."""
    return [
        Case(
            name=f"{row['model']} {row['gpu']} x2 {row['input_len']}/{row['output_len']} c={row['concurrency']}",
            source=row["source"],
            engine="nim",
            model=MODELS[SAME[row["model"]]],
            card=card(row["gpu"]),
            cards=int(float(row["tp"])),
            precision="fp8",
            input_tokens=float(row["input_len"]),
            output_tokens=float(row["output_len"]),
            concurrency=float(row["concurrency"]),
            tpot=number(row["itl_ms"]),
            ttft=number(row["ttft_ms"]),
            saturated_rate=number(row["output_tokens_per_s"]) if float(row["concurrency"]) >= 100 else None,
        )
        for row in table(NIM)
        if row["labels_verified"] == "1"
    ]


def stream() -> list[Case]:
    """llama.cpp on one card: a single stream of an 8B model, 16-bit and 4-bit."""
    cases = []
    for row in table(LLAMACPP):
        known = row["gpu"] in CARDS or row["gpu"] in OWN_NAMES
        if row["metric"] == "decode_1024_tokens" and row["gpus"] == "1" and row["tokens_per_s"] and known:
            if row["model"] != "LLaMA-3-8B":
                continue
            cases.append(
                Case(
                    name=f"LLaMA-3-8B {row['gpu']} {row['quant']}",
                    source=row["source"],
                    engine="llama.cpp",
                    model=MODELS["meta-llama/Llama-3.1-8B-Instruct"],
                    card=card(row["gpu"]),
                    cards=1,
                    precision="fp16" if row["quant"] == "F16" else "int4",
                    input_tokens=16.0,
                    output_tokens=1024.0,
                    tpot=1e3 / float(row["tokens_per_s"]),
                )
            )
    return cases


@cache
def cases() -> tuple[Case, ...]:
    """All published set-ups."""
    return (*closed_loop(), *open_loop(), *saturation(), *nim(), *stream())


def rows() -> list[Row]:
    """Every published figure against the law's."""
    out: list[Row] = []
    for case in cases():
        point = case.point()
        if not point.fits:
            continue

        def add(kind: str, predicted: float, measured: float | None, case: Case = case) -> None:
            if measured:
                own = case.engine != "llama.cpp"  # neither fitted nor, for want of a licence, published
                fitted = own and kind != TTFT_P99
                out.append(Row(kind, case.name, predicted, measured, case.source, fitted, case.scored, own))

        if case.engine == "llama.cpp":
            add(STREAM, point.tpot, case.tpot)
            continue
        add(TPOT_ONE if case.cards == 1 else TPOT_GROUP, point.tpot, case.tpot)
        add(TTFT, point.ttft, case.ttft)
        add(TTFT_P99, point.ttft_p99, case.ttft_p99)
        add(RATE, point.max_requests_per_second * case.output_tokens, case.saturated_rate)
    return out

"""litgpt's Alpaca-2k table and PEFT's MetaMathQA comparison as configurations."""

from vapor_core import catalog
from vapor_core.contracts.entries import CatalogModel
from vapor_core.contracts.training import JobConfig

LITGPT, PEFT = "Lightning-AI/litgpt", "huggingface/peft"
# Tokens of pretraining as their publishers say, by the names of litgpt's table.
PRETRAINED = {
    "falcon-7b": 1.5e12, "gemma-2b": 3e12, "gemma-7b": 6e12, "llama-3-8b": 15e12, "llama-3.1-8b": 15e12,
    "llama-3.2-1b": 9e12, "llama-3.2-3b": 9e12, "mistral-7b": None, "phi-2": 1.4e12, "llama-2-7b": 2e12,
    "Phi-3-mini-4k-instruct": 3.3e12, "stablelm-base-alpha-3b": 8e11, "tiny-llama-1.1b": 3e12,
}  # fmt: skip
# LoRA by itself and its kin of the same matrices, which a JobConfig can name.
PEFT_LORA = ("LORA", "FULL_FINETUNING", "FULL", "GRALORA", "MISS")
ALPACA_2K, METAMATH = "mhenrichsen/alpaca_2k_test", "meta-math/MetaMathQA"


def litgpt_model(row: dict[str, str]) -> CatalogModel:
    """The model of a row of litgpt's table."""
    counts = (int(row[name]) for name in ("params", "layers", "hidden", "intermediate", "heads", "kv_heads"))
    parameters, layers, hidden, wide, heads, kv_heads = counts
    return CatalogModel(
        id=row["model"], parameters=parameters, layers=layers, hidden_size=hidden, intermediate_size=wide,
        attention_heads=heads, kv_heads=kv_heads, vocabulary_size=int(row["vocab"]),
        pretraining_tokens=PRETRAINED.get(row["model"]), tied_embeddings="gemma" in row["model"],
    )  # fmt: skip


def litgpt_config(row: dict[str, str]) -> JobConfig:
    """The run of a row: cosine, Alpaca-2k cut at 512 tokens."""
    method = row["method"]
    cards = int(row["gpus"])
    batch = int(row["global_batch"])
    micro = int(row["micro_batch"])
    epochs = float(row["epochs"])
    steps = max(int(2000 * epochs / batch), 1)
    lora = {}
    if method != "full":
        targets = tuple(row["lora_targets"].split("|"))
        lora = {
            "lora_rank": int(float(row["lora_r"])),
            "lora_alpha": float(row["lora_alpha"]),
            "lora_targets": targets,
        }
    return JobConfig(
        model=litgpt_model(row), dataset=ALPACA_2K, method=method, learning_rate=float(row["lr"]), epochs=epochs,
        micro_batch_size=micro, gradient_accumulation_steps=max(batch // micro, 1), accelerator="nvidia-a10g",
        sequence_length=512, warmup_ratio=min(float(row["warmup_steps"] or 0) / steps, 0.99),
        min_learning_rate_ratio=float(row["min_lr"] or 0) / float(row["lr"]),
        sharding="zero3" if cards > 1 and method == "full" else "none", **lora,
    )  # fmt: skip


def peft_config(row: dict[str, str]) -> JobConfig:
    """The run of a row of PEFT's comparison: Llama-3.2-3B, 5,000 steps of four examples."""
    full = "FULL" in row["method"]
    lora = {}
    if not full:
        lora = {
            "lora_rank": int(float(row["rank"])),
            "lora_alpha": float(row["alpha"] or 2 * float(row["rank"])),
            "lora_targets": tuple(row["target_modules"].split("|")),
        }
    return JobConfig(
        model=catalog.model("meta-llama/Llama-3.2-3B"), dataset=METAMATH, method="full" if full else "lora",
        learning_rate=float(row["lr"]), max_steps=5000, micro_batch_size=4, gradient_accumulation_steps=1,
        sequence_length=768, accelerator="nvidia-l40s", warmup_ratio=0.0, **lora,
    )  # fmt: skip

"""The reader of reported runs: tags and missing features become fields of a configuration."""

import csv
import json

import pytest

from benchmarks.fidelity.reports import rows

COLUMNS = (
    *(
        "id",
        "kind",
        "group",
        "source",
        "what",
        "config_json",
        "metric",
        "measured",
        "unit",
        "quality",
        "tags",
    ),
    *("missing_features", "note"),
)
RUN = {
    "model": "meta-llama/Llama-3.1-8B",
    "accelerator": "nvidia-a100-80gb",
    "method": "lora",
    "lora_rank": 8,
}
# A setting, its tags, its missing features, and the fields that they become.
SAID = [
    (
        RUN,
        "lora hf_trainer flash_attn",
        "",
        {"trainer": "trl", "attention": "flash", "cross_entropy": "full"},
    ),
    (RUN, "lora liger", "liger", {"fused_kernels": True, "cross_entropy": "fused"}),
    (RUN, "lora dora", "dora", {"dora": True}),
    (RUN, "lora", "trainable_embeddings", {"train_embeddings": True}),
    (RUN, "lora int8_base", "int8_base", {"base_quantization": "int8"}),
    (RUN | {"method": "qlora"}, "qlora gptq", "gptq_awq_base", {"base_quantization": "gptq"}),
    (RUN | {"method": "qlora"}, "qlora awq", "gptq_awq_base", {"base_quantization": "awq"}),
    (RUN | {"method": "qlora"}, "qlora kbit_fp32_upcast", "", {"master_weights": "fp32"}),
    (RUN | {"method": "full"}, "full amp", "amp_fp32_master", {"master_weights": "fp32"}),
    (
        RUN | {"method": "full"},
        "full torchtune",
        "adam4bit",
        {"trainer": "torchtune", "optimizer": "adamw_4bit"},
    ),
    (RUN | {"method": "full"}, "full grpo", "grpo", {"method": "grpo"}),
    (RUN | {"method": "full"}, "full", "galore", {"optimizer": "galore_adamw"}),
    (
        RUN | {"sharding": "zero3", "accelerator_count": 2},
        "lora",
        "cpu_offload",
        {"offload": ("optimizer", "parameters")},
    ),
    (
        RUN | {"sharding": "zero2"},
        "lora",
        "cpu_offload activation_offload",
        {"offload": ("optimizer", "activations")},
    ),
    (
        RUN | {"method": "pretrain", "accelerator_count": 8},
        "pretrain",
        "hsdp torch_compile",
        {"sharding": "hybrid", "compile": True},
    ),
]


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Writes a table of one row and gives the report that it is read as."""

    def write(setting, tags, missing, *, kind="memory", what=""):
        row = dict.fromkeys(COLUMNS, "") | {
            "id": "one", "kind": kind, "group": "somebody", "what": what, "config_json": json.dumps(setting),
            "measured": "12.5", "metric": "memory_gb", "tags": tags, "missing_features": missing,
        }  # fmt: skip
        with (tmp_path / f"reports_{kind}.csv").open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, COLUMNS)
            table.writeheader()
            table.writerow(row)
        monkeypatch.setenv("VAPOR_PUBLISHED_DATA", str(tmp_path))
        rows.reports.cache_clear()
        (report,) = rows.reports(kind)
        rows.reports.cache_clear()
        return report

    return write


@pytest.mark.parametrize(("setting", "tags", "missing", "fields"), SAID)
def test_what_a_report_says_in_words_becomes_fields(written, setting, tags, missing, fields):
    report = written(setting, tags, missing)
    assert {name: getattr(report.job, name) for name in fields} == fields
    assert (report.measured, report.group) == (12.5, "somebody")


def test_a_recipe_of_nemo_keeps_its_global_batch_when_its_model_is_split(written):
    setting = {
        **RUN, "model": "meta-llama/Llama-2-13b-hf", "method": "pretrain", "accelerator_count": 16,
        "micro_batch_size": 1, "gradient_accumulation_steps": 8, "accelerator": "nvidia-h100-80gb",
    }  # fmt: skip
    setting.pop("lora_rank")
    config = written(setting, "pretrain megatron", "tp_pp_cp", kind="speed", what="GBS128 MBS1").job
    assert (config.pipeline_parallel, config.replicas) == (4, 4)
    assert config.micro_batch_size * config.gradient_accumulation_steps * config.replicas == 128


def test_a_report_of_an_endpoint_gives_a_serving_configuration(written):
    setting = {"model": "meta-llama/Llama-3.1-8B", "accelerator": "nvidia-a100-80gb", "concurrency": 4}
    report = written(setting, "vllm one card", "eager_mode", kind="serving")
    assert report.serving.concurrency == 4
    assert report.unsaid == ("eager_mode",)

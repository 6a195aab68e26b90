"""Other trainers' configurations, in and out.

adapters: PEFT's adapter_config.json: what was adapted, and of which model.
axolotl: Axolotl's YAML.
document: The fields of a configuration file, whichever notation it is in: JSON, YAML, or the calls of a
    Python snippet.
fields: What was made of each field of a trainer's file: understood, of no consequence, or beyond what Vapor
    models.
huggingface: The fields that transformers' TrainingArguments give every trainer that stands on them, and
    PEFT's LoRA.
llama_factory: LLaMA-Factory's YAML and JSON.
memory_fields: Fields of trainers' files that change memory: kernels, losses, attention, bases, offload and
    parallel sizes.
reading: A trainer's configuration read into Vapor's: what was understood, what changes no figure, what is not
    modelled.
settings: A configuration from what a trainer's file says, once the number of its steps is known.
sharding: Sharding and world size, as DeepSpeed's JSON, accelerate's YAML and FSDP's fields say them.
torchtune: Torchtune's YAML, whose components are named by their builders.
trl: TRL's YAML and its trainers' arguments, which Unsloth's snippets give too, and dumps of
    TrainingArguments.
words: Which of Vapor's words a trainer's word means: models, data, optimizers, schedules, LoRA's matrices.
writing: A configuration of Vapor's written for a trainer, so that reading it back gives the same one.
"""

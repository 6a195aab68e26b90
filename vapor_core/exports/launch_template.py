"""The text of a launch script: what is the same in every one, with places for what a configuration says.

Targets transformers 5.24, TRL 1.16, PEFT 0.21 and datasets 5.2; tests/data/trainer_signatures.json has their names.
"""

# The law of physics.loss.schedule, schedule by schedule: the rate over its peak at `step` of `total`, from 0.
_AFTER_WARMUP = """\
    warmup = ceil({warmup_ratio!r} * total)
    rise = min((step + 1) / warmup, 1.0) if warmup else 1.0
"""
MULTIPLIERS: dict[str, str] = {
    "constant": f"{_AFTER_WARMUP}    return rise",
    "linear": f"""{_AFTER_WARMUP}\
    done = min(max((step - warmup) / max(total - 1 - warmup, 1), 0.0), 1.0)
    return rise * ({{floor!r}} + (1 - {{floor!r}}) * (1 - done))""",
    "cosine": f"""{_AFTER_WARMUP}\
    done = min(max((step - warmup) / max(total - 1 - warmup, 1), 0.0), 1.0)
    return rise * ({{floor!r}} + (1 - {{floor!r}}) * 0.5 * (1 + cos(pi * done)))""",
    "wsd": f"""{_AFTER_WARMUP}\
    decay = {{decay_ratio!r}} * (total - 1)
    into = min(max((step - (total - 1 - decay)) / max(decay, 1e-9), 0.0), 1.0)
    return rise * (1 - (1 - {{floor!r}}) * into)""",
    "points": """\
    at = step / max(total - 1, 1)
    place = bisect_right(POINTS, at, key=lambda point: point[0])
    if place in (0, len(POINTS)):
        drawn = POINTS[min(place, len(POINTS) - 1)][1]
    else:
        (left, low), (right, high) = POINTS[place - 1 : place + 1]
        drawn = low + (high - low) * (at - left) / (right - left)
    if POINTS[0][1] < 0.5 * max(rate for _, rate in POINTS):  # the points rise by themselves
        return drawn
    warmup = ceil({warmup_ratio!r} * total)
    return drawn * (min((step + 1) / warmup, 1.0) if warmup else 1.0)""",
}

SCRIPT = '''"""{title}

Written by Vapor from a rehearsed configuration.
Needs: {packages}
Run: {command}

{notes}
"""

{imports}

MODEL = {model!r}
DATASET = {dataset!r}
SUBSET, SPLIT = {subset!r}, {split!r}
EPOCHS, MAX_STEPS = {epochs!r}, {max_steps!r}  # the steps count where they are given
EVAL_EVERY, CHECKPOINT_EVERY = {eval_every!r}, {checkpoint_every!r}  # steps; a share of the run where None
SEQUENCES_A_STEP = {global_batch!r}
{constants}ARGUMENTS = {arguments}


def multiplier(step, total):
    """The learning rate over its peak at a step of so many, counted from 0: as it was rehearsed."""
{multiplier}


def training_rows():
    """The rows of a file, a folder or a data set of the Hub."""
    kinds = {{".jsonl": "json", ".json": "json", ".csv": "csv", ".tsv": "csv", ".parquet": "parquet"}}
    if Path(DATASET).is_file():
        kind = kinds.get(Path(DATASET).suffix, "text")
        more = {{"sep": "\\t"}} if DATASET.endswith(".tsv") else {{}}
        return load_dataset(kind, data_files=DATASET, split="train", **more)
    return load_dataset(DATASET, SUBSET, split=SPLIT)


{example}


class Rehearsed(SFTTrainer):
    """A trainer whose learning rate, length, evaluations and checkpoints are those of the rehearsal."""

    def create_scheduler(self, num_training_steps, optimizer=None):
        if self.lr_scheduler is None:
            self.lr_scheduler = LambdaLR(
                optimizer or self.optimizer, lambda step: multiplier(step, num_training_steps)
            )
            self._created_lr_scheduler = True
        return self.lr_scheduler


class Cadence(TrainerCallback):
    """Evaluates and saves as often as the rehearsal."""

    def on_train_begin(self, args, state, control, **_):
        state.eval_steps = EVAL_EVERY or max(state.max_steps // 20, 1)
        state.save_steps = CHECKPOINT_EVERY or max(state.max_steps // 10, 1)


set_seed(ARGUMENTS["seed"])  # before weights or adapters are drawn
tokenizer = AutoTokenizer.from_pretrained(MODEL)
tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
rows = training_rows()
rows = rows.map(as_example, remove_columns=rows.column_names)
rows = rows.train_test_split(test_size=0.02, seed=ARGUMENTS["seed"])
{load}
trainer = Rehearsed(
    model=model,
    args=SFTConfig(**ARGUMENTS),
    train_dataset=rows["train"],
    eval_dataset=rows["test"],
    processing_class=tokenizer,
    callbacks=[Cadence()],
)
{after}trainer.args.max_steps = MAX_STEPS or max(ceil(EPOCHS * len(trainer.train_dataset) / SEQUENCES_A_STEP), 1)
trainer.train()
trainer.save_model()
'''

# What a row becomes: text for pretraining; for a fine-tune a prompt and its answer, or a chat, where it has them.
EXAMPLE_OF_TEXT = '''\
def as_example(row):
    """One example as the text that is trained on, whichever of the usual columns it has."""
    turns = row.get("messages") or row.get("conversations")
    if turns:
        return {"text": "\\n".join(str(turn.get("content") or turn.get("value") or "") for turn in turns)}
    if "text" in row:
        return {"text": row["text"] or ""}
    return {"text": "\\n".join(value for value in row.values() if isinstance(value, str) and value)}'''

EXAMPLE_WITH_ANSWER = '''\
ASKED = ("instruction", "question", "query", "problem", "prompt", "input", "inputs", "context")
ANSWERS = ("output", "answer", "response", "completion", "solution", "target", "chosen")
ROLES = {"human": "user", "gpt": "assistant"}


def as_example(row):
    """One example: a chat, a prompt with its answer (whose tokens alone are trained on), or a text."""
    turns = row.get("messages") or row.get("conversations")
    if turns:
        said = [(turn.get("role") or turn.get("from"), turn.get("content") or turn.get("value")) for turn in turns]
        if tokenizer.chat_template:
            return {"messages": [{"role": ROLES.get(who, who), "content": words or ""} for who, words in said]}
        return {"text": "\\n".join(f"{who}\\n{words or ''}" for who, words in said)}
    asked = [name for name in ASKED if name in row]
    answer = next((name for name in ANSWERS if name in row), None)
    if asked and answer:
        prompt = "\\n".join(str(row[name]) for name in asked if row[name])
        return {"prompt": prompt + "\\n", "completion": str(row[answer] or "")}
    if "text" in row:
        return {"text": row["text"] or ""}
    return {"text": "\\n".join(value for value in row.values() if isinstance(value, str) and value)}'''

LORA_NAMES = '''\
def adapted(model):
    """The names that this model gives to the matrices that LoRA adapts."""
    known = [f".{name}" for name, _ in model.named_modules()]
    found = {
        target: next((name for name in names if any(each.endswith(f".{name}") for each in known)), None)
        for target, names in MODULES.items()
    }
    print("LoRA adapts:", found)
    return sorted({name for name in found.values() if name})'''

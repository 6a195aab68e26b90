"""A Python script that does for real what was rehearsed: the training program in one file."""

from collections.abc import Iterator
from math import ceil
from textwrap import fill

from vapor_core import catalog
from vapor_core.contracts.entries import Accelerator
from vapor_core.contracts.training import JobConfig
from vapor_core.exports.launch_notes import notes
from vapor_core.exports.launch_spec import BY_BITS, launch_spec
from vapor_core.exports.single_file import single_file

# As the extra `local` has them: their arguments change often.
PACKAGES = (
    *("torch>=2.6", "transformers>=5.24,<5.25", "trl>=1.16,<1.17", "peft>=0.21,<0.22"),
    *("datasets>=5.2,<6", "accelerate>=1.15,<2"),
)
_CPU = "cpu"  # the catalog's id of a machine without a GPU


def launch_script(config: JobConfig) -> str:
    """A Python script that trains as the configuration says, by the program that runs here too.

    What cannot be done as it was rehearsed is said at the top of the script. Data and models that are the person's
    own are left as a name to fill in. The script only names values as Python literals.
    """
    model, data = catalog.model(config.model), catalog.dataset(config.dataset)
    card = catalog.accelerator(config.accelerator)
    rehearsed = f"{config.accelerator_count} x {_plain(card.display_name)}"
    said = [
        f"{config.method} of {_plain(model.id)} on {_plain(data.id)}, rehearsed on {rehearsed}.",
        "",
        "Written by Vapor from a rehearsed configuration: its training program in one file.",
        fill(f"Needs: {', '.join(packages(config))}; `uv run train.py` brings them.", 110),
        f"Run: {_command(config, card)}",
        'A folder may be named after it, "run" where none is. It takes metrics.jsonl (an event a line), checkpoints',
        "and the result; started again it goes on from the last whole checkpoint, and a file named stop in it ends it.",
        "",
        "What differs from the rehearsal:",
        *(f"- {note}" for note in notes(config)),
    ]
    return single_file(launch_spec(config), docstring="\n".join(said), packages=packages(config))


def packages(config: JobConfig) -> tuple[str, ...]:
    """Requirements of the script."""
    return (*PACKAGES, *_more_packages(config))


def _more_packages(config: JobConfig) -> Iterator[str]:
    if config.base_quantization != "none" or config.optimizer in BY_BITS:
        yield "bitsandbytes"
    if config.optimizer == "adamw_4bit":
        yield "torchao"
    if config.fused_kernels and catalog.accelerator(config.accelerator).id != _CPU:
        yield "liger-kernel"


def _command(config: JobConfig, card: Accelerator) -> str:
    if config.accelerator_count == 1:
        # TRL refuses to spread one process over several GPUs
        return "python train.py" if card.id == _CPU else "CUDA_VISIBLE_DEVICES=0 python train.py"
    nodes = ceil(config.accelerator_count / card.cards_per_node)
    if nodes == 1:
        return f"torchrun --nproc-per-node {config.accelerator_count} train.py"
    each = min(config.accelerator_count, card.cards_per_node)
    return (
        f"torchrun --nnodes {nodes} --nproc-per-node {each} --rdzv-backend c10d "
        "--rdzv-endpoint FIRST_NODE:29500 train.py   (on each node)"
    )


def _plain(text: str) -> str:
    """Text that cannot leave a docstring."""
    return "".join(letter for letter in text if letter.isalnum() or letter in "-_./ ")[:120]

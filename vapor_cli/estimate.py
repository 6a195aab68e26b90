"""`vapor estimate`: what a run will take, from any trainer's file, and whether it stays within limits."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vapor_cli.told import FINE, OVER, fail, one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vapor_core.contracts.estimates import Estimate
    from vapor_core.contracts.training import JobConfig
    from vapor_core.trainers.reading import ReadConfig

STDIN = "-"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run may take; None where it may take anything."""

    must_fit: bool
    max_cost: float | None  # US dollars
    max_hours: float | None
    surely: bool  # the upper end of each range counts

    def exceeded(self, found: Estimate) -> tuple[str, ...]:
        """What is too much, a sentence each."""
        memory = found.memory_reserved_gb_high if self.surely else found.memory_reserved_gb
        cost = found.cost_usd_high if self.surely else found.cost_usd
        hours = (found.duration_s_high if self.surely else found.duration_s) / 3600
        said = []
        if self.must_fit and memory > found.memory_available_gb:
            said.append(f"it needs {memory:.1f} GB and the card has {found.memory_available_gb:g} GB")
        if self.max_cost is not None and cost > self.max_cost:
            said.append(f"it costs ${cost:,.2f} and may cost ${self.max_cost:,.2f}")
        if self.max_hours is not None and hours > self.max_hours:
            said.append(f"it takes {hours:,.1f} hours and may take {self.max_hours:,.1f}")
        return tuple(said)


def estimate(
    config: Annotated[
        str | None,
        typer.Argument(
            metavar="[CONFIG]", help="a configuration file: Vapor's own or any trainer's; - for stdin"
        ),
    ] = None,
    *,
    model: Annotated[str | None, typer.Option(help="a model of the catalog, in place of the file's")] = None,
    dataset: Annotated[str | None, typer.Option(help="a data set of the catalog")] = None,
    method: Annotated[str | None, typer.Option(help="full, lora, qlora, dpo, ..., pretrain")] = None,
    accelerator: Annotated[str | None, typer.Option(help="a card of the catalog, such as nvidia-l4")] = None,
    count: Annotated[int | None, typer.Option(help="accelerators")] = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="any field of a configuration")
    ] = None,
    must_fit: Annotated[bool, typer.Option("--must-fit", help="exit with 1 where it does not fit")] = False,
    max_cost: Annotated[float | None, typer.Option(help="exit with 1 above so many US dollars")] = None,
    max_hours: Annotated[float | None, typer.Option(help="exit with 1 above so many hours")] = None,
    surely: Annotated[
        bool, typer.Option("--surely", help="hold the upper end of each range against the limits")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="everything, for a program to read")] = False,
) -> None:
    """What a training run will take: whether it fits, how long, what it costs, where its loss ends.

    For a pipeline that refuses a run too large: vapor estimate sft.yaml --must-fit --max-cost 30

    Exit codes: 0 fine, 1 a limit is exceeded, 2 the file cannot be read or says something impossible.
    """
    with one_line():
        given = {
            "model": model,
            "dataset": dataset,
            "method": method,
            "accelerator": accelerator,
            "accelerator_count": count,
        }
        changes = {name: value for name, value in given.items() if value is not None} | _settings(
            setting or []
        )
        read, job = _job(config, changes)
        from vapor_core.advice.estimate import estimate as estimated  # noqa: PLC0415 - takes a while to load

        found = estimated(job)
    exceeded = Limits(must_fit, max_cost, max_hours, surely).exceeded(found)
    if as_json:
        typer.echo(_json(job, found, read, exceeded))
    else:
        from vapor_cli import estimate_table  # noqa: PLC0415 - rich takes a while to load

        estimate_table.show(config or "given here", job, found, read)
    for sentence in exceeded:
        typer.echo(f"refused: {sentence}", err=True)
    raise typer.Exit(OVER if exceeded else FINE)


def _settings(pairs: list[str]) -> dict[str, object]:
    """FIELD=VALUE as YAML reads the value, so that numbers, lists and null are what they look like."""
    import yaml  # noqa: PLC0415 - takes a while to load

    found: dict[str, object] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            fail(f"--set wants FIELD=VALUE, not {pair!r}")
        try:
            found[name.strip()] = yaml.safe_load(value)
        except (yaml.YAMLError, ValueError):
            fail(f"--set {name}: {value!r} is no value")
    return found


def _job(place: str | None, changes: Mapping[str, object]) -> tuple[ReadConfig | None, JobConfig]:
    """The configuration that a file and options make together."""
    from vapor_core.contracts.training import JobConfig  # noqa: PLC0415
    from vapor_core.errors import InvalidConfig  # noqa: PLC0415

    if place is None:
        if "model" not in changes:
            fail("name a configuration file, or a model with --model; vapor estimate --help has an example")
        return None, JobConfig(**changes)
    from vapor_core.trainers.reading import read_config  # noqa: PLC0415

    if place == STDIN:
        read = read_config(sys.stdin.buffer.read(), "stdin")
    else:
        read = read_config(Path(place).read_bytes(), Path(place).name)
    base: Any = read.config
    if base is None and "model" in changes:
        base = read.with_model(str(changes["model"]))
    if base is None:
        raise InvalidConfig(
            f"{'; '.join(read.missing)}; --model names one" if read.missing else "it names no model"
        )
    return read, base.changed(**changes)


def _json(job: JobConfig, found: Estimate, read: ReadConfig | None, exceeded: tuple[str, ...]) -> str:
    import json  # noqa: PLC0415

    of_file = (
        {}
        if read is None
        else {"not_modelled": read.not_modelled, "assumed": read.assumed, "ignored": read.ignored}
    )
    told = {name: [asdict(each) for each in fields] for name, fields in of_file.items()}
    whole = {
        "config": job.model_dump(mode="json"),
        "estimate": found.model_dump(mode="json"),
        "format": "" if read is None else read.format,
        **told,
        "exceeded": list(exceeded),
    }
    return json.dumps(whole, indent=2)

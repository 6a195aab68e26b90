"""What all laws together say of one configuration: what estimate, simulator and comparison read, worked out once."""

from dataclasses import dataclass
from functools import lru_cache

from vapor_core.contracts.training import Calibration, JobConfig
from vapor_core.physics.loss.curve import LossCurve, loss_curve
from vapor_core.physics.memory import TrainingMemory, training_memory
from vapor_core.physics.plan import NOT_OF_A_LAW, Plan, once, plan
from vapor_core.physics.throughput import Throughput, training_throughput
from vapor_core.physics.timing import Timing, mean_timing, startup_s


@dataclass(frozen=True, eq=False, slots=True)
class Rehearsal:
    """A configuration by all laws. Where a calibration was given, every part has its constants already."""

    plan: Plan
    memory: TrainingMemory
    throughput: Throughput
    curve: LossCurve
    timing: Timing  # without jitter and faults
    startup_s: float  # from the start of the job to its first step
    calibration: Calibration | None

    @property
    def price_per_second(self) -> float:
        """US dollars a second, all accelerators."""
        return self.plan.config.accelerator_count * self.plan.accelerator.price_per_hour / 3600


@dataclass(frozen=True, eq=False, slots=True)
class _Laws:
    """What the laws say, whatever the seed."""

    memory: TrainingMemory
    throughput: Throughput
    curve: LossCurve
    startup_s: float


@lru_cache(maxsize=256)
def rehearse(config: JobConfig, calibration: Calibration | None = None) -> Rehearsal:
    """A configuration by all laws, under a person's own constants where there are any.

    Raises:
        NotInCatalog: where the model, data set or accelerator is unknown; names the nearest.
    """
    asked = plan(config)
    laws = _laws(asked, calibration)
    return Rehearsal(
        plan=asked,
        memory=laws.memory,
        throughput=laws.throughput,
        curve=laws.curve,
        timing=mean_timing(asked, laws.throughput.step_time_s),
        startup_s=laws.startup_s,
        calibration=calibration,
    )


@once(NOT_OF_A_LAW)
def _laws(asked: Plan, calibration: Calibration | None) -> _Laws:
    memory, throughput = training_memory(asked), training_throughput(asked)
    if calibration is not None and calibration.memory_scale:
        memory = memory.scaled(calibration.memory_scale)
    if calibration is not None and calibration.throughput_scale:
        throughput = throughput.scaled(calibration.throughput_scale, calibration.throughput_error)
    return _Laws(memory, throughput, loss_curve(asked, calibration), startup_s(asked))

"""Every job and its answer. No torch: who asks for a job does not import what carries it out."""

from abc import abstractmethod
from typing import ClassVar, Generic

from kdbench.deploy.runtime import BATCH
from kdbench.execute.workers.job import Answer, Job, OwnProcess
from kdbench.execute.workers.place import Setting
from kdbench.results import Outcome
from kdbench.results.predictions import Predictions
from kdbench.results.timings import Energy, Round
from kdbench.spec import DataSpec, How, NamedChoice, Record, Trial
from kdbench.spec.choice import Several
from kdbench.spec.task import Pixels
from kdbench.spec.variants import Variant

TRAINING = "kdbench.execute.jobs.training"
EXPORT = "kdbench.execute.jobs.export"
EVALUATION = "kdbench.execute.jobs.evaluation"
DATA = "kdbench.execute.jobs.data"
TIMING = "kdbench.execute.jobs.timing"

# Torch would bring threads, allocators and an OpenMP of its own into the process that is measured.
TIMING_PROCESS = OwnProcess(variables={"OMP_NUM_THREADS": "1"}, seconds=600.0)


class PlacedJob(Job[Answer], Generic[Answer]):
    """A job that reads the store or the data."""

    setting: Setting


# Training


class Done(Record):
    """A job was carried out; or `reason` says why that is not possible."""

    reason: str | None = None


class RehearsalDone(Done):
    """Likewise of a rehearsal, with notes on the data; and whether the reason is a layer that is not there."""

    notes: Several[str] = ()
    no_such_layer: bool = False


class Rehearse(PlacedJob[RehearsalDone]):
    """One step of a trial on two samples, under untrained parents; its network is saved and exported where asked.

    `data_sha256` is that of the data as trials that are done already had it, if there is any.
    """

    function: ClassVar[str] = f"{TRAINING}:rehearse_trial"
    trial: Trial
    parents: Several[Trial]
    exported: bool
    data_sha256: str | None


class Probed(Record):
    """Seconds that an epoch of the trial takes; none where it does not train."""

    epoch_seconds: float | None


class ProbeStep(PlacedJob[Probed]):
    """The time of a trial's step on a few batches, under untrained parents."""

    function: ClassVar[str] = f"{TRAINING}:probe_step"
    trial: Trial
    parents: Several[Trial]


class CohortTrained(Record):
    """How each trial of a cohort ended, by key; the records of those that are done are in the store."""

    outcomes: dict[str, Outcome]


class TrainCohort(PlacedJob[CohortTrained]):
    """Train trials that share parents, data, recipe and seed, and record each; their parents are in the store."""

    function: ClassVar[str] = f"{TRAINING}:train_trials"
    trials: Several[Trial]


# Export and evaluation


class JobOnKeys(PlacedJob[Answer], Generic[Answer]):
    """A job on several things of the store, which may be divided into jobs on one each."""

    keys: Several[str]
    data: DataSpec


class TrialsExported(Record):
    """Why trials have no exported file, by key; all others have theirs."""

    failures: dict[str, str]


class ExportTrials(JobOnKeys[TrialsExported]):
    """Export trained trials, and compare each file with its network."""

    function: ClassVar[str] = f"{EXPORT}:export_trials"


class MakeVariant(PlacedJob[Done]):
    """One exported file as a variant, and how far its logits are from those of the file."""

    function: ClassVar[str] = f"{EXPORT}:make_variant"
    source: str  # key of the artifact that it is made from
    made: str  # its own key
    trained: str | None = None  # key of the trial that was trained for it
    variant: Variant
    data: DataSpec


class EvaluateArtifacts(JobOnKeys[Done]):
    """Artifacts on the test split under one condition, by all scores that are asked for."""

    function: ClassVar[str] = f"{EVALUATION}:evaluate_artifacts"
    condition: NamedChoice | None  # none: clean images
    metrics: Several[NamedChoice]


class DataDescribed(Record):
    """What images a dataset has."""

    shape: tuple[int, int, int]  # channels, height, width
    classes: int
    notes: Several[str]


class DescribeData(PlacedJob[DataDescribed]):
    """Load a dataset, to know its images."""

    function: ClassVar[str] = f"{DATA}:describe_data"
    data: DataSpec


class EvaluateFile(PlacedJob[Predictions]):
    """An ONNX file that the user brought on the test split."""

    function: ClassVar[str] = f"{EVALUATION}:evaluate_file"
    data: DataSpec
    onnx: str
    scale: Pixels
    batch: int | None  # the only batch size that it takes; none: any


# Timing of exported files


class SamplesSaved(Record):
    """A file of samples was written: the bytes of one."""

    sample_bytes: int


class SaveSamples(PlacedJob[SamplesSaved]):
    """The first test samples [N, C, H, W], float32, as models get them, as an .npy file."""

    function: ClassVar[str] = f"{DATA}:save_samples"
    data: DataSpec
    scale: Pixels
    batch: int  # the largest that they are for
    path: str


class SaveRandomSamples(Job[SamplesSaved]):
    """Random samples of this shape, likewise."""

    function: ClassVar[str] = f"{TIMING}:save_random_samples"
    shape: tuple[int, int, int]  # channels, height, width
    batch: int  # the largest that they are for
    path: str


class TimingJob(Job[Answer], Generic[Answer]):
    """A measurement in a process of its own, in which torch is not imported."""

    own_process: ClassVar[OwnProcess | None] = TIMING_PROCESS
    samples: str  # an .npy file [N, C, H, W], float32
    how: How
    dimensions: Several[str] = (BATCH,)  # names of the files' batch dimension

    @abstractmethod
    def files(self) -> tuple[str, ...]:
        """Paths of all that is read."""


class ReadEnergy(TimingJob[Energy]):
    """Run a file for so many seconds beside the machine's counter of energy."""

    function: ClassVar[str] = f"{TIMING}:read_energy"
    onnx: str
    seconds: float

    def files(self) -> tuple[str, ...]:
        return self.onnx, self.samples


class TimePair(TimingJob[Round]):
    """Time two files against each other in `sessions` re-created pairs of sessions of at most `pairs` slice pairs.

    If `cold`, the candidate is loaded and run once before anything else.
    """

    function: ClassVar[str] = f"{TIMING}:time_pair"
    candidate: str
    reference: str
    sessions: int
    pairs: int
    cold: bool = False

    def files(self) -> tuple[str, ...]:
        return self.candidate, self.reference, self.samples

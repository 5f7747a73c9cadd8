"""What to run: suites, trials, plans and their errors. Pure functions and frozen records; no torch."""

from kdbench.spec.choice import Choice, NamedChoice, Record
from kdbench.spec.comparison import Gate
from kdbench.spec.errors import Problem, UserError, nearest
from kdbench.spec.keys import content_key, record_content
from kdbench.spec.latency import How, LatencySpec
from kdbench.spec.planning.entry import Entry
from kdbench.spec.planning.plan import Plan, plan
from kdbench.spec.planning.site import Site
from kdbench.spec.reading.library import find_suite, suite_name, suites
from kdbench.spec.reading.suite_file import check_suite, load_suite, parse_suite
from kdbench.spec.recipe import AdamW, Constant, Cosine, Sgd, Step, TrainSpec
from kdbench.spec.signature import KINDS, REQUIRED, Catalog, Kind, Option, Signature
from kdbench.spec.suite import PART, Pair, Suite
from kdbench.spec.task import Columns, HeadSpec
from kdbench.spec.trial import DataSpec, Lesson, Trial

__all__ = [
    "KINDS", "PART", "REQUIRED", "AdamW", "Catalog", "Choice", "Columns", "Constant", "Cosine", "DataSpec", "Entry",
    "Gate", "HeadSpec", "How", "Kind", "LatencySpec", "Lesson", "NamedChoice", "Option", "Pair", "Plan", "Problem",
    "Record", "Sgd", "Signature", "Site", "Step", "Suite", "TrainSpec", "Trial", "UserError", "check_suite",
    "content_key", "find_suite", "load_suite", "nearest", "parse_suite", "plan", "record_content", "suite_name",
    "suites",
]  # fmt: skip

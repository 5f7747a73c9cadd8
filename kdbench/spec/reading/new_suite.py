"""The text of a new suite file: it runs as it is written, and says what may be changed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from kdbench.spec.errors import UserError, whole_toml
from kdbench.spec.planning.entry import ALONE
from kdbench.spec.reading.suite_file import parse_suite
from kdbench.spec.signature import Catalog

TEXT = """\
# Every key, its unit and default: `kdbench show train`, or docs/suite.md. What this file trains: `kdbench plan {file}`.
name = {name}
data = {data} # `kdbench list datasets`; with options as {{ use = "image_folder", path = "photos" }}
seeds = 5 # a claim takes 5; fewer are a smoke test
# metrics = ["macro_f1"]                       # beside accuracy and calibration
# variants = ["fp32", "int8_dynamic"]          # the forms in which models are deployed

[train] # one recipe, the same for every loss
epochs = 20
batch_size = 64
optimizer = {{ use = "sgd", lr = 0.05, momentum = 0.9, weight_decay = 5e-4 }}
schedule = "cosine"
# augment = [{{ use = "crop", padding = 2 }}, "flip"]
# views = "shared"                             # one view an epoch for all seeds: teachers run once

[[pairs]] # as many as you like; `kdbench list models`
teacher = {teacher}
student = {student}
"""
LOSS = """
[[losses]]
use = {loss}
"""
CONTROL = '"cross_entropy" # the student alone: every gain is measured against it'
END = """
# weight = {{ grid = [0.5, 1.0] }}               # an option of this loss, swept: a row for each value

[latency]
batch_sizes = [1, 32]

# [[gates]]                                    # what `kdbench check` holds against a baseline
# metric = "top1"
# may_drop = 0.01                              # one point

# [[gates]]                                    # the new ONNX file is timed beside that of the baseline
# metric = "latency"
# may_rise = 0.05                              # 5 %
"""


def new_suite(name: str, file: str, values: Mapping[str, str], losses: Sequence[str], catalog: Catalog) -> str:
    """The text of a suite. `values` are those of data, teacher and student: a name, or an inline table of TOML.

    Raises `UserError` where it could not be run.
    """
    written = {key: _written(value) for key, value in values.items()}
    listed = (LOSS.format(loss=whole_toml(loss)) for loss in losses if loss != ALONE.use)
    head = TEXT.format(file=file, name=whole_toml(name), **written)
    text = "".join((head, LOSS.format(loss=CONTROL), *listed, END.format()))
    try:
        parse_suite(text, file, catalog)
    except UserError as error:
        raise UserError(replace(each, where=None, source=None) for each in error.problems) from error
    return text


def _written(value: str) -> str:
    return value if value.lstrip().startswith("{") else whole_toml(value)

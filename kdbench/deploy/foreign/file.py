"""Reading an ONNX file that somebody else made: what is on disk, and all of it. No torch."""

import hashlib
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path, PurePosixPath, PureWindowsPath

import onnx
from google.protobuf.descriptor import FieldDescriptor  # type: ignore[import-untyped]
from google.protobuf.message import DecodeError, Message  # type: ignore[import-untyped]
from onnx.external_data_helper import ExternalDataInfo, load_external_data_for_model, uses_external_data

from kdbench.spec import UserError

AGAIN = "export the model again"
HELP = "give a file that torch.onnx.export or another exporter wrote, as model.onnx"
CHUNK = 2**20
LONGEST = 255  # bytes of a name that a file can have
MOST_INLINED = 20_000  # nodes: a few functions that call each other twice come to millions, which no session opens


def read_model(path: Path) -> tuple[onnx.ModelProto, int, str]:
    """The model with all its weights, the bytes of its files, and their SHA-256. Raises `UserError`."""
    model = _parse(path)
    tensors = [each for each in _messages(model) if isinstance(each, onnx.TensorProto) and uses_external_data(each)]
    files = [path, *_beside(path, tensors)]
    size = sum(file.stat().st_size for file in files)
    digest = hashlib.sha256()  # of a single file: the file's own
    for file in files:
        with file.open("rb") as opened:
            while chunk := opened.read(CHUNK):
                digest.update(chunk)
    try:
        load_external_data_for_model(model, str(path.parent))
    except (OSError, ValueError, RuntimeError, onnx.checker.ValidationError) as error:
        raise UserError(f"cannot read the external data of '{path}'", help=AGAIN) from error
    return model, size, digest.hexdigest()


def _parse(path: Path) -> onnx.ModelProto:
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):  # to read it may never end
            raise UserError(f"'{path}' is a pipe or a device, not an ONNX file", help=HELP)
        content = path.read_bytes()
    except IsADirectoryError as error:
        raise UserError(f"'{path}' is a folder, not an ONNX file", help=HELP) from error
    except FileNotFoundError as error:
        raise UserError(f"there is no file '{path}'", help=HELP) from error
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise UserError(f"cannot read '{path}': {error.args[-1]}", help=HELP) from error
    try:
        model = onnx.load_model_from_string(content)
    except DecodeError as error:
        raise UserError(f"'{path}' is not an ONNX file, or it is damaged or cut off", help=HELP) from error
    if not model.ir_version or not model.graph.node:
        what = "is empty" if not content else "is not an ONNX file: it holds no graph"
        raise UserError(f"'{path}' {what}", help=HELP)
    if not any(opset.domain in ("", "ai.onnx") for opset in model.opset_import):
        raise UserError(f"'{path}' does not say which version of ONNX's operators it uses", help=HELP)
    if not all(map(_is_text, _messages(model))):
        raise UserError(f"'{path}' is damaged: it has names that are no text", help=HELP)
    if _inlined(model) > MOST_INLINED:
        raise UserError(
            f"'{path}' has functions that come to over {MOST_INLINED:,} nodes where they are called, which is too many",
            help="export the model without functions that call functions",
        )
    return model


def _inlined(model: onnx.ModelProto) -> int:
    """How many nodes a model comes to where its functions stand in place of their calls; without functions 0."""
    called = {(function.domain, function.name): _calls(function) for function in model.functions}
    sizes: dict[tuple[str, str], int] = {}
    try:
        for name in TopologicalSorter(called).static_order():
            inner = sum(sizes.get(each, 1) for each in called.get(name, ()))
            sizes[name] = min(inner, MOST_INLINED + 1) if name in called else 1
    except CycleError:
        return 0  # onnxruntime refuses functions that call each other in a circle
    return sum(sizes.get(each, 1) for each in _calls(model.graph)) if called else 0


def _calls(graph: Message) -> list[tuple[str, str]]:
    """What the nodes of a graph or a function call, and those of the graphs within them."""
    return [(each.domain, each.op_type) for each in _messages(graph) if isinstance(each, onnx.NodeProto)]


def _messages(message: Message) -> Iterator[Message]:
    """A message and all within it: graphs, nodes, tensors, those of subgraphs and functions."""
    yield message
    for field, value in message.ListFields():
        if field.message_type is not None:
            for item in [value] if isinstance(value, Message) else value:
                yield from _messages(item)


def _is_text(message: Message) -> bool:
    """Whether all strings are UTF-8: protobuf gives bytes where one is not."""
    texts = (value for field, value in message.ListFields() if field.type == FieldDescriptor.TYPE_STRING)
    return all(isinstance(text, str) for each in texts for text in ([each] if isinstance(each, str | bytes) else each))


def _beside(path: Path, tensors: list[onnx.TensorProto]) -> list[Path]:
    """The files with external data, in the order of their names. Raises `UserError` where one is not whole."""
    ends: dict[str, int] = {}
    for tensor in tensors:
        try:
            info = ExternalDataInfo(tensor)
        except ValueError as error:
            where = f"the offset or the length of '{tensor.name}' is not a whole number from 0"
            raise UserError(f"cannot read the external data of '{path}': {where}", help=AGAIN) from error
        ends[info.location] = max(ends.get(info.location, 0), (info.offset or 0) + (info.length or 0))
    for name, end in sorted(ends.items()):
        parts = {*PurePosixPath(name).parts, *PureWindowsPath(name).parts}
        if not name or ".." in parts or PurePosixPath(name).is_absolute() or PureWindowsPath(name).is_absolute():
            raise UserError(
                f"'{path}' keeps its weights in '{name}', outside of its own folder",
                help="keep the external data in the folder of the ONNX file, and export the model again",
            )
        file = path.parent / name
        if (size := _size(file)) is None:
            raise UserError(
                f"'{path}' keeps its weights in '{name[:LONGEST]}', and that file is not beside it",
                help=f"copy '{name[:LONGEST]}' into the same folder, or export the model as one file",
            )
        if size < end:
            raise UserError(
                f"'{name}', with the weights of '{path}', is cut off: it has {size:,} of {end:,} bytes",
                help="copy the file again",
            )
    return [path.parent / name for name in sorted(ends)]


def _size(file: Path) -> int | None:
    """None where there is no such file, or no file can have such a name."""
    try:
        return file.stat().st_size if file.is_file() else None
    except (OSError, ValueError):
        return None

"""Reading an ONNX file that somebody else made: what is on disk, and all of it. No torch."""

import hashlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath

import onnx
from google.protobuf.message import DecodeError, Message  # type: ignore[import-untyped]
from onnx.external_data_helper import ExternalDataInfo, load_external_data_for_model, uses_external_data

from kdbench.spec import UserError

HELP = "give a file that torch.onnx.export or another exporter wrote, as model.onnx"
CHUNK = 2**20


def read_model(path: Path) -> tuple[onnx.ModelProto, int, str]:
    """The model with all its weights, the bytes of its files, and their SHA-256. Raises `UserError`."""
    model = _parse(path)
    tensors = [tensor for tensor in _tensors(model) if uses_external_data(tensor)]
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
        raise UserError(f"cannot read the external data of '{path}'", help="export the model again") from error
    return model, size, digest.hexdigest()


def _parse(path: Path) -> onnx.ModelProto:
    if path.is_dir():
        raise UserError(f"'{path}' is a folder, not an ONNX file", help=HELP)
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise UserError(f"there is no file '{path}'", help=HELP) from error
    except OSError as error:
        raise UserError(f"cannot read '{path}': {error.strerror}", help=HELP) from error
    try:
        model = onnx.load_model_from_string(content)
    except DecodeError as error:
        raise UserError(f"'{path}' is not an ONNX file, or it is damaged or cut off", help=HELP) from error
    if not model.ir_version or not model.graph.node:
        what = "is empty" if not content else "is not an ONNX file: it holds no graph"
        raise UserError(f"'{path}' {what}", help=HELP)
    if not any(opset.domain in ("", "ai.onnx") for opset in model.opset_import):
        raise UserError(f"'{path}' does not say which version of ONNX's operators it uses", help=HELP)
    return model


def _tensors(message: Message) -> Iterator[onnx.TensorProto]:
    """All tensors in a message: initializers, constants, those of subgraphs and functions."""
    if isinstance(message, onnx.TensorProto):
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for item in [value] if isinstance(value, Message) else value:
            yield from _tensors(item)


def _beside(path: Path, tensors: list[onnx.TensorProto]) -> list[Path]:
    """The files with external data, in the order of their names. Raises `UserError` where one is not whole."""
    ends: dict[str, int] = {}
    for tensor in tensors:
        info = ExternalDataInfo(tensor)
        ends[info.location] = max(ends.get(info.location, 0), (info.offset or 0) + (info.length or 0))
    for name, end in sorted(ends.items()):
        parts = {*PurePosixPath(name).parts, *PureWindowsPath(name).parts}
        if not name or ".." in parts or PurePosixPath(name).is_absolute() or PureWindowsPath(name).is_absolute():
            raise UserError(
                f"'{path}' keeps its weights in '{name}', outside of its own folder",
                help="keep the external data in the folder of the ONNX file, and export the model again",
            )
        file = path.parent / name
        if not file.is_file():
            raise UserError(
                f"'{path}' keeps its weights in '{name}', and that file is not beside it",
                help=f"copy '{name}' into the same folder, or export the model as one file",
            )
        if (size := file.stat().st_size) < end:
            raise UserError(
                f"'{name}', with the weights of '{path}', is cut off: it has {size:,} of {end:,} bytes",
                help="copy the file again",
            )
    return [path.parent / name for name in sorted(ends)]

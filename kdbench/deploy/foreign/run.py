"""Opening and running a user's ONNX file once, and what ONNX Runtime says of it in one line. No torch."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from kdbench.spec import UserError

SECONDS = 600  # for both
# CPU seconds that the first call may take, and more for each of its operations. What takes longer than the most cannot
# be timed either, since a round of timing has 19 calls and ten minutes.
LEAST_CALL, MOST_CALL = 5.0, 30.0
SLOWEST = 1e9  # operations a second


def run_once(path: Path, shape: tuple[int | None, ...] | None, operations: int) -> dict[str, Any]:
    """What `foreign_probe` finds, of a model of so many operations a call.

    Raises `UserError` where the model does not open or run, or its first call takes much longer than they do.
    """
    call = min(MOST_CALL, LEAST_CALL + operations / SLOWEST)
    asked = (str(path), json.dumps(shape), str(call), str(SECONDS + 60))
    command = [sys.executable, "-P", "-m", "kdbench.deploy.foreign.probe", *asked]
    help = "see whether it runs: python -c \"import onnxruntime; onnxruntime.InferenceSession('model.onnx')\""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise UserError(f"'{path}' was not opened and run once within {SECONDS} s", help=help) from error
    if done.returncode == -signal.SIGPROF:
        raise UserError(
            f"a call of '{path}' was stopped after {call:.0f} s of CPU time, far more than its operations take",
            help="look for a loop that does not end; a model as slow as that cannot be timed",
        )
    if done.returncode:
        how = f"signal {-done.returncode}" if done.returncode < 0 else f"exit code {done.returncode}"
        raise UserError(f"onnxruntime broke down over '{path}' ({how})", help=help)
    found: dict[str, Any] = json.loads(done.stdout)
    if "error" not in found:
        return found
    if found["stage"] == "run":
        raise UserError(f"onnxruntime cannot run '{path}' on images: {say(found['error'], path)}", help=help)
    raise UserError(
        f"onnxruntime cannot open '{path}': {say(found['error'], path)}",
        help="export the model again, with standard operators",
    )


def say(error: str, path: Path) -> str:
    """What onnxruntime says, in one line, without places in its source or paths of this machine."""
    for pattern, text in _SAYINGS:
        if match := re.search(pattern, error):
            return match.expand(text)
    bare = error.replace(str(path), path.name)
    bare = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", bare)
    bare = re.sub(r"^Load model from .*? failed:\s*", "", bare)
    bare = re.sub(r"/\S+\.(?:cc|cpp|h|hpp):\d+ .*?\)(?: const)?(?= )", "", bare)
    bare = re.sub(r"(?<![\w.])(?:/[^\s/'\",:;()]+)+/([^\s/'\",:;()]+)", r"\1", bare)
    return " ".join(bare.split()).rstrip(".")


_SAYINGS = (
    (r"Opset (\d+) is under development.*?domain (\S+) is till opset (\d+)",
     r"it uses opset \1 of \2; allowed are those up to \3, the newest that this onnxruntime knows"),
    (r"Unsupported model IR version: (\d+), max supported IR version: (\d+)",
     r"it is of IR version \1; allowed are those up to \2, the newest that this onnxruntime knows"),
    (r"Fatal error: (\S+?)\(-?\d+\) is not a registered function/op",
     r"it has the operator \1, which is not one of onnxruntime's"),
    (r"No Op registered for (\S+) with domain_version of (\d+)",
     r"it has the operator \1, which opset \2 does not have"),
    (r"Could not find an implementation for (\w+)\((\d+)\)",
     r"onnxruntime has no implementation of its operator \1 (version \2) on the CPU"),
)  # fmt: skip

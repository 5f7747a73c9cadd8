"""Loaded by every Python process of a run that a test watches: it dies where it opens a socket to a network, and lists
what it writes outside of the test's folder. Python alone sees its own writes; sockets are seen by the kernel, those of
libraries included.
"""

import ctypes
import os
import platform
import struct
import sys
from typing import Any

FOLDER = os.environ["WATCHED"]
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
SOCKET = {"x86_64": 41, "aarch64": 198}  # the number of the system call
NO_NEW_PRIVILEGES, SET_FILTER, BY_PROGRAM = 38, 22, 2  # of prctl
LOAD, IF_EQUAL, RETURN = 0x20, 0x15, 0x06  # instructions of a filter
NUMBER, FAMILY = 0, 16  # where a filter finds the call's number, and its first argument
KILL, ALLOW, UNIX = 0x80000000, 0x7FFF0000, 1


def note(event: str, arguments: tuple[Any, ...]) -> None:
    paths = {"open": arguments[:1], "os.mkdir": arguments[:1], "os.rename": arguments[1:2]}.get(event, ())
    if event == "open" and not arguments[2] & WRITES:
        return
    for path in paths:
        if isinstance(path, str | bytes) and not (full := os.path.abspath(os.fsdecode(path))).startswith(FOLDER):  # noqa: PTH100
            told = os.open(f"{FOLDER}/elsewhere", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.write(told, f"{full}\n".encode())
            os.close(told)


def forbid_sockets(call: int) -> None:
    steps = [
        (LOAD, 0, 0, NUMBER),
        (IF_EQUAL, 0, 3, call),
        (LOAD, 0, 0, FAMILY),
        (IF_EQUAL, 1, 0, UNIX),
        (RETURN, 0, 0, KILL),
        (RETURN, 0, 0, ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code))
    prctl = ctypes.CDLL(None).prctl
    assert prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0
    assert prctl(SET_FILTER, BY_PROGRAM, ctypes.create_string_buffer(program), 0, 0) == 0


sys.addaudithook(note)
if sys.platform == "linux" and platform.machine() in SOCKET:
    forbid_sockets(SOCKET[platform.machine()])

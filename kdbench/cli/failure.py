"""Exceptions to messages and exit codes: the one edge between the code and the user."""

import errno
import os
import shlex
import signal
import sys
import traceback
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from kdbench.spec import UserError

FAILED, INTERRUPTED = 1, 130
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Faults of a machine, not of kdbench, and what to do about them.
ADVICE = {
    errno.ENOSPC: "make room on the disk",
    errno.EDQUOT: "make room within your quota",
    errno.EFBIG: "raise the limit (`ulimit -f`)",
    errno.EIO: "check the disk",
    errno.EROFS: "choose a folder that can be written",
    errno.EACCES: "change its permissions",
    errno.EPERM: "change its permissions",
    errno.EMFILE: "raise the limit (`ulimit -n`)",
    errno.ENOMEM: "free memory",
}


def run_guarded(command: click.Command, argv: Sequence[str]) -> int:
    """Run a command; returns its exit code. Errors go to stderr."""
    debug = "--debug" in argv
    # What `nohup` and shells let a command ignore is ignored.
    heard = [number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, _end) for number in heard}
    try:
        _refuse_bytes((*argv, os.environ.get("PWD", "")))
        code = command.main(list(argv), prog_name="kdbench", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except click.exceptions.Abort:
        return _interrupted(argv)
    except KeyboardInterrupt:
        return _interrupted(argv)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader of our output went away
        return FAILED
    except Exception as error:
        if debug:
            traceback.print_exc()
        from kdbench.spec import UserError  # not for `kdbench --help`, which fails rarely and starts often

        if isinstance(error, UserError):
            return _refused(error)
        if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
            name = str(error.filename)
            return _refused(UserError(f"a name of {len(name)} characters is too long: '{name[:60]} ...'"))
        if isinstance(error, OSError) and error.errno in ADVICE:
            return _stopped(error, ADVICE[error.errno])
        click.echo(f"error: {type(error).__name__}: {error}", err=True)
        click.echo("  help: this is a defect of kdbench, or of a plugin; add --debug to see where", err=True)
        return FAILED
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _refuse_bytes(names: Iterable[str]) -> None:
    """Raise `UserError` for what is not UTF-8: keys and records of what lies there could not hold it."""
    for name in names:
        if any("\udc80" <= letter <= "\udcff" for letter in name):
            from kdbench.spec import UserError

            raise UserError(f"the name {name!a} is not UTF-8", help="rename it, or give a link of another name")


def _end(number: int, _: object) -> None:
    """As a shell tells it, but by way of an exception, so that temporary files and workers go too.

    Who presses Ctrl-C again does not stop that: it takes less than a second.
    """
    for each in ENDING:
        signal.signal(each, _go_on)
    raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)


def _go_on(*_: object) -> None:
    """The command is ending."""


def _refused(error: "UserError") -> int:
    for problem in error.problems:
        click.echo(problem, err=True)
    if len(error.problems) > 1:
        click.echo(f"{len(error.problems)} errors; nothing was done", err=True)
    return error.exit_code


def _stopped(error: OSError, advice: str) -> int:
    where = f": '{error.filename}'" if error.filename else ""
    click.echo(f"error: {error.strerror}{where}", err=True)
    click.echo(f"  help: {advice}, and go on with the same command: what is finished is kept", err=True)
    return FAILED


def _interrupted(argv: Sequence[str]) -> int:
    kept = "nothing is kept of a --fresh check" if "--fresh" in argv else "every finished trial is kept"
    click.echo(f"\ninterrupted: {kept}", err=True)
    again = shlex.join(["kdbench", *argv])
    click.echo(f"  help: go on with the same command: {again}", err=True)
    if argv[:1] == ["run"] and "--trained" not in argv:
        click.echo(f"  help: or report what is trained by now: {again} --trained", err=True)
    return INTERRUPTED

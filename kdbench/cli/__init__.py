"""The command line: argv, progress, printing and exit codes; nowhere else."""

import sys

from kdbench.cli.group import cli


def main() -> None:
    """Run a command and exit with its code. No traceback reaches a user but under --debug."""
    from kdbench.cli.failure import run_guarded

    sys.exit(run_guarded(cli, sys.argv[1:]))

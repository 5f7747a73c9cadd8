"""`python -m benchmarks [OPTIONS]`: all pytest-benchmarks, in the environment that kdbench's workers have."""

import os
import subprocess
import sys
from pathlib import Path

from kdbench.execute.workers.executors import WORKER_ENVIRONMENT

if __name__ == "__main__":
    command = [sys.executable, "-m", "pytest", str(Path(__file__).parent), *sys.argv[1:]]
    sys.exit(subprocess.run(command, env=os.environ | WORKER_ENVIRONMENT, check=False).returncode)

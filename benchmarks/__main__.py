"""`python -m benchmarks [OPTIONS]`: run all micro-benchmarks with the environment variables of kdbench's workers."""

import os
import subprocess
import sys
from pathlib import Path

from kdbench.execute.workers.process import WORKER_ENVIRONMENT

if __name__ == "__main__":
    command = [sys.executable, "-m", "pytest", str(Path(__file__).parent), *sys.argv[1:]]
    sys.exit(subprocess.run(command, env=os.environ | WORKER_ENVIRONMENT, check=False).returncode)

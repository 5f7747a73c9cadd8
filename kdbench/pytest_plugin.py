"""The pytest plugin, installed with kdbench: `--kdbench-baseline DIR`, and a fixture of that folder.

def test_my_model_is_as_good_as_it_was(kdbench_baseline):
    kdbench.assert_no_regression("suites/my.toml", kdbench_baseline)
"""

from pathlib import Path

import pytest

# Every pytest run of an environment with kdbench imports this module: it imports nothing heavy.


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--kdbench-baseline`, on the command line or in `addopts`."""
    group = parser.getgroup("kdbench")
    group.addoption("--kdbench-baseline", type=Path, metavar="DIR", help="baseline that suites are held against")


@pytest.fixture(scope="session")
def kdbench_baseline(pytestconfig: pytest.Config) -> Path:
    """The folder of `--kdbench-baseline`; a test that asks for it is skipped where there is none."""
    folder = pytestconfig.getoption("kdbench_baseline")
    if folder is None:
        pytest.skip("no baseline was given: --kdbench-baseline DIR")
    return Path(folder)

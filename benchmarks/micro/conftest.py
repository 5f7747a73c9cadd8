"""What the micro-benchmarks share."""

from collections.abc import Iterator

import pytest
import torch

from kdbench.zoo.catalog import Catalog


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """As in kdbench's workers."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return Catalog()

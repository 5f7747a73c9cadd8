"""What every job has at hand: the store, the data, the device, and how this process is set up."""

from functools import cache, lru_cache
from pathlib import Path

import torch

from kdbench.execute.workers.executors import Item
from kdbench.results import Layout, Store
from kdbench.results.output_cache import CacheFolder
from kdbench.spec import DataSpec, UserError
from kdbench.zoo.catalog import Catalog
from kdbench.zoo.datasets.splits import Splits, split


class Job:
    """What every job's item holds: where the store and the data are, and which plugins to know."""

    def __init__(self, item: Item) -> None:
        self.store = Store(Path(item["store"]))
        self.catalog = _catalog(tuple(item["plugins"]))
        self.data_root = Path(item["data_root"])
        self.device = torch.device(item["device"])
        if self.device.type == "cuda" and not torch.cuda.is_available():
            raise UserError("--device cuda: torch finds no usable GPU here", help="`kdbench doctor` says more")
        self.layout = Layout.model_validate(item["layout"])
        torch.set_num_threads(self.layout.threads)  # it changes the last bits, in a worker as in this process
        self.cache: str = item["cache"]
        self.caches = CacheFolder(self.store.root / "cache", item["cache_limit"])
        torch.use_deterministic_algorithms(True, warn_only=True)

    def splits(self, spec: DataSpec) -> Splits:
        return _load_splits(spec.model_dump_json(), self.data_root, self.catalog, str(self.device))


@cache
def _catalog(plugins: tuple[str, ...]) -> Catalog:
    return Catalog(plugins)


@lru_cache(maxsize=1)
def _load_splits(spec_json: str, root: Path, catalog: Catalog, device: str) -> Splits:
    spec = DataSpec.model_validate_json(spec_json)
    dataset = catalog.load("datasets", spec.dataset.use)(root, **spec.dataset.options)
    return split(dataset, spec).to(device)

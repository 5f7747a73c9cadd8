"""What jobs that read the store or the data have at hand, in the process that carries them out."""

from functools import cache, lru_cache
from pathlib import Path

import torch

from kdbench.execute.workers.place import Setting
from kdbench.results import Store
from kdbench.results.output_cache import CacheFolder
from kdbench.spec import DataSpec, UserError
from kdbench.spec.pulse import beat
from kdbench.zoo.catalog import Catalog
from kdbench.zoo.datasets.splits import Splits, read_dataset, split

DOWNLOAD = 4 * 3600.0  # seconds that a dataset may take to be there, without a sign


class Context:
    """A job's setting in this process: paths and names became a store, a catalog and a device, and torch is set up.

    Raises `UserError` where the device is not there.
    """

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.store = Store(Path(setting.store))
        self.catalog = _catalog(setting.plugins)
        self.device = torch.device(setting.device)
        if self.device.type == "cuda" and not torch.cuda.is_available():
            raise UserError("--device cuda: torch finds no usable GPU here", help="`kdbench doctor` says more")
        self.caches = CacheFolder(self.store.root / "cache", setting.cache_limit)
        torch.set_num_threads(setting.layout.threads)  # it changes the last bits, in a worker as in this process
        torch.use_deterministic_algorithms(True, warn_only=True)

    def splits(self, spec: DataSpec) -> Splits:
        """A dataset on the device, divided. The one loaded last is kept."""
        return _load_splits(spec.model_dump_json(), Path(self.setting.data_root), self.catalog, str(self.device))

    def refuse_changed(self, spec: DataSpec, recorded: str | None) -> None:
        """Raise `UserError` where the data is not what a record has the SHA-256 of; without one, nothing is refused."""
        found = self.splits(spec).sha256() if recorded else None
        if found != recorded:
            raise UserError(
                f"the data of '{spec.dataset.label}' has changed since the trials in '{self.store.root}' were trained: "
                f"its SHA-256 was {recorded}, and is {found}",
                help="bring the data back, or train anew in another folder with --results",
            )


@cache
def _catalog(plugins: tuple[str, ...]) -> Catalog:
    return Catalog(plugins)


@lru_cache(maxsize=1)
def _load_splits(spec_json: str, root: Path, catalog: Catalog, device: str) -> Splits:
    spec = DataSpec.model_validate_json(spec_json)
    beat(DOWNLOAD)
    dataset = read_dataset(spec.dataset, root, catalog)
    beat()
    return split(dataset, spec, catalog).to(device)

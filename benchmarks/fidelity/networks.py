"""`python -m benchmarks.fidelity.networks FOLDER`: the networks that are timed, as kdbench exports them.

In a process of its own, since it needs torch, which no process that times may load. They are untrained: their weights
change no time, as long as none is denormal.
"""

import sys
from pathlib import Path

import numpy as np

from kdbench.spec import Choice, How

HOW = How(provider="cpu", threads=1, batch=1)
SAMPLES = 64

# By name: the model, and how often each pixel of an 8x8 digit is repeated to both sides.
NETWORKS = {
    "small": (Choice(use="cnn", options={"width": 20}), 1),
    "medium": (Choice(use="resnet_cifar", options={"depth": 32}), 4),
}


def write(folder: Path) -> None:
    """`NAME.onnx` and `NAME.npy`, digits [64, 1, H, W], float32, from 0 to 1."""
    from kdbench.deploy.export.export import export_onnx
    from kdbench.train.build import build_model
    from kdbench.zoo.catalog import Catalog

    catalog = Catalog()
    digits = catalog.load("datasets", "digits")(folder)
    for name, (choice, times) in NETWORKS.items():
        pixels = digits.test.images[:SAMPLES].numpy().astype(np.float32) / 16
        images = pixels.repeat(times, axis=2).repeat(times, axis=3)
        shape = (1, images.shape[2], images.shape[3])
        export_onnx(build_model(choice, catalog, digits.classes, shape, seed=0), shape, folder / f"{name}.onnx")
        np.save(folder / f"{name}.npy", images)


if __name__ == "__main__":
    write(Path(sys.argv[1]))

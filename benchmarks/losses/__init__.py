"""The cost of a training step under each loss, and the generated parts of `docs/losses.md`."""

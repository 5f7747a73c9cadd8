"""The generated parts of `docs/teaching.md`."""

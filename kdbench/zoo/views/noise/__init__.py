"""Noise on single pixels, which a student that sees it learns to look through."""

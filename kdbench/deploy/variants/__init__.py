"""Exported files in half precision or 8 bits."""

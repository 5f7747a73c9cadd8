"""Parts: which training samples are used. One short file each, `(labels [N], draw) -> positions of those used`."""

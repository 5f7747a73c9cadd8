"""kdbench's training compared with torchdistill and a plain loop: the same pair, data, recipe and seeds."""

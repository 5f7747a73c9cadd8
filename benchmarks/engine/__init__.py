"""kdbench's training engine beside torchdistill and beside a plain loop: same pair, data, recipe and job."""

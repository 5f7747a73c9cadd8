"""One training loop, for teachers and students alike, and one evaluation loop."""

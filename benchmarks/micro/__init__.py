"""What the parts of a training step cost, one by one."""

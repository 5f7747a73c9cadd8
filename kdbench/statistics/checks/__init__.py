"""What checks against a baseline add up to."""

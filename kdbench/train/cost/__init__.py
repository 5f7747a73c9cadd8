"""What a training costs: seconds and memory."""

"""What a user is told of a run: progress while it goes on, and the answer at its end."""

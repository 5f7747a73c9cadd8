"""The jobs of worker processes: `records` says what each is told and answers, the other modules carry them out."""

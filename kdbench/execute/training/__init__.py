"""Which trials are trained when: waves, cohorts, processes and threads."""

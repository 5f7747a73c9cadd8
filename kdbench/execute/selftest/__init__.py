"""How often the gate is wrong on this machine: trials whose truth is known."""

"""From a suite to the graph of trials that it asks for."""

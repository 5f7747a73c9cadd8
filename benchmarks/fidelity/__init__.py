"""Whether kdbench's latencies are those of the network: compared with bare loops and with MLPerf LoadGen."""

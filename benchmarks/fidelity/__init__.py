"""Whether kdbench's latencies are those of the network: beside a bare loop, and beside MLPerf LoadGen."""

"""What is looked at before anything is trained: the network, one step on two samples, how long steps take."""

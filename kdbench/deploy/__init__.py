"""The deployable artifact: ONNX export, parity, cost, accuracy and latency of the exported file.

Import from its modules: the latency worker lives in this package too, and must not import torch.
"""

"""The deployable artifact: ONNX export, parity, cost, accuracy and latency of the exported file.

Import from its modules: its timing runs in processes that must not import torch.
"""

"""Sessions of ONNX Runtime, and what exported files predict."""

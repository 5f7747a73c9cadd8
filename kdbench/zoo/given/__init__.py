"""Networks that were trained elsewhere: files of weights, published weights, ONNX files, and their pixels."""

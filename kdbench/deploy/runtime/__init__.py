"""Sessions of ONNX Runtime, and what exported files predict."""

# Names in the files that kdbench exports; a file that the user brought may have others.
INPUT = "images"
OUTPUT = "logits"
BATCH = "batch"

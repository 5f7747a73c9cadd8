"""From an ONNX graph to one with fewer bits: half precision, or 8 bits with fixed or dynamic scales. No torch.

Measurements behind the choices below: microseconds a call, fp32 / chosen / rejected; onnxruntime 1.31, x86 with VNNI,
one thread, calls interleaved.

- Dynamic quantization leaves convolutions in float32. Their 8-bit operator, ConvInteger, is slower than fp32: resnet20,
  batch 1: 870 / 883 / 7,152 (1,886 with unsigned weights). Only linear layers gain: mlp 512-256, batch 1: 56 / 30.
  A convolutional network becomes smaller by it, though less than by static quantization, and hardly faster.
- It takes one scale for a weight matrix, not one a channel: mlp: 56 / 30 / 35, and logits drift .015 SD against .012.
- Static quantization takes unsigned activations and signed weights. With both signed, a network with residual blocks is
  slower than in fp32: resnet20: 870 / 501 / 1,330. A scale a channel costs 1 % (501 against 496) and drifts less.
- Weights take 7 bits where sums of 8-bit products saturate (`int8_saturates`). On an emulated processor with AVX2 and
  without VNNI the logits of an mlp 192-16-10 drift .376 SD with 8 bits and .082 with 7; with VNNI .048 and .082.
- QOperator files run as fast as QDQ ones (502 against 501), and the latter are what other providers read.
- Logits stay float: quantized, they would be cut off at the largest value of the calibration images, and have ties.
"""

import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_dynamic, quantize_static
from onnxruntime.quantization.calibrate import TensorData, TensorsData, save_tensors_data
from onnxruntime.quantization.onnx_model import ONNXModel
from onnxruntime.transformers.float16 import convert_float_to_float16

from kdbench.deploy.graph.contents import strip_noise
from kdbench.deploy.variants.activation_ranges import Ranges
from kdbench.spec.variants import Int8Dynamic, Int8Static


def fold(source: Path) -> onnx.ModelProto:
    """The model with BatchNorm folded into its convolutions, as a session does it on loading.

    Otherwise each BatchNorm would be rounded by itself, and the ranges would not be those of the weights that run.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "folded.onnx"
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC  # the same on every machine
        options.optimized_model_filepath = str(path)
        options.intra_op_num_threads = 1
        options.log_severity_level = 4
        ort.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
        return _clean(onnx.load(path))


def halve(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with float16 inside and float32 at its input and output."""
    converted = ONNXModel(convert_float_to_float16(model, keep_io_types=True))
    converted.topological_sort()  # the converter puts the casts of the input last
    return _clean(converted.model)


def quantize_linear(variant: Int8Dynamic, model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with its linear layers in 8 bits. Raises `ValueError` where it has none."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "quantized.onnx"
        quantize_dynamic(
            model,
            path,
            op_types_to_quantize=["MatMul", "Gemm"],
            per_channel=variant.per_channel,
            reduce_range=_seven_bits(variant),
            weight_type=QuantType.QInt8,
        )
        quantized = onnx.load(path)
    if not any(node.op_type == "MatMulInteger" for node in quantized.graph.node):
        raise ValueError("it has no linear layer to quantize")
    return _clean(quantized)


def quantize_all(variant: Int8Static, model: onnx.ModelProto, ranges: Ranges) -> onnx.ModelProto:
    """The model in 8 bits between QuantizeLinear and DequantizeLinear. Raises `ValueError` where it has no weights."""
    found = {name: TensorData(lowest=np.float32(low), highest=np.float32(high)) for name, (low, high) in ranges.items()}
    with tempfile.TemporaryDirectory() as folder:
        cache, path = Path(folder) / "ranges.json", Path(folder) / "quantized.onnx"
        save_tensors_data(TensorsData(CalibrationMethod.MinMax, found), cache)
        quantize_static(
            model,
            path,
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=variant.per_channel,
            reduce_range=_seven_bits(variant),
            calibrate_method=CalibrationMethod.MinMax,  # which means: as the ranges are
            calibration_cache_path=cache,
        )
        quantized = onnx.load(path)
    if not any(tensor.data_type == onnx.TensorProto.INT8 and tensor.dims for tensor in quantized.graph.initializer):
        raise ValueError("it has no layer with weights to quantize")
    return _clean(_with_float_outputs(quantized))


def _seven_bits(variant: Int8Dynamic | Int8Static) -> bool:
    if variant.reduce_range is None:
        raise ValueError("whether its weights take 7 bits is left open: resolve it for a processor")
    return variant.reduce_range


def _with_float_outputs(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model without the rounding of its outputs to 8 bits, in place."""
    graph = model.graph
    made_by = {name: node for node in graph.node for name in node.output}
    for output in graph.output:
        last = made_by[output.name]
        before = made_by.get(last.input[0])
        if last.op_type != "DequantizeLinear" or before is None or before.op_type != "QuantizeLinear":
            continue
        inner = before.input[0]
        if inner not in made_by:
            continue  # it is an input of the graph
        graph.node.remove(last)
        graph.node.remove(before)
        for node in graph.node:
            node.input[:] = [output.name if name in (inner, output.name) else name for name in node.input]
            node.output[:] = [output.name if name == inner else name for name in node.output]
    return model


def _clean(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model without the names of tools and without unused tensors and opsets, in place."""
    graph = model.graph
    strip_noise(model)
    del graph.value_info[:]  # the quantizer replaces weights and leaves their old shapes there
    used = {name for node in graph.node for name in node.input} | {output.name for output in graph.output}
    for tensor in [tensor for tensor in graph.initializer if tensor.name not in used]:
        graph.initializer.remove(tensor)
    domains = {node.domain for node in graph.node} | {node.domain for part in model.functions for node in part.node}
    for opset in [opset for opset in model.opset_import if opset.domain not in domains]:
        model.opset_import.remove(opset)
    return model

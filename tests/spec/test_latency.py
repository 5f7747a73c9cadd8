import pytest
from pydantic import ValidationError

from kdbench.spec import How, LatencySpec


def ways(cores: int = 4, **changes: object) -> list[str]:
    spec = LatencySpec.model_validate({"batch_sizes": [1], **changes})
    return [how.label for how in spec.combinations(cores)]


def test_every_combination_is_timed() -> None:
    found = ways(batch_sizes=[1, 8], threads=[1, 2], spinning=[False, True])
    assert found == [
        "cpu, 1 thread, batch 1",
        "cpu, 1 thread, batch 8",
        "cpu, 1 thread, spinning, batch 1",
        "cpu, 1 thread, spinning, batch 8",
        "cpu, 2 threads, batch 1",
        "cpu, 2 threads, batch 8",
        "cpu, 2 threads, spinning, batch 1",
        "cpu, 2 threads, spinning, batch 8",
    ]


def test_all_cores_are_the_machines_and_are_timed_once() -> None:
    assert ways(threads=["cores"]) == ["cpu, 4 threads, batch 1"]
    assert ways(threads=[1, "cores", 4], cores=4) == ["cpu, 1 thread, batch 1", "cpu, 4 threads, batch 1"]
    assert ways(threads=[1, "cores"], cores=1) == ["cpu, 1 thread, batch 1"]


def test_paths_are_of_providers_with_a_memory_of_their_own() -> None:
    found = ways(providers=["cpu", "cuda", "openvino", "tensorrt"], paths=["host", "device", "graph"])
    assert found == [
        "cpu, 1 thread, batch 1",
        "cuda, 1 thread, batch 1",
        "cuda, 1 thread, on the device, batch 1",
        "cuda, 1 thread, CUDA graph, batch 1",
        "openvino, 1 thread, batch 1",
        "tensorrt, 1 thread, batch 1",
        "tensorrt, 1 thread, on the device, batch 1",
        "tensorrt, 1 thread, CUDA graph, batch 1",
    ]
    assert ways(providers=["cpu"], paths=["device"]) == ["cpu, 1 thread, batch 1"]


def test_a_way_of_timing_is_its_fields() -> None:
    one = How(provider="cuda", threads=2, batch=32, spinning=True, path="graph")
    assert one.label == "cuda, 2 threads, spinning, CUDA graph, batch 32"
    assert How.model_validate_json(one.model_dump_json()) == one
    assert {one: 1}[one.model_copy()] == 1


@pytest.mark.parametrize(
    "wrong",
    [{"seconds": 0.5}, {"threads": [0]}, {"threads": ["core"]}, {"threads": [True]}, {"threads": [1.0]},
     {"paths": ["gpu"]}, {"providers": ["gpu"]}, {"margin": 0}, {"margin": float("inf")}, {"largest_batch": 0},
     {"batch_sizes": [0]}, {"spinning": ["no"]}],
)  # fmt: skip
def test_what_is_no_way_of_timing_is_one_error(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as caught:
        LatencySpec.model_validate(wrong)
    assert caught.value.error_count() == 1

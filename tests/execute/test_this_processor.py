"""Suites as processors carry them out: 8 bits or 7."""

import pytest

from kdbench.execute.this_processor import on_this_processor
from kdbench.spec import Gate
from tests.results.machine.machines import ZEN3, ZEN4, linux
from tests.small import small_suite


@pytest.mark.parametrize(("cpuinfo", "label"), [(ZEN3, "int8_static(reduce_range=true)"), (ZEN4, "int8_static")])
def test_a_gate_of_a_variant_holds_it_as_it_is_made(cpuinfo: str, label: str, monkeypatch: pytest.MonkeyPatch) -> None:
    linux(monkeypatch, cpuinfo)
    gates = [{"metric": "top1", "variant": "int8_static", "may_drop": 0.02}, {"metric": "latency", "may_rise": 0.05}]
    suite = on_this_processor(small_suite(variants=["fp32", "int8_static"], gates=gates))
    assert [variant.label for variant in suite.variants] == ["fp32", label]
    assert suite.gates == (
        Gate(metric="top1", variant=label, may_drop=0.02),
        Gate(metric="latency", may_rise=0.05),
    )

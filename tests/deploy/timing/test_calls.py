"""Single timed calls: what is inside the clock, when a network is warm, how long a slice lasts."""

import itertools
from types import SimpleNamespace

import numpy as np
import onnxruntime as ort
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdbench.deploy.runtime.session import configure, configure_cpu, open_session, predict
from kdbench.deploy.timing import calls
from kdbench.deploy.timing.calls import caller, prepare, slice_pair, thin, time_slice, warm_up
from kdbench.spec import How

HOST = How(provider="cpu", threads=1, batch=1)
MS = 1_000_000  # nanoseconds


def scripted(nanoseconds):
    """Calls that take so long one after the other; the last goes on for ever."""
    took = itertools.chain(nanoseconds, itertools.repeat(list(nanoseconds)[-1]))
    return lambda: next(took)


class Clock:
    """Time that stands still but for what is told to it. Readings are events, too."""

    def __init__(self, events=None):
        self.now, self.events = 0, events

    def perf_counter_ns(self):
        if self.events is not None:
            self.events.append("clock")
        return self.now


# Inputs


def test_inputs_go_round_all_samples_in_full_batches():
    samples = np.arange(16, dtype=np.float32).reshape(16, 1, 1, 1)
    values = [batch.ravel().tolist() for batch in prepare(samples, 6)]
    assert values == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11], [12, 13, 14, 15, 0, 1]]
    assert len(prepare(samples, 1)) == 16
    assert prepare(samples, 20)[0].ravel().tolist() == [*range(16), 0, 1, 2, 3]
    assert prepare(samples, 40)[0].ravel().tolist() == [*range(16), *range(16), *range(8)]


def test_inputs_are_contiguous_copies():
    samples = np.random.default_rng(0).normal(size=(16, 4, 4, 3)).astype(np.float32).transpose(0, 3, 1, 2)
    for batch in prepare(samples, 5):
        assert batch.flags.c_contiguous
        assert (batch.shape, batch.dtype) == ((5, 3, 4, 4), np.float32)


# Warm-up: at least 20 runs and 20 ms, until two windows of 10 agree within 5 %, at most 300 runs


@pytest.mark.parametrize(
    ("took", "runs"),
    [
        ([2 * MS] * 5, 20),
        # At 20 runs the later window is 4.5 % slower, which is near enough.
        ([2_000_000] * 10 + [2_090_000], 20),
        # 6 % is not; at 25 runs the earlier window holds five of each, whose median is within 5 % of the later one.
        ([2_000_000] * 10 + [2_120_000], 25),
        # 15 slow runs first: at 31 runs the earlier window is 12 to 21, with 4 slow ones of 10; at 30 it has 5.
        ([9 * MS] * 15 + [2 * MS], 31),
        # It becomes faster, too.
        ([2_120_000] * 10 + [2_000_000], 25),
    ],
)
def test_warm_up_ends_when_two_windows_agree(took, runs):
    assert warm_up(scripted(took)) == runs


def test_warm_up_gives_up_after_300_runs():
    assert warm_up(scripted([int(1e5 * 1.02**n) for n in range(400)])) == 300


def test_warm_up_lasts_20_milliseconds_however_many_runs_that_are():
    assert warm_up(scripted([20_000])) == 1000
    assert warm_up(scripted([1 * MS])) == 20
    assert warm_up(scripted([999_999])) == 21


@pytest.mark.parametrize(
    ("milliseconds", "runs"),
    [
        (3000, 3),  # three runs even where the first is over two seconds
        (700, 3),
        (500, 4),  # 2.0 s
        (150, 14),  # 2.1 s
        (100, 20),  # 2.0 s: the usual rule
        (90, 20),
    ],
)
def test_slow_networks_are_warm_after_two_seconds_and_three_runs(milliseconds, runs):
    assert warm_up(scripted([milliseconds * MS])) == runs


# Slices


@pytest.mark.parametrize(("each", "runs"), [(1 * MS, 10), (3 * MS, 4), (4 * MS, 3), (100 * MS, 3), (9_999, 1001)])
def test_a_slice_lasts_ten_milliseconds_and_three_runs(monkeypatch, each, runs):
    clock = Clock()
    monkeypatch.setattr(calls, "time", clock)

    def call():
        clock.now += each
        return each - 7

    assert time_slice(call) == [each - 7] * runs


def test_a_slice_keeps_its_calls_in_order(monkeypatch):
    monkeypatch.setattr(calls, "SLICE_NANOSECONDS", 0)
    assert time_slice(scripted([5000, 2000, 3000, 1])) == [5000, 2000, 3000]


def test_a_pair_of_slices_is_told_in_microseconds_by_hand():
    # Medians 3 and 25 us, means 4 and 25 us
    pair = slice_pair([3000, 8000, 1000], [20_000, 30_000])
    told = (pair.candidate_p50, pair.candidate_min, pair.candidate_mean)
    assert told == (3.0, 1.0, 4.0)
    assert (pair.reference_p50, pair.reference_min, pair.reference_mean) == (25.0, 20.0, 25.0)


def test_thinning_by_hand():
    assert thin([1, 2, 3], 3) == (1, 2, 3)
    assert thin([1, 2, 3, 4], 3) == (1, 3)
    assert thin(range(10), 3) == (0, 4, 8)
    assert thin([], 3) == ()


@given(st.integers(0, 3000), st.integers(1, 100))
def test_what_is_kept_is_evenly_spread_and_never_too_much(number, most):
    kept = thin(range(number), most)
    assert len(kept) <= most
    assert len(kept) >= min(number, most / 2)
    assert len(set(np.diff(kept).tolist())) <= 1
    assert list(kept[:1]) == list(range(number))[:1]


# Paths


class Session:
    """What `caller` asks of a session, written down. A run takes 7 ns."""

    def __init__(self, clock):
        self.clock, self.events, self.bindings = clock, clock.events, []

    def get_inputs(self):
        return [SimpleNamespace(name="images", shape=["batch", 1])]

    def get_outputs(self):
        shapes = {"features": [1, 2, 3], "logits": [1, 10]}
        return [SimpleNamespace(name=name, shape=shape, type="tensor(float)") for name, shape in shapes.items()]

    def run(self, outputs, feed):
        self.clock.now += 7
        self.events.append(("run", outputs, feed["images"].item()))

    def io_binding(self):
        self.bindings.append(Binding(self, len(self.bindings)))
        return self.bindings[-1]

    def run_with_iobinding(self, binding):
        self.clock.now += 7
        self.events.append(("run", binding.number))


class Binding:
    def __init__(self, session, number):
        self.session, self.number, self.bound = session, number, []

    def bind_ortvalue_input(self, name, value):
        self.bound.append((name, value))

    def bind_ortvalue_output(self, name, value):
        self.bound.append((name, value))

    def bind_output(self, name, device, index):
        self.bound.append((name, device, index))

    def synchronize_outputs(self):
        self.session.clock.now += 100
        self.session.events.append(("wait", self.number))


class OrtValue:
    """A tensor on a device."""

    made: list["OrtValue"]
    events: list[object]

    @classmethod
    def ortvalue_from_numpy(cls, batch, device, index):
        value = cls()
        value.content, value.place = batch, (device, index)
        cls.made.append(value)
        return value

    def update_inplace(self, batch):
        self.content = batch
        self.events.append(("copy", batch.item()))


@pytest.fixture
def session(monkeypatch):
    clock = Clock(events=[])
    monkeypatch.setattr(calls, "time", clock)
    monkeypatch.setattr(OrtValue, "made", [], raising=False)
    monkeypatch.setattr(OrtValue, "events", clock.events, raising=False)
    monkeypatch.setattr(calls.ort, "OrtValue", OrtValue)
    return Session(clock)


BATCHES = [np.full((1, 1), n, dtype=np.float32) for n in (10, 20)]


def on(path):
    return How(provider="cuda", threads=1, batch=1, path=path)


def test_from_host_to_host_only_the_run_is_timed(session):
    call = caller(session, BATCHES, HOST)
    assert [call(), call(), call()] == [7, 7, 7]
    run = [("run", ["logits"], 10.0), ("run", ["logits"], 20.0), ("run", ["logits"], 10.0)]
    assert session.events == ["clock", run[0], "clock", "clock", run[1], "clock", "clock", run[2], "clock"]
    assert OrtValue.made == []  # nothing is put on a device


def test_the_host_path_of_a_gpu_is_the_same(session):
    assert caller(session, BATCHES, on("host"))() == 7
    assert OrtValue.made == []


def test_on_the_device_inputs_lie_there_beforehand_and_a_call_ends_when_its_work_has(session):
    call = caller(session, BATCHES, on("device"))
    assert session.events == []
    assert [(value.content.item(), value.place) for value in OrtValue.made] == [(10, ("cuda", 0)), (20, ("cuda", 0))]
    for binding, value in zip(session.bindings, OrtValue.made, strict=True):
        assert binding.bound == [("images", value), ("logits", "cuda", 0)]
    assert [call(), call(), call()] == [107, 107, 107]  # with the wait for the device
    each = [["clock", ("run", n), ("wait", n), "clock"] for n in (0, 1, 0)]
    assert session.events == [event for events in each for event in events]


def test_a_graph_has_one_input_that_is_filled_before_the_clock(session):
    call = caller(session, BATCHES, on("graph"))
    source, logits = OrtValue.made
    assert [binding.bound for binding in session.bindings] == [[("images", source), ("logits", logits)]]
    assert (logits.content.shape, logits.place) == ((1, 10), ("cuda", 0))  # a graph writes where it was captured
    assert [call(), call(), call()] == [107, 107, 107]
    each = [[("copy", n), "clock", ("run", 0), ("wait", 0), "clock"] for n in (10, 20, 10)]
    assert session.events == [event for events in each for event in events]


def test_a_real_call_takes_time_and_its_inputs_in_turn(resnet_onnx, images, monkeypatch):
    session = open_session(resnet_onnx, configure(HOST))
    seen = []

    class Spy:
        get_inputs, get_outputs = session.get_inputs, session.get_outputs

        @staticmethod
        def run(outputs, feed):
            (logits,) = session.run(outputs, feed)
            seen.append(logits)

    call = caller(Spy, prepare(images[:16], 1), HOST)
    took = [call() for _ in range(17)]
    assert all(1_000 < nanoseconds < 1e9 for nanoseconds in took)
    np.testing.assert_array_equal(np.concatenate(seen[:16]), predict(session, images[:16], 1))
    np.testing.assert_array_equal(seen[16], seen[0])


# On a device


HAS_CUDA = "CUDAExecutionProvider" in ort.get_available_providers()


@pytest.mark.cuda
@pytest.mark.skipif(not HAS_CUDA, reason="this onnxruntime has no CUDAExecutionProvider")
@pytest.mark.parametrize("path", ["device", "graph"])
def test_what_stays_on_the_device_computes_the_same(path: str, deep_onnx, images) -> None:
    way = How(provider="cuda", threads=1, batch=1, path=path)
    session = open_session(deep_onnx[0], configure(way))
    bindings = []

    class Spy:
        get_inputs, get_outputs = session.get_inputs, session.get_outputs
        run_with_iobinding = session.run_with_iobinding

        @staticmethod
        def io_binding():
            bindings.append(session.io_binding())
            return bindings[-1]

    call = caller(Spy, prepare(images, 1), way)
    for _ in range(len(images)):
        call()
    expected = predict(open_session(deep_onnx[0], configure_cpu()), images[-1:], 1)
    np.testing.assert_allclose(bindings[-1].copy_outputs_to_cpu()[0], expected, rtol=1e-2, atol=1e-2)

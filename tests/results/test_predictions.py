import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kdbench.results import Predictions, pack_bits, unpack_bits
from kdbench.results.predictions import ConfidenceBin


@given(st.lists(st.booleans(), min_size=1, max_size=100))
def test_bits_survive_packing(bits: list[bool]) -> None:
    assert unpack_bits(pack_bits(np.array(bits)), len(bits)).tolist() == bits


def test_accuracy_is_the_share_of_right_samples() -> None:
    # 10110000 is 0xb0, base64 sA==; of five samples three are right
    bins = (ConfidenceBin(count=5, confidence=4.0, correct=3),)
    found = Predictions(samples=5, correct_bits="sA==", loss=0.1, brier=0.1, confidence=bins)
    assert found.correct.tolist() == [True, False, True, True, False]
    assert found.top1 == 0.6

"""What is allowed, said so that it can be read."""

from kdbench.spec import nearest


def test_few_names_are_all_listed_in_order() -> None:
    assert nearest("kdd", ["nkd", "kd", "vid"]) == "did you mean 'kd'? allowed: kd, nkd, vid"
    assert nearest("KD", ["nkd", "kd", "vid"]) == "did you mean 'kd'? allowed: kd, nkd, vid"  # case does not count
    assert nearest("net", ["nit", "cifar:net", "torchvision:net"]).startswith("did you mean 'torchvision:net'?")
    assert nearest("zzz", ["b", "a"]) == "allowed: a, b"
    assert nearest("", ["cifar:"]) == "allowed: cifar:"  # nothing was typed, so nothing is meant
    assert nearest("a", []) == "nothing is allowed here"


def test_of_many_those_nearest_stand_first() -> None:
    names = [f"layer{stage}.{block}.conv{i}" for stage in range(1, 5) for block in range(9) for i in (1, 2, 3)]
    text = nearest("layer3.9.conv2", names)
    listed = text.partition("allowed: ")[2].split(", ")
    assert listed[0] == "layer3.0.conv2"
    assert all(name.startswith("layer3.") for name in listed[:8])
    assert text.endswith(" and 88 more")
    assert len(listed) == 20

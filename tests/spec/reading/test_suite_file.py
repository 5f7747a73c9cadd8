"""Bad suite files: one clear message each, at its line, and all of them at once."""

import re
from pathlib import Path

import pytest

from kdbench.spec import UserError, load_suite, parse_suite, suites
from kdbench.spec.variants import Fp32, Int8Static
from kdbench.zoo.catalog import Catalog

GOOD = """\
name = "x"
data = { use = "digits" }
seeds = 2

[train]
epochs = 3
optimizer = { use = "sgd", lr = 0.1 }

[[pairs]]
teacher = { use = "mlp", hidden = [32] }
student = { use = "mlp", hidden = [8] }

[[losses]]
use = "cross_entropy"

[[losses]]
use = "kd"
temperature = 2.0
"""
MORE = """
[latency]
batch_sizes = [1]
threads = ["cores"]
providers = ["cpu"]
spinning = [false]
paths = ["host"]
margin = 0.1
largest_batch = 8

[[conditions]]
name = "tilted"
use = "rotation"
degrees = 15.0

[[variants]]
use = "int8_static"
samples = 64
per_channel = true
"""
PAIRS = GOOD[GOOD.index("[[pairs]]") : GOOD.index("[[losses]]")]
LOSSES = GOOD[GOOD.index("[[losses]]") :]
JUNK = (
    "3",
    "-1",
    "2.5",
    "nan",
    '"x"',
    "true",
    "[]",
    "[3]",
    '["kd", {}]',
    "{}",
    "{use = 3}",
    "{options = 3}",
    "1979-05-27",
    "[1979-05-27]",
)


def problems(text: str) -> list[str]:
    with pytest.raises(UserError) as caught:
        parse_suite(text, "x.toml", Catalog())
    return [str(problem) for problem in caught.value.problems]


def test_a_good_suite_parses() -> None:
    suite = parse_suite(GOOD, "x.toml", Catalog())
    assert suite.seeds == (0, 1)
    assert suite.losses[1].options == {"temperature": 2.0}


def test_what_is_measured_beside_accuracy_parses() -> None:
    suite = parse_suite(GOOD + MORE, "x.toml", Catalog())
    assert [condition.label for condition in suite.conditions] == ["tilted"]
    assert suite.variants == (Int8Static(samples=64),)
    assert suite.latency.threads == ("cores",)
    short = 'conditions = ["gaussian_blur"]\nvariants = ["fp32", "int8_static"]\n'
    suite = parse_suite(short + GOOD, "x.toml", Catalog())
    assert [condition.label for condition in suite.conditions] == ["gaussian_blur"]
    assert suite.variants == (Fp32(), Int8Static())


def test_no_environment_can_be_asked_for() -> None:
    assert len(parse_suite(GOOD, "x.toml", Catalog()).conditions) == 7
    assert parse_suite("conditions = []\n" + GOOD, "x.toml", Catalog()).conditions == ()


def test_every_shipped_suite_parses() -> None:
    assert {"quickstart", "fashion", "articles-mnist", "articles-cifar10", "cifar100"} <= suites().keys()
    for path in suites().values():
        load_suite(path, Catalog())


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("temperature = 2.0", "temprature = 2.0", 18, ["unknown option 'temprature'", "losses[1]", "did you mean 'temperature'"]),
        ("temperature = 2.0", "temperature = -2.0", 18, ["-2.0", "above 0"]),
        ("temperature = 2.0", 'temperature = "hot"', 18, ["\"hot\"", "number"]),
        ("epochs = 3", "epoch = 3", 6, ["unknown key 'epoch' at train", "did you mean 'epochs'"]),
        ("epochs = 3", "epochs = 0", 6, ["train.epochs is 0", "allowed: at least 1"]),
        ("epochs = 3", 'epochs = "3"', 6, ['train.epochs is "3"', "allowed: a whole number, without quotes"]),
        ("lr = 0.1", "learning_rate = 0.1", 7, ["unknown key 'learning_rate' at train.optimizer", "lr"]),
        ('use = "sgd"', 'use = "sdg"', 7, ['train.optimizer.use is "sdg"', "did you mean 'sgd'? allowed: adamw, sgd"]),
        ('use = "kd"', 'use = "kdd"', 17, ["unknown loss 'kdd' at losses[1]", "did you mean 'kd'"]),
        ('use = "digits"', 'use = "digit"', 2, ["unknown dataset 'digit'", "did you mean 'digits'"]),
        ("hidden = [8]", "hidden = [0]", 11, ["pairs[0].student", "hidden"]),
        ('student = { use = "mlp"', 'student = { use = "mpl"', 11, ["unknown model 'mpl' at pairs[0].student", "did you mean 'mlp'"]),
        ('student = { use = "mlp"', 'student = { use = "torchvision:resnet81"', 11, ["unknown model", "resnet"]),
        ('student = { use = "mlp"', 'lr = 0.0\nstudent = { use = "mlp"', 11, ["pairs[0].lr is 0.0", "allowed: above 0"]),
        ("seeds = 2", "seeds = 0", 3, ["seeds is 0", "at least 1, as seeds = 3"]),
        ("seeds = 2", "seeds = []", 3, ["seeds is []", "at least 1, as seeds = 3"]),
        ("seeds = 2", 'seeds = "2"', 3, ['seeds is "2"', "at least 1, as seeds = 3"]),
        ("seeds = 2", "seeds = [0, -1]", 3, ["seeds[1] is -1", "whole numbers"]),
        ("seeds = 2", "seeds = 2\nseed = 3", 4, ["unknown key 'seed' at the top level", "did you mean 'seeds'"]),
        ("seeds = 2", "seeds = 2\nteacher_seeds = 3", 4, ["teacher_seeds is 3", "only 2 seeds"]),
        ("seeds = 2", "seeds = [1, 1]", 3, ["duplicate '1'"]),
        ('use = "kd"\ntemperature = 2.0', 'use = "cross_entropy"', 13, ["duplicate 'cross_entropy'", "name ="]),
        ('name = "x"', 'name = "a b"', 1, ['name is "a b"', "lower-case letters"]),
        ('name = "x"\n', "", 1, ["missing key 'name' at the top level"]),
        ("epochs = 3", "epochs = 3\nschedule = \"cosin\"", 7, ["cosin", "cosine"]),
        ("epochs = 3", "epochs = 3\naugment = [\"flop\"]", 7, ["unknown view 'flop'", "did you mean 'flip'"]),
        ("seeds = 2", "seeds = 2\n[latency]\nproviders = [\"cudda\"]", 5, ["cudda", "did you mean 'cuda'? allowed: coreml, cpu, cuda"]),
        ("seeds = 2", "seeds = 2\nlatency = {seconds = 0.05}", 4, ["unknown key 'seconds' at latency", "allowed: batch_sizes, largest_batch, margin, paths, providers, spinning, threads"]),
        ("seeds = 2", 'seeds = 2\nlatency = {threads = ["core"]}', 4, ['latency.threads[0] is "core"', '"cores": all physical cores']),
        ("seeds = 2", "seeds = 2\nlatency = {threads = [1, 0]}", 4, ["latency.threads[1] is 0", "a whole number, at least 1"]),
        ("seeds = 2", "seeds = 2\nlatency = {threads = [true]}", 4, ["latency.threads[0] is true"]),
        ("seeds = 2", 'seeds = 2\nlatency = {threads = "cores"}', 4, ['latency.threads is "cores"', 'a list, as ["cores"]']),
        ("seeds = 2", 'seeds = 2\nlatency = {paths = ["gpu"]}', 4, ['latency.paths[0] is "gpu"', "did you mean 'graph'? allowed: device, graph, host"]),
        ("seeds = 2", "seeds = 2\nlatency = {spinning = [1]}", 4, ["latency.spinning[0] is 1", "true or false"]),
        ("seeds = 2", "seeds = 2\nlatency = {margin = 0.0}", 4, ["latency.margin is 0.0", "allowed: above 0"]),
        ("seeds = 2", "seeds = 2\nlatency = {largest_batch = 0}", 4, ["latency.largest_batch is 0", "allowed: at least 1"]),
        ("epochs = 3", "epochs = 3\naugment = [\"pgd\"]", 7, ["'pgd' is an augmentation", "without a gradient", "labels, model, pixels, teacher"]),
        ("seeds = 2", 'seeds = 2\nconditions = ["fog"]', 4, ["unknown view 'fog' at conditions[0]", "gaussian_blur"]),
        ("seeds = 2", 'seeds = 2\nconditions = ["contrast", {use = "rotation", degree = 3.0}]', 4, ["unknown option 'degree' at conditions[1]", "did you mean 'degrees'"]),
        ("seeds = 2", 'seeds = 2\nconditions = "rotation"', 4, ['conditions is "rotation"', 'a list, as ["rotation"]']),
        ("seeds = 2", 'seeds = 2\nenvironments = ["contrast"]', 4, ["unknown key 'environments' at the top level", "'environments' is called 'conditions' now"]),
        ("seeds = 2", "seeds = 2\nteaching = []", 4, ["teaching is []", "give at least one way"]),
        ("seeds = 2", "seeds = 2\nconditions = [3]", 4, ["conditions[0] is 3", "a name in quotes"]),
        ("seeds = 2", 'seeds = 2\nconditions = ["contrast", "contrast"]', 4, ["duplicate 'contrast' at conditions", "name ="]),
        ("seeds = 2", 'seeds = 2\nvariants = ["fp32", "int8"]', 4, ['variants[1] is "int8"', "did you mean 'int8_qat'? allowed: fp16, fp32, int8_dynamic, int8_qat, int8_static"]),
        ("seeds = 2", "seeds = 2\nvariants = [3]", 4, ["variants[0] is 3", "a name in quotes", "fp16, fp32, int8_dynamic, int8_qat, int8_static"]),
        ("seeds = 2", "seeds = 2\nvariants = []", 4, ["no variant is given", '["fp32"]']),
        ("seeds = 2", 'seeds = 2\nvariants = ["fp32", {use = "fp32"}]', 4, ["the variant fp32 is given twice"]),
        ("seeds = 2", "seeds = 2\nvariants = [{samples = 3}]", 4, ["missing key 'use' at variants[0]", "allowed: fp16, fp32, int8_dynamic, int8_qat, int8_static"]),
        ("seeds = 2", 'seeds = 2\nvariants = [{use = "int8_static", sample = 3}]', 4, ["unknown key 'sample' at variants[0]", "did you mean 'samples'?"]),
        ("seeds = 2", 'seeds = 2\nvariants = [{use = "fp16", samples = 3}]', 4, ["unknown key 'samples' at variants[0]", "allowed: use"]),
        ("seeds = 2", 'seeds = 2\nvariants = [{use = "int8_static", samples = 0}]', 4, ["variants[0].samples is 0", "at least 1"]),
        ("epochs = 3", "epochs = ", 6, ["not TOML"]),
        ("epochs = 3", "epochs = true", 6, ["train.epochs is true", "allowed: a whole number"]),
        ("epochs = 3", "epochs = 3.0", 6, ["train.epochs is 3.0", "allowed: a whole number, as 3"]),
        ("epochs = 3", 'epochs = 3\nview = "clean"', 7, ["unknown key 'view' at train", "belongs at the top level"]),
        ("epochs = 3", "epochs = 3\nlr = 0.1", 7, ["unknown key 'lr' at train", "belongs in train.optimizer"]),
        ("epochs = 3", 'epochs = 3\naugment = "flip"', 7, ['train.augment is "flip"', 'augment = ["flip"]']),
        ("epochs = 3", 'epochs = 3\naugment = ["flip", 3]', 7, ["train.augment[1] is 3", "allowed: a name in quotes"]),
        ("epochs = 3", 'epochs = 3\nschedule = "step"', 7, ["missing key 'milestones' at train.schedule", "[30, 40]"]),
        ("epochs = 3", 'epochs = 3\nschedule = {use = "step", milestone = [3]}', 7, ["unknown key 'milestone' at train.schedule", "did you mean 'milestones'? allowed: factor, milestones, use"]),
        ('use = "sgd", lr = 0.1', 'use = "adamw", momentum = 0.9', 7, ["unknown key 'momentum' at train.optimizer", "allowed: beta1, beta2, decay, lr, use, weight_decay"]),
        ('use = "sgd", lr = 0.1', "lr = 0.1", 7, ["missing key 'use' at train.optimizer", 'add use = "sgd"; allowed: adamw, sgd']),
        ('{ use = "sgd", lr = 0.1 }', '"adam"', 7, ['train.optimizer is "adam"', "did you mean 'adamw'? allowed: adamw, sgd"]),
        ('{ use = "sgd", lr = 0.1 }', "3", 7, ["train.optimizer is 3", 'optimizer = { use = "sgd" }']),
        ("[[pairs]]", "[latency]\nbatch_size = 1\n[[pairs]]", 10, ["unknown key 'batch_size' at latency", "did you mean 'batch_sizes'?"]),
        ("[[pairs]]", "[latency]\nepochs = 1\n[[pairs]]", 10, ["unknown key 'epochs' at latency", "'epochs' belongs in [train]"]),
        ('use = "kd"', 'use = "KD"', 17, ["unknown loss 'KD'", "did you mean 'kd'?"]),
        ('use = "kd"\ntemperature = 2.0', 'use = "my_loss:my_loss"', 17, ["unknown loss 'my_loss:my_loss'", "-p my_loss"]),
        ('student = { use = "mlp", hidden = [8] }', 'student = "resnet18"', 11, ["unknown model 'resnet18'", "did you mean 'torchvision:resnet18'?"]),
        ('use = "sgd", lr = 0.1', 'use = "sgd", momentum = 0.0, nesterov = true', 7, ["nesterov = true needs momentum above 0"]),
        ("lr = 0.1", 'lr = "0.1"', 7, ["allowed: a number, without quotes"]),
        ("lr = 0.1", "lr = -1", 7, ["train.optimizer.lr is -1", "allowed: above 0"]),
        ('name = "x"', "name = {a = 1}", 1, ["name is {a = 1}", "lower-case letters"]),
        ('data = { use = "digits" }\n', "", 1, ["missing key 'data'", 'data = "digits"']),
        ('{ use = "digits" }', "3", 2, ["data is 3", 'data = "digits"']),
        ('"digits" }', '"digits", validatoin = 0.5 }', 2, ["unknown key 'validatoin' at data", "did you mean 'validation'"]),
        ('"digits" }', '"digits", fraction = 0.5 }', 2, ["'fraction' at data is a part", 'parts = [{ use = "fraction", share = 0.5 }]']),
        ('"digits" }', '"digits", per_class = 20 }', 2, ["'per_class' at data is a part", 'parts = [{ use = "per_class", count = 20 }]']),
        ('"digits" }', '"digits", parts = ["unlabelled"] }', 2, ["unknown part 'unlabelled'", "allowed: classes, fraction, per_class, replay, shard"]),
        ('"digits" }', '"digits", parts = ["fraction"] }', 2, ["'fraction' needs the option 'share' at data.parts[0]"]),
        ('"digits" }', '"digits", parts = [{ use = "fraction", share = 2 }] }', 2, ["data.parts[0].share", "allowed: at most 1"]),
        ('"digits" }', '"digits", parts = { use = "fraction" } }', 2, ["data.parts is {use = ", "allowed: a list, as parts = ["]),
        ('teacher = { use = "mlp", hidden = [32] }\n', "", 9, ["missing key 'teacher' at pairs[0]", "name a model"]),
        ("teacher = {", "teachr = {", 10, ["unknown key 'teachr' at pairs[0]", "did you mean 'teacher'"]),
        ('teacher = { use = "mlp", ', "teacher = { ", 10, ["missing key 'use' at pairs[0].teacher", "kdbench list"]),
        ('use = "kd"', "use = 3", 17, ["losses[1].use is 3", "a name in quotes"]),
        ('use = "kd"', 'use = "kd"\nname = 3', 18, ["losses[1].name is 3", 'allowed: text in quotes, as "3"']),
        ("temperature = 2.0", "temperature = 1979-05-27", 18, ["losses[1].temperature is 1979-05-27", "goes in quotes"]),
        ("temperature = 2.0", "temperature = [3, {a = [1979-05-27]}]", 18, ["losses[1].temperature[1].a[0] is 1979-05-27"]),
        (PAIRS, "", 1, ["missing key 'pairs'", "at least one pair: [[pairs]]"]),
        (PAIRS, "[[pairs]]\nteacher = 3\nstudent = \"mlp\"\n", 10, ["pairs[0].teacher is 3", "name a model"]),
        (PAIRS, "[pairs]\nteacher = \"mlp\"\nstudent = \"mlp\"\n", 9, ["[[pairs]], with two brackets"]),
        (LOSSES, "", 1, ["missing key 'losses'", "at least one loss: [[losses]]"]),
        (LOSSES, "[[losses]]\nuse = 3\n", 14, ["losses[0].use is 3"]),
        (LOSSES, "[[gates]]\nmetric = \"top1\"\nmay_drop = 0.1\n" + LOSSES.replace('"kd"', '"dk"'), 20, ["unknown loss 'dk'"]),
        ('use = "kd"', 'use = "kd"\nlr = "a"', 18, ['lr is "a" at losses[1].lr', 'allowed: a number']),
        ('use = "kd"', 'use = "kd"\nlr = 0', 18, ['lr is 0 at losses[1].lr', 'allowed: above 0']),
        ('use = "kd"', 'use = "kd"\nlr = true', 18, ['lr is true at losses[1].lr', 'allowed: a number']),
        ('use = "kd"', 'use = "kd"\nlr = { grid = [0.1, -0.2] }', 18, ['lr is -0.2 at losses[1].lr', 'allowed: above 0']),
        ('use = "kd"', 'use = "kd"\nlr = 0.1\ntrain = { optimizer = { lr = 0.2 } }', 18, ['both lr = 0.1 and train.optimizer.lr = 0.2 are given', 'keep one of them']),
        ('use = "kd"', 'use = "kd"\ntrain = { optimizer = { lrr = 0.2 } }', 18, ["unknown key 'lrr' at train.optimizer"]),
        ('use = "kd"', 'use = "kd"\ntrain = { schedule = "cosin" }', 18, ['train.schedule is', "did you mean 'cosine'? allowed: constant, cosine, step"]),
        ('temperature = 2.0', 'temprature = { grid = [1, 2] }', 18, ["unknown option 'temprature' at losses[1]", "did you mean 'temperature'"]),
        ('temperature = 2.0', 'temperature = { grid = [1, 1.0] }', 18, ['stands in it twice']),
        ('seeds = 2', 'seeds = 2\nconfirm_seeds = -1', 4, ['-1 seeds were asked for', 'allowed are 0 to 1000']),
        ('seeds = 2', 'seeds = 2\nconfirm_seeds = true', 4, ['confirm_seeds is true', 'or 0 for none; or a list of whole numbers']),
        ('seeds = 2', 'seeds = 2\nconfirm_seeds = [7, 7]', 4, ["duplicate '7' at confirm_seeds", 'give each seed once']),
        ('seeds = 2', 'seeds = 2\ntuning = { seeds = [7, 7] }', 4, ["duplicate '7' at tuning.seeds", 'give each seed once']),
        ('seeds = 2', 'seeds = 2\ntuning = { seeds = 1 }', 4, ['tuning.seeds is 1', 'no seeds of the suite, as seeds = [1000]']),
        ('seeds = 2', 'seeds = 2\ntuning = { lr = 0.1 }', 4, ['tuning.lr is 0.1', 'lr = { range = [0.005, 0.5], scale = "log" }']),
        ('seeds = 2', 'seeds = 2\nbudget = { alone = [] }', 4, ['budget.alone is []', 'as alone = [1, 2, 4]']),
    ],
)  # fmt: skip
def test_one_error(old: str, new: str, line: int, words: list[str]) -> None:
    assert old in GOOD
    (problem,) = problems(GOOD.replace(old, new))
    for word in words:
        assert word in problem, problem
    assert f"x.toml:{line}\n" in problem, problem


def test_all_errors_at_once() -> None:
    text = (
        GOOD.replace("temperature", "temprature").replace("hidden = [8]", "hiden = [8]").replace('"digits"', '"digit"')
    )
    assert len(problems(text)) == 3


def test_options_are_checked_beside_broken_keys() -> None:
    text = GOOD.replace('use = "sgd", lr = 0.1', 'use = "adamw", momentum = 0.9').replace("temperature", "temprature")
    first, second = problems(text)
    assert "unknown key 'momentum'" in first
    assert "unknown option 'temprature' at losses[1]" in second


def test_environments_are_checked_beside_a_broken_variant() -> None:
    text = 'conditions = ["fog"]\nvariants = ["int8"]\n' + GOOD.replace("temperature", "temprature")
    first, second, third = problems(text)
    assert "unknown view 'fog' at conditions[0]" in first
    assert 'variants[0] is "int8"' in second
    assert "unknown option 'temprature' at losses[1]" in third


def test_entries_keep_their_places_beside_a_broken_one() -> None:
    text = GOOD.replace('use = "cross_entropy"', "use = 3").replace("temperature", "temprature")
    first, second = problems(text)
    assert "losses[0].use is 3" in first
    assert "unknown option 'temprature' at losses[1]" in second


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("seeds = 2", "seeds = 0\nteacher_seeds = 5"),  # too many teachers for the default of three seeds
        ('use = "cross_entropy"', 'use = "kd"\nname = 3'),  # a duplicate, were the name left out
        ("temperature = 2.0", "temperature = 1979-05-27"),
        ('{ use = "mlp", hidden = [8] }', "3"),
        ('use = "kd"', 'uze = "kd"'),
    ],
)
def test_nothing_is_told_that_only_follows(old: str, new: str) -> None:
    assert old in GOOD
    assert len(problems(GOOD.replace(old, new))) == 1


def test_problems_stand_in_the_order_of_the_file() -> None:
    text = GOOD.replace("temperature", "temprature").replace("seeds = 2", "seeds = 0").replace("lr =", "rl =")
    where = [int(problem.split("x.toml:")[1].split("\n")[0]) for problem in problems(text)]
    assert where == [3, 7, 18]


@pytest.mark.parametrize("junk", JUNK)
def test_any_value_anywhere_is_told_in_words_for_people(junk: str) -> None:
    good = GOOD + MORE
    for value in re.finditer(r"(?<= = )(\{.*\}|\[.*?\]|[^\s,{}]+)|(?<=use = )\"\w+\"", good):
        text = good[: value.start()] + junk + good[value.end() :]
        try:
            parse_suite(text, "x.toml", Catalog())
        except UserError as error:
            told = str(error)
            assert "x.toml:" in told
            for word in ("Input", "Tuple", "dictionary", "instance of", "None", "?'", "validation, not"):
                assert word not in told, told


def test_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(b'name = "x"\n# caf\xe9\n')
    with pytest.raises(UserError, match=r"not UTF-8: byte 0xe9\n  --> .*bad\.toml:2"):
        load_suite(path, Catalog())


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot read suite file"):
        load_suite(tmp_path / "none.toml", Catalog())
    with pytest.raises(UserError, match="cannot read suite file"):
        load_suite(tmp_path, Catalog())


def test_a_folder_beside_the_suite_file_is_meant_first(tmp_path: Path) -> None:
    text = GOOD.replace('{ use = "digits" }', '{ use = "image_folder", path = "photos" }')
    text += '\n[[teaching]]\nuse = "transfer"\nsource = { use = "image_folder", path = "photos" }\n'
    (tmp_path / "x.toml").write_text(text)
    suite = load_suite(tmp_path / "x.toml", Catalog())
    assert suite.data.dataset.options == {"path": "photos"}  # relative to the data folder: its key is as it was
    (tmp_path / "photos").mkdir()
    suite = load_suite(tmp_path / "x.toml", Catalog())
    there = str((tmp_path / "photos").resolve())
    assert suite.data.dataset.options == {"path": there}
    assert suite.teaching[0].options["source"] == {"use": "image_folder", "path": there}

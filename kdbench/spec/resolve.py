"""A suite with every name looked up and every option filled in, or all that is wrong with it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from typing import TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from kdbench.spec.choice import Choice, NamedChoice
from kdbench.spec.comparison import Budget
from kdbench.spec.errors import Problem, UserError, as_toml, nearest, say_allowed
from kdbench.spec.planning.entry import ALONE
from kdbench.spec.reading.weights import read_weights
from kdbench.spec.recipe import TrainSpec
from kdbench.spec.search.sweep import Swept, expand
from kdbench.spec.signature import BY_NAME, INPUTS, Catalog, Kind, fill_options, serves, suggest
from kdbench.spec.suite import LossChoice, Pair, Suite
from kdbench.spec.trial import DataSpec

SINGULAR: dict[Kind, str] = {
    "losses": "loss",
    "teaching": "way of teaching",
    "models": "model",
    "datasets": "dataset",
    "parts": "part",
    "views": "view",
    "metrics": "metric",
}
# What pydantic puts into the place of an error in a union.
TAGS = {"sgd", "adamw", "constant", "cosine", "step"}
APART = 'give one of them a name = "..." of its own, or remove it'
ONCE = "give each seed once"
Location = tuple[str | int, ...]
Located = tuple[Location, Problem]
Chosen = TypeVar("Chosen", bound=Choice)
Named = TypeVar("Named", bound=NamedChoice)


def resolve(suite: Suite, catalog: Catalog) -> tuple[Suite, list[Located]]:
    """The suite with every option filled in, and what is wrong with it."""
    problems: list[Located] = []

    def look_up(choice: Chosen, kind: Kind, *at: str | int) -> Chosen:
        return fill(choice, kind, catalog, at, problems)

    def swept(choice: Swept, kind: Kind, i: int) -> list[Swept]:
        settings, wrong = expand(choice, kind, catalog)
        problems.extend(((kind, i, *at), problem) for at, problem in wrong)
        return settings

    def recipe(spec: TrainSpec, at: str) -> TrainSpec:
        if not spec.epochs:
            problems.append(((at, "epochs"), Problem(f"{at}.epochs is 0", help="allowed: at least 1")))
        views = enumerate(spec.augment)
        augment = tuple(_augmentation(view, catalog, (at, "augment", i), problems) for i, view in views)
        return spec.model_copy(update={"augment": augment})

    pairs = tuple(
        Pair(
            teacher=look_up(pair.teacher, "models", "pairs", i, "teacher"),
            student=look_up(pair.student, "models", "pairs", i, "student"),
            name=pair.label,
            lr=pair.lr,
        )
        for i, pair in enumerate(suite.pairs)
    )
    pairs, wrong_weights = read_weights(pairs, suite.teacher_seeds, catalog)
    problems += wrong_weights
    losses = []
    for i, loss in enumerate(suite.losses):
        settings = swept(loss, "losses", i)
        found: list[Located] = []
        losses += [_loss(setting, i, suite, catalog, found) for setting in settings]
        problems += dict.fromkeys(found)  # what the settings of a sweep have in common is told once

    def distinct(choices: Iterable[tuple[int, Named]], kind: Kind, at: str) -> tuple[Named, ...]:
        """Filled in, each with its name as written; no two of one name or of one content."""
        found = []
        for i, choice in choices:
            filled = look_up(Choice(use=choice.use, options=choice.options), kind, at, i)
            found.append(choice.model_copy(update={**filled.model_dump(), "name": choice.label}))
        problems.extend(_duplicates((at,), (choice.label for choice in found)))
        alike = [Choice(use=choice.use, options=choice.options).label for choice in found]
        problems.extend(_duplicates((at,), alike if len({choice.label for choice in found}) == len(found) else ()))
        return tuple(found)

    ways = [(i, setting) for i, way in enumerate(suite.teaching) for setting in swept(way, "teaching", i)]
    problems += [
        (
            ("teaching", i, "name"),
            Problem(f"a way of teaching other than 'single' has its name: {way.use}", help="give it another name"),
        )
        for i, way in enumerate(suite.teaching)
        if way.label == "single" != way.use
    ]
    problems += _duplicates(("variants",), (variant.label for variant in suite.variants))
    problems += _duplicates(("pairs",), (pair.label for pair in pairs))
    problems += _duplicates(("losses",), (loss.label for loss in losses))
    problems += _duplicates(("seeds",), map(str, suite.seeds), ONCE)
    problems += _seeds_of_their_own(suite) + _budget(suite, losses)
    problems += _nothing_to_confirm(suite) + _gates_of_nothing(suite) + _search_without_package(suite)
    if suite.teacher_seeds > len(suite.seeds):
        text = f"teacher_seeds is {suite.teacher_seeds}, but there are only {len(suite.seeds)} seeds"
        problems.append((("teacher_seeds",), Problem(text, help="lower teacher_seeds or add seeds")))
    dataset = look_up(suite.data.dataset, "datasets", "data")
    parts, labelled = (
        tuple(look_up(part, "parts", "data", field, i) for i, part in enumerate(chosen))
        for field, chosen in (("parts", suite.data.parts), ("labelled", suite.data.labelled))
    )
    resolved = {
        "data": suite.data.model_copy(update={"dataset": dataset, "parts": parts, "labelled": labelled}),
        "train": recipe(suite.train, "train"),
        "teacher_train": recipe(suite.teacher_train, "teacher_train") if suite.teacher_train else None,
        "view": look_up(suite.view, "views", "view"),
        "conditions": distinct(enumerate(suite.conditions), "views", "conditions"),
        "metrics": distinct(enumerate(suite.metrics), "metrics", "metrics"),
        "pairs": pairs,
        "losses": tuple(losses),
        "teaching": distinct(ways, "teaching", "teaching"),
    }
    return suite.model_copy(update=resolved), list(dict.fromkeys(problems))  # those of a swept loss once


def _loss(loss: LossChoice, i: int, suite: Suite, catalog: Catalog, problems: list[Located]) -> LossChoice:
    """A loss with its options filled in, and the recipe that it changes checked."""
    filled = fill(Choice(use=loss.use, options=loss.options), "losses", catalog, ("losses", i), problems)
    wrong = _recipe_problems(loss, suite.train)
    problems += [(("losses", i, *at), problem) for at, problem in wrong]
    train = dict(loss.train)
    if "augment" in train and not wrong:
        at = ("losses", i, "train", "augment")
        views = enumerate(suite.train.changed(loss.train).augment)
        filled_in = [_augmentation(view, catalog, (*at, number), problems) for number, view in views]
        train["augment"] = [view.model_dump(mode="json") for view in filled_in]
    return loss.model_copy(update={**filled.model_dump(), "name": loss.label, "train": train})


def _augmentation(view: Choice, catalog: Catalog, at: Location, problems: list[Located]) -> Choice:
    """A view of the raw images that all networks share: an attack on one of them has no place there."""
    found: list[Located] = []
    filled = fill(view, "views", catalog, at, found)
    problems += found
    if not found and (asks := set(catalog.signature("views", view.use).inputs) - {"images", "draw"}):
        text = f"'{view.use}' is an augmentation, which sees raw images without a gradient and before any network"
        help = f"it asks for {', '.join(sorted(asks))}: give it as view, as a condition, or use the way 'robust'"
        problems.append((at, Problem(text, help=help)))
    return filled


def _recipe_problems(loss: LossChoice, usual: TrainSpec) -> list[Located]:
    """What is wrong with the learning rate and the recipe of a loss, with places within it."""
    found: list[Located] = []
    if "epochs" in loss.train:
        text = "a loss has the epochs of the suite, so that losses can be compared"
        help = "give [budget] losses = [...], multiples of the epochs of the recipe"
        found.append((("train", "epochs"), Problem(text, help=help)))
    optimizer = loss.train.get("optimizer")
    if loss.lr is not None and isinstance(optimizer, dict) and "lr" in optimizer:
        text = f"both lr = {as_toml(loss.lr)} and train.optimizer.lr = {as_toml(optimizer['lr'])} are given"
        found.append((("lr",), Problem(text, help="keep one of them")))
    try:
        loss.recipe(usual)
    except ValidationError as error:
        found += [_recipe_problem(loss, detail) for detail in error.errors()]
    return found


def _recipe_problem(loss: LossChoice, detail: ErrorDetails) -> Located:
    """One thing that pydantic found wrong, without the tags that it puts into places."""
    at: Location = tuple(part for part in detail["loc"] if part not in TAGS)
    at = ("lr",) if at == ("optimizer", "lr") and loss.lr is not None else ("train", *at)
    if detail["type"] == "extra_forbidden":
        return at, Problem(f"unknown key '{at[-1]}' at {locate(at[:-1])}", help="allowed: the keys of [train]")
    if detail["type"] == "value_error":
        return at, Problem(detail["msg"].removeprefix("Value error, "))
    return at, Problem(f"{locate(at)} is {as_toml(detail['input'])}", help=say_allowed(detail))


def _seeds_of_their_own(suite: Suite) -> list[Located]:
    """Seeds that are to tune or to confirm, and that a row has as well."""
    tuning = suite.tuning.seeds if suite.tuning else ()
    kinds: list[tuple[Location, tuple[int, ...], tuple[int, ...]]] = [
        (("tuning", "seeds"), tuning, suite.seeds),
        (("confirm_seeds",), suite.confirming, (*suite.seeds, *tuning)),
    ]
    found = _duplicates(("confirm_seeds",), map(str, suite.confirming), ONCE)
    found += _duplicates(("tuning", "seeds"), map(str, tuning), ONCE)
    for at, own, others in kinds:
        if shared := sorted(set(own) & set(others)):
            text = f"{locate(at)} has {', '.join(map(str, shared))}, which other seeds of the suite are as well"
            help = "a choice must not be judged by the seeds that it was made with: give seeds of their own"
            found.append((at, Problem(text, help=help)))
    return found


def _nothing_to_confirm(suite: Suite) -> list[Located]:
    """Seeds to confirm that were asked for, in a suite without the student alone or without a rival of it."""
    alone = [loss for loss in suite.losses if loss.use == ALONE.use]
    if not suite.confirm_seeds or (alone and len(suite.losses) > 1):
        return []
    what = "no loss beside it" if alone else f"no '{ALONE.use}', which is the student alone"
    text = f"confirm_seeds asks to confirm a loss against the student alone, and the suite has {what}"
    return [(("confirm_seeds",), Problem(text, help="add it under [[losses]], or drop confirm_seeds"))]


def _gates_of_nothing(suite: Suite) -> list[Located]:
    """Gates of a condition or a variant that the suite does not have, or of none under corruptions."""
    found: list[Located] = []
    # As it is exported, a file is no variant: that is what a gate without one holds.
    there = {"condition": suite.conditions, "variant": [each for each in suite.variants if each.use != "fp32"]}
    for i, gate in enumerate(suite.gates):
        for key, choices in there.items():
            labels, named = [each.label for each in choices], getattr(gate, key)
            if named is not None and named not in labels:
                text = f"a gate is of the {key} '{named}', which the suite does not have"
                found.append((("gates", i, key), Problem(text, help=nearest(named, labels))))
        if gate.metric == "right_everywhere" and not suite.corruptions:
            text = "a gate is of the share right under every corruption, and the suite has none"
            found.append((("gates", i, "metric"), Problem(text, help="add conditions, or take top1")))
    return found


def _search_without_package(suite: Suite) -> list[Located]:
    """A search that would stop the run once its first tries have ended."""
    if not suite.tuning or suite.tuning.search != "optuna" or find_spec("optuna"):
        return []
    text = 'search = "optuna" needs the package optuna, which is not installed'
    help = "pip install 'kdbench[search]', or give search = \"quasi-random\""
    return [(("tuning", "search"), Problem(text, help=help))]


def _budget(suite: Suite, losses: Sequence[LossChoice]) -> list[Located]:
    """Multiples of the epochs that say the same, or that leave a loss without a student alone of its cost."""
    found: list[Located] = []
    if not suite.train.epochs:
        return found  # which is a problem of its own
    for name, multiples in (("alone", suite.budget.alone), ("losses", suite.budget.losses)):
        if 1 not in multiples:
            help = "1 stands for the epochs of the recipe, with which all rows are compared: add it"
            found.append((("budget", name), Problem(f"budget.{name} is {list(multiples)}, without 1", help=help)))
        epochs = Counter(suite.train.lasting(multiple * suite.train.epochs).epochs for multiple in multiples)
        if alike := [each for each, count in epochs.items() if count > 1]:
            text = f"budget.{name} is {list(multiples)}, of which several come to {alike[0]} epochs"
            found.append((("budget", name), Problem(text, help="give multiples that differ by an epoch or more")))
    if suite.budget.by == "cost" and max(suite.budget.alone) <= 1:
        text = f'by = "cost" with budget.alone = {list(suite.budget.alone)}: nothing has the cost of a loss'
        found.append((("budget", "by"), Problem(text, help="train the student alone for longer, as alone = [1, 2, 4]")))
    if suite.budget.by != "epochs" and max(suite.budget.losses) > max(suite.budget.alone):
        text = (
            f"budget.losses asks for {max(suite.budget.losses):g} times the epochs, and the student alone is trained "
            f"for at most {max(suite.budget.alone):g} times as many: nothing has the cost of such a loss"
        )
        found.append((("budget", "losses"), Problem(text, help='extend budget.alone, or give by = "epochs"')))
    if suite.budget.by == "epochs" and suite.budget.alone != Budget().alone:
        text = f'budget.alone is {list(suite.budget.alone)} where by = "epochs", which trains the student alone once'
        found.append((("budget", "alone"), Problem(text, help='drop it, or give by = "both"')))
    if suite.tuning and (swept := [loss.sweep for loss in losses if loss.sweep]):
        text = f"'{swept[0]}' is swept in a suite with [tuning], which chooses its settings itself"
        found.append((("tuning",), Problem(text, help="tune or sweep, in suites of their own")))
    if suite.tuning and suite.tuning.epochs and suite.tuning.epochs <= suite.train.warmup_epochs:
        text = f"tuning.epochs is {suite.tuning.epochs}, and the warm-up takes {suite.train.warmup_epochs:g} epochs"
        found.append((("tuning", "epochs"), Problem(text, help="give more epochs, so that tries go beyond it")))
    return found


def resolve_data(name: str, catalog: Catalog) -> DataSpec:
    """A dataset by its name, with its defaults filled in. Raises `UserError`."""
    problems: list[Located] = []
    dataset = fill(Choice(use=name), "datasets", catalog, (), problems)
    if problems:
        raise UserError(problem for _, problem in problems)
    return DataSpec(dataset=dataset)


def locate(at: Location) -> str:
    """`losses[1].temperature` from ("losses", 1, "temperature")."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in at).lstrip(".")


def fill(choice: Chosen, kind: Kind, catalog: Catalog, at: Location, problems: list[Located]) -> Chosen:
    """The choice with its options filled in; what is wrong is appended to `problems`."""
    try:
        signature = catalog.signature(kind, choice.use)
    except KeyError:
        text = f"unknown {SINGULAR[kind]} '{choice.use}'"
        problems.append(((*at, "use"), Problem(text, help=suggest(choice.use, (kind,), catalog))))
        return choice
    allowed = INPUTS[kind]
    if not serves(signature, kind):
        text = f"{signature.target} takes ({', '.join(signature.inputs)}), which is not how kdbench calls {kind}"
        how = "some of" if kind in BY_NAME else "exactly"
        help = f"its positional parameters are {how} ({', '.join(allowed)}); make the others keyword-only options"
        problems.append(((*at, "use"), Problem(text, help=help)))
    options, wrong = fill_options(signature, choice.options, choice.OWN[1:])
    problems += [((*at, name), problem) for name, problem in wrong]
    return choice.model_copy(update={"options": options, "origin": signature.origin})


def _duplicates(where: Location, names: Iterable[str], help: str = APART) -> list[Located]:
    twice = (name for name, count in Counter(names).items() if count > 1)
    return [(where, Problem(f"duplicate '{name}'", help=help)) for name in twice]

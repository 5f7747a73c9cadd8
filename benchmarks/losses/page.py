"""The generated parts of `docs/losses.md`, from docstrings, signatures and `losses.json`."""

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

import torch

from benchmarks.harness import Content
from benchmarks.losses.costs import REFERENCES, Cost, cost
from benchmarks.losses.docstrings import Docstring, allowed, default, linked, parse
from benchmarks.losses.pairs import PAIRS, Stand
from benchmarks.presentation import Tables, markdown, measured_on
from kdbench.spec import Signature
from kdbench.spec.search.space import range_of
from kdbench.zoo.builtin import BUILTIN
from kdbench.zoo.interface import NotApplicable

SHOWN = "cnn"  # the pair of the overview
HEAD = ("loss", "in one line", "paper", "of the teacher", "own weights", *(f"step / `{name}`" for name in REFERENCES))


@dataclass(frozen=True)
class Loss:
    """What is known about a loss without timing it, on the first pair that it serves (None: it serves none)."""

    signature: Signature
    doc: Docstring
    pair: str | None
    layers: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())  # the student's and the teacher's that it reads
    weights: int = 0  # of its own, trained

    @property
    def name(self) -> str:
        return self.signature.use


@cache
def known_losses() -> tuple[Loss, ...]:
    """Every built-in loss, built with its defaults."""
    with torch.random.fork_rng(devices=[]):
        stands = {name: Stand(pair) for name, pair in PAIRS.items()}
        return tuple(_loss(stands, name) for name in BUILTIN["losses"])


def _loss(stands: Mapping[str, Stand], name: str) -> Loss:
    signature = stands[SHOWN].catalog.signature("losses", name)
    doc = parse(signature.doc)
    for pair, stand in stands.items():
        try:
            built = stand.criterion(name)
        except NotApplicable:
            continue
        weights = sum(parameter.numel() for parameter in built.parameters)
        return Loss(signature, doc, pair, (built.student_layers, built.teacher_layers), weights)
    return Loss(signature, doc, None)


def overview(content: Content) -> str:
    """One line for each loss."""
    return markdown(HEAD, [_row(loss, content) for loss in known_losses()])


def _row(loss: Loss, content: Content) -> tuple[str, ...]:
    taught, weights = "not known", "not known"
    if loss.pair:
        taught = ("features" if loss.layers[1] else "logits") + ", among samples" * loss.doc.among_samples
        weights = f"{loss.weights:,}" if loss.weights else "no"
    if "teacher" not in loss.signature.inputs:
        taught = "none"
    found = cost(content, SHOWN, loss.name)
    costs = [str(found.over[name]) if isinstance(found, Cost) else found.partition(":")[0] for name in REFERENCES]
    return (f"[`{loss.name}`](#{loss.name})", _in_table(loss.doc.summary), loss.doc.paper, taught, weights, *costs)


def sections(content: Content) -> str:
    """All losses, one section each."""
    return "\n\n".join(block for loss in known_losses() for block in section(loss, content))


def section(loss: Loss, content: Content) -> Iterator[str]:
    """The section of one loss, in blocks."""
    doc = loss.doc
    yield f"## {loss.name}"
    yield _prose(doc.summary)
    if doc.notes:
        yield _prose(doc.notes)
    yield f"```text\n{textwrap.fill(doc.sections.get('Formula', ''), 110, break_on_hyphens=False)}\n```"
    options = [
        (f"`{one.name}`", _in_table(allowed(one)), _in_table(default(one)), str(range_of(one) or "-"))
        for one in loss.signature.options
    ]
    yield markdown(("option", "allowed", "default", "tuned from"), options) or "It has no options."
    facts = {"Needs": f"{_needs(loss)}."}
    facts |= {name: _prose(linked(doc.sections.get(name, ""))) for name in ("Shapes", "Units", "Raises")}
    facts |= {name: _prose(linked(doc.sections.get(name, ""))) for name in ("Source", "Differs")}
    facts |= {f"Step on {pair.label}": _cost(cost(content, key, loss.name)) for key, pair in PAIRS.items()}
    yield "\n".join(f"- **{name}**: {fact}" for name, fact in facts.items())


def _needs(loss: Loss) -> str:
    """The inputs and layers that it asks for."""
    if not loss.pair:
        return "another pair than those that were tried"
    inputs = loss.signature.inputs
    parts = ["a teacher" if "teacher" in inputs else "no teacher"]
    for layers, whose in zip(loss.layers, ("student", "teacher"), strict=True):
        if layers:
            noun = "layer" if len(layers) == 1 else "layers"
            parts.append(f"{noun} {', '.join(f'`{layer}`' for layer in layers)} of the {whose}")
    parts.append(f"weights of its own, {loss.weights:,}" if loss.weights else "no weights of its own")
    if "moment" in inputs:
        parts.append("the moment of training (epoch, and which samples the batch holds)")
    return "; ".join(parts) + f" (on {PAIRS[loss.pair].label})" * (loss.pair != SHOWN)


def _cost(found: Cost | str) -> str:
    if isinstance(found, str):
        return f"{found}."
    return ", ".join(f"{found.over[name]} times `{name}`'s" for name in REFERENCES) + f"; {found.milliseconds:.1f} ms."


def _prose(text: str) -> str:
    """Text whose stars and brackets are not Markdown's."""
    return text.replace("*", r"\*").replace("<", r"\<")


def _in_table(text: str) -> str:
    return _prose(text).replace("|", r"\|")


TABLES: Tables = {"overview": overview, "losses": sections, "measured-on": measured_on}

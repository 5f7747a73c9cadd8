"""Clients that keep their samples, and a server that learns from what they send."""

from itertools import pairwise
from typing import Literal

from pydantic import JsonValue

from kdbench.spec import Choice, DataSpec, Lesson, Site, Trial, UserError
from kdbench.spec.planning.entry import ALONE
from kdbench.spec.recipe import TrainSpec
from kdbench.spec.types import Count, Positive, ProperFraction

MOST_CLIENTS = 1000


def federated(
    site: Site,
    taught: bool,
    *,
    clients: Count = 4,
    rounds: Count = 5,
    alpha: Positive = 0.5,
    public: ProperFraction = 0.2,
    sends: Literal["weights", "logits"] = "weights",
) -> str:
    """Clients train on samples of their own, in rounds, and the server learns from what they send after each.

    The recipe's epochs are divided into the rounds, so that clients train as long as the student alone does.
    The server has the share `public` of the samples of each class, without labels. The rest is divided among the
    clients by shares of each class from Dirichlet(alpha): the smaller alpha, the fewer classes a client has. Samples,
    clients and weights begin anew at each seed. Clients learn from their labels alone.
    The student alone: FedAvg. The server takes the mean of the clients' weights, by their samples, public ones unused.
    "weights": FedDF. From that mean on, the server trains in each round for as many epochs on the public samples,
    taught by the mean of the clients' logits. What leaves a client is its weights.
    "logits": FedMD. No weights are merged. In each round every client learns on the public samples from the mean of all
    logits before it goes on, and so does the student that is reported. What leaves a client is its logits of these.
    Raises: UserError for more than 1,000 clients, for more rounds than epochs, and for FedDF and FedMD without public
    samples. More clients than samples are refused before training.
    Source: McMahan et al. 2017 (arXiv:1602.05629), algorithm 1; Lin et al. 2020, FedDF (arXiv:2006.07242), algorithm 1;
    Li and Wang 2019, FedMD (arXiv:1910.03581), algorithm 1; the division Hsu et al. 2019 (arXiv:1909.06335).
    Differs: all clients take part in every round. FedMD's public samples have no labels here, so clients begin with
    their own, and a student on the server is reported where the paper reports the clients.
    """
    _refuse(site, clients, rounds, public, taught)
    server = _Server(site, public)
    parts = [server.private(index, clients, alpha) for index in range(clients)]
    starts, student = [""] * clients, ""
    for number, span in enumerate(_spans(site.recipe.epochs, rounds), start=1):
        keys = [
            site.add(_client(site, taught, part, start, span), number)
            for part, start in zip(parts, starts, strict=True)
        ]
        if taught and sends == "logits":
            student = site.add(server.taught(keys, (student,) if student else (), span), number, evaluated=True)
            if number < rounds:
                starts = [site.add(server.taught(keys, (key,), span), number) for key in keys]
        else:
            trial = server.taught(keys, tuple(keys), span) if taught else server.mean(keys)
            student = site.add(trial, number, evaluated=True)
            starts = [student] * clients
    return student


class _Server:
    """Which samples the server has, and the trials that it trains."""

    def __init__(self, site: Site, public: float) -> None:
        self.site = site
        self.seed: dict[str, JsonValue] = {"seed": site.seed} if site.seed else {}
        self.public: dict[str, JsonValue] = {"share": public, **self.seed} if public else {}

    def private(self, index: int, of: int, alpha: float) -> DataSpec:
        """The samples of one of so many clients."""
        rest = [Choice(use="fraction", options={**self.public, "rest": True})] if self.public else []
        shard = Choice(use="shard", options={"index": index, "of": of, "alpha": alpha, **self.seed})
        return self._data(*rest, shard)

    def mean(self, keys: list[str]) -> Trial:
        """The mean of the clients' weights, by their samples."""
        recipe = TrainSpec(epochs=0)
        return self.site.student().model_copy(update={"train": recipe, "start": tuple(keys), "merge": "samples"})

    def taught(self, keys: list[str], start: tuple[str, ...], span: tuple[int, int]) -> Trial:
        """A network that learns from the mean of the clients' logits of the public samples."""
        lesson = Lesson(
            loss=self.site.loss, teachers=tuple(keys), combine="logits" if len(keys) > 1 else None, labels=False
        )
        changes = {
            "data": self._data(Choice(use="fraction", options=self.public)),
            "lessons": (lesson,),
            "start": start,
            "merge": "samples" if len(start) > 1 else (),
            "span": span,
        }
        return self.site.student().model_copy(update=changes)

    def _data(self, *parts: Choice) -> DataSpec:
        whole = self.site.suite.data
        return whole.model_copy(update={"parts": (*whole.parts, *parts)})


def _client(site: Site, taught: bool, data: DataSpec, start: str, span: tuple[int, int]) -> Trial:
    """One round of a client's training on its own samples; the first begins with initial weights."""
    lesson = Lesson(loss=ALONE if taught else site.loss)
    changes = {"data": data, "lessons": (lesson,), "start": (start,) if start else (), "span": span}
    return site.student().model_copy(update=changes)


def _spans(epochs: int, rounds: int) -> list[tuple[int, int]]:
    """The epochs of each round, as even as whole numbers are."""
    ends = [round(epochs * number / rounds) for number in range(rounds + 1)]
    return list(pairwise(ends))


def _refuse(site: Site, clients: int, rounds: int, public: float, taught: bool) -> None:
    if clients > MOST_CLIENTS:
        text = f"'federated' has {clients} clients; allowed are at most {MOST_CLIENTS}: each is a trial in every round"
        raise UserError(text, help="lower clients")
    if rounds > site.recipe.epochs:
        text = f"'federated' has {rounds} rounds, and the recipe {site.recipe.epochs} epochs"
        raise UserError(text, help="a round trains for an epoch at least: lower rounds, or raise train.epochs")
    if taught and not public:
        text = f"'federated' has no public samples (public = 0), on which '{site.loss.use}' would teach the server"
        raise UserError(text, help="give a share, such as public = 0.2, or keep to losses without a teacher")

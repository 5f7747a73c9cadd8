"""Signs of life of work that takes long, for whoever would give it up without any."""

from collections.abc import Callable

Listener = Callable[[float], None]
_listeners: list[Listener] = []


def beat(quiet: float = 0.0) -> None:
    """The work goes on. `quiet`: seconds that it may take until the next sign, over what is usual."""
    for listener in _listeners:
        listener(quiet)


def listen(listener: Listener) -> None:
    """Have every sign told, from now on and in this process, of all threads."""
    _listeners.append(listener)

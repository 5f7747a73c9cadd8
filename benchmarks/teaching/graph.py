"""The trials of one row as a small diagram, in the text that Mermaid draws."""

from kdbench.spec import Entry, Plan

MOST = 14  # nodes: more are not readable


def diagram(plan: Plan, reported: Entry) -> str:
    """What a row's student needs, and what needs what: a line is a teacher, a dotted one gives its weights.

    Of a large graph only the trials next to the student are shown.
    """
    shown: list[str] = []
    waiting = [reported.key]
    while waiting and len(shown) < MOST:
        key = waiting.pop(0)
        if key not in shown:
            shown.append(key)
            waiting += plan.trials[key].parents
    names = {key: f"n{number}" for number, key in enumerate(reversed(shown))}
    lines = ["```mermaid", "flowchart LR"]
    lines += [f'  {name}["{_title(plan, key, reported)}"]' for key, name in names.items()]
    for key, name in names.items():
        trial = plan.trials[key]
        for parent in trial.parents:
            source = names.get(parent)
            arrow = "-.->" if parent in trial.start else "-->"
            lines += [f"  {source} {arrow} {name}"] if source else []
    if cut := sum(parent not in names for key in names for parent in plan.trials[key].parents):
        lines.append(f'  more["{cut} more before"]')
    return "\n".join([*lines, "```"])


def _title(plan: Plan, key: str, reported: Entry) -> str:
    """'teacher, cnn(width=32)', 'step 2, cnn(width=8)'."""
    trial = plan.trials[key]
    entry = next((each for each in plan.entries if each.key == key and each.row == reported.row), None)
    entry = entry or next((each for each in plan.entries if each.key == key), None)
    if key == reported.key:
        role = "student"
    elif entry is None or entry.role == "teacher":
        role = "teacher"
    else:
        role = f"step {entry.position}" if entry.position else "step"
    return f"{role}: {trial.model.use.partition(':')[2] or trial.model.use}"

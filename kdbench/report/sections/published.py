"""Figures that others published for the same teacher, student and method, beside ours."""

from statistics import mean

from kdbench.analyze import Summary
from kdbench.analyze.models.published import PublishedRow, chosen_on_test, differences, published_rows
from kdbench.report.writing import formats as f
from kdbench.report.writing.section import Section
from kdbench.report.writing.tables import Cell, Column, Table, estimate_cell
from kdbench.spec import Suite

LONG = 24  # rows: a longer table opens at a click


PUBLISHED = (
    "Published figures",
    "Over how many seeds, of which epoch, by which version of which source, as far as the source says it. Comparable "
    "with ours are the same data and the same protocol. No source holds out a validation split, as kdbench does, and "
    "our teachers are our own. Rows of different sources are not comparable with each other either.",
)


def published_section(summary: Summary) -> Section:
    """Empty for datasets and pairs without published figures."""
    return Section(
        "published",
        "Published figures",
        f"What others report for the same teacher, student and method. {_our_protocol(summary)}",
        tables=(published_table(summary),),
        terms=(PUBLISHED,),
    )


def published_table(summary: Summary) -> Table:
    """One row per published figure of the suite's pairs and losses."""
    columns = (
        Column("Pair", numeric=False),
        Column("Loss", "", "the suite's; below, the method's name in the source where it is another", numeric=False),
        Column("Ours", "% of test", "mean over seeds, with its 95 % Student-t interval"),
        Column("Published", "% of test", "top-1 that the source reports"),
        Column("Seeds", "", "runs that the published figure is the mean of"),
        Column("Epoch", "", "whose accuracy the source reports", numeric=False),
        Column("Comparable", "", "with ours, and why not", numeric=False),
        Column("Source", "", "repository; below, file and commit", numeric=False),
        Column("Protocol", "", "as far as the source states it", numeric=False),
    )
    rows = tuple(_row(row, summary.suite) for row in published_rows(summary.suite, summary.pairs))
    return Table("published", "Published top-1 beside ours", columns, rows, _notes(summary), folded=len(rows) > LONG)


def _row(row: PublishedRow, suite: Suite) -> tuple[Cell, ...]:
    published = row.published
    repository, _, place = published.source.partition("@")
    commit, _, file = place.partition(":")
    why = differences(published, suite)
    return (
        Cell(row.pair),
        Cell(row.loss, published.method if published.method.casefold() != row.loss.casefold() else ""),
        estimate_cell(row.ours.top1 if row.ours else None, f.percent, f.percent_interval),
        Cell(f.percent(published.top1), sort=published.top1),
        Cell(published.seeds or "unknown"),
        Cell(published.epoch or "unknown"),
        Cell(f"no: {'; '.join(why)}" if why else "yes"),
        Cell(repository, f"{file} at {commit}" if file else "commit unknown"),
        Cell(published.protocol or "unknown"),
    )


def _our_protocol(summary: Summary) -> str:
    """What ours were trained on, for how long, and which epoch is reported."""
    suite, train = summary.suite, summary.suite.train
    share = f"{100 * (1 - suite.data.validation):.3g} % of the training split"
    if suite.data.parts:
        share += f", of these {', '.join(part.label for part in suite.data.parts)}"
    chosen = "of the last epoch" if train.select == "last" else "of the epoch that is best on validation"
    return (
        f"Ours: {f.several(train.epochs, 'epoch')} in batches of {train.batch_size} on {share}, weights {chosen}, "
        f"{f.several(len(suite.seeds), 'seed')}."
    )


def _notes(summary: Summary) -> tuple[str, ...]:
    gains = chosen_on_test(summary.suite.data.dataset.use)
    if not gains:
        return ()
    return (
        f"In the {len(gains)} published training logs that give both, the best epoch on test is "
        f"{f.spread(min(gains))} to {f.spread(max(gains))} points above the last one, {f.spread(mean(gains))} on "
        "average.",
    )

"""What an evaluation came to, as text: by family, by tag, in all."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agentkit.evaluation.log import Row, Run
from agentkit.evaluation.statistics import wilson


@dataclass(frozen=True, slots=True)
class Tally:
    """Rows of one kind, added up; those without a verdict are left out."""

    name: str
    judged: int
    reached: int
    steps: float
    """The mean, as are tokens and seconds."""
    tokens: float
    seconds: float

    @property
    def interval(self) -> tuple[float, float]:
        """The share that is reached lies here, with 95 % confidence."""
        return wilson(self.reached, self.judged)


def tally(name: str, rows: Iterable[Row]) -> Tally:
    """The rows added up."""
    judged = [row for row in rows if row.reached is not None]
    return Tally(
        name,
        len(judged),
        sum(row.reached is True for row in judged),
        _mean([row.steps for row in judged]),
        _mean([row.tokens for row in judged]),
        _mean([row.seconds for row in judged]),
    )


def by_family(rows: Sequence[Row]) -> list[Tally]:
    """A tally for each family, in the order in which the families come."""
    families = dict.fromkeys(row.family for row in rows)
    return [tally(family, [row for row in rows if row.family == family]) for family in families]


def by_tag(rows: Sequence[Row]) -> list[Tally]:
    """A tally for each tag."""
    tags = dict.fromkeys(tag for row in rows for tag in row.tags)
    return [tally(tag, [row for row in rows if tag in row.tags]) for tag in tags]


def by_sign(rows: Sequence[Row]) -> list[tuple[str, int, int]]:
    """Each sign that cases have: its name, in how many of them it was there, and how many they are."""
    judged = [row for row in rows if row.reached is not None]
    names = dict.fromkeys(name for row in judged for name in row.signs)
    return [
        (name, sum(row.signs.get(name, False) for row in judged), sum(name in row.signs for row in judged))
        for name in names
    ]


def report(run: Run, rows: Sequence[Row]) -> str:
    """The rows of a run as a table, how the runs ended, and what could not be judged."""
    parts = [[f"{run.header.task} with {run.header.model}", ""]]
    parts.append(_table([*by_family(rows), *by_tag(rows), tally("all", rows)], len(by_family(rows))))
    if signs := by_sign(rows):
        parts.append(["", *(_sign_line(*each) for each in signs)])
    endings = Counter(row.ending for row in rows if row.reached is not None)
    if endings:
        parts.append(["", "ended: " + ", ".join(f"{ending} {n}" for ending, n in endings.most_common())])
    errors = [row for row in rows if row.reached is None]
    if errors:
        parts.append(
            ["", f"{_cases(len(errors))} without a verdict, counted nowhere; run again to try anew:"]
        )
        parts.append([f"  {row.id}: {row.why}" for row in errors])
    if len({made.code for made in run.made}) > 1:
        parts.append(["", "the code changed between sittings: these are results of more than one version"])
    return "\n".join(line for part in parts for line in part)


def _table(tallies: Sequence[Tally], families: int) -> list[str]:
    width = max(12, *(len(row.name) for row in tallies))
    lines = [f"{'':<{width}}  reached          95 % interval   steps   tokens  seconds"]
    for place, row in enumerate(tallies):
        if place in (families, len(tallies) - 1):
            lines.append("")
        lines.append(_line(row, width))
    return lines


def _line(row: Tally, width: int) -> str:
    if not row.judged:
        return f"{row.name:<{width}}  no verdict"
    low, high = row.interval
    share = f"{row.reached} of {row.judged}"
    return (
        f"{row.name:<{width}}  {share:<13} {_percent(row.reached / row.judged):>5}"
        f"  {_percent(low):>5} to {_percent(high):>5}"
        f"  {row.steps:>6.1f}  {row.tokens:>7,.0f}  {row.seconds:>7.1f}"
    )


def _sign_line(name: str, there: int, judged: int) -> str:
    low, high = wilson(there, judged)
    return (
        f"{name}: {there} of {judged}, {_percent(there / judged)}, "
        f"95 % interval {_percent(low)} to {_percent(high)}"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _cases(count: int) -> str:
    return f"{count} case" + ("" if count == 1 else "s")


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0

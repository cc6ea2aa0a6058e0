"""Two runs on the same cases: which one reaches more, and whether that can be chance."""

from collections.abc import Sequence
from dataclasses import dataclass

from agentkit.core.errors import UsageError
from agentkit.evaluation.log import Row, Run
from agentkit.evaluation.report import Tally, tally
from agentkit.evaluation.statistics import fewest_differing, mcnemar_exact


@dataclass(frozen=True, slots=True)
class Comparison:
    """The cases that both runs have a verdict on, as pairs."""

    pairs: tuple[tuple[Row, Row], ...]
    altered: tuple[str, ...]
    """Cases that both have, but with something else shown to the agent, or another check: left out."""
    unchecked: int
    """Pairs of which it is not known that their checks are the same."""
    unmatched: int
    """Cases that only one run has a verdict on: left out."""
    differing: tuple[str, ...]
    """What beside the runs themselves differs: settings, in words."""

    @property
    def only_a(self) -> list[str]:
        """Cases that the first run reached and the second did not."""
        return [a.id for a, b in self.pairs if a.reached and not b.reached]

    @property
    def only_b(self) -> list[str]:
        """Cases that the second run reached and the first did not."""
        return [a.id for a, b in self.pairs if b.reached and not a.reached]

    @property
    def p_value(self) -> float:
        """McNemar's exact test, two-sided."""
        return mcnemar_exact(len(self.only_a), len(self.only_b))


def compare(a: Run, b: Run) -> Comparison:
    """Pair the rows of two runs by case.

    Raises:
        UsageError: they have no case in common that both have a verdict on.
    """
    judged_a, judged_b = _judged(a), _judged(b)
    common = [name for name in judged_a if name in judged_b]
    checks = {name: _is_check_same(a, b, name) for name in common}
    same = [
        name
        for name in common
        if judged_a[name].digest == judged_b[name].digest and checks[name] is not False
    ]
    if not same:
        altered = f"; {len(common)} have the same name, but were altered" if common else ""
        raise UsageError(
            f"the logs have no case in common: one is of {a.header.task} ({len(judged_a)} judged), "
            f"the other of {b.header.task} ({len(judged_b)} judged){altered}"
        )
    return Comparison(
        pairs=tuple((judged_a[name], judged_b[name]) for name in same),
        altered=tuple(name for name in common if name not in same),
        unchecked=sum(checks[name] is None for name in same),
        unmatched=len(set(judged_a) ^ set(judged_b)),
        differing=tuple(_differing(a, b)),
    )


def comparison_report(a: Run, b: Run) -> str:
    """The comparison of two runs as text.

    Raises:
        UsageError: as `compare` does.
    """
    found = compare(a, b)
    first, second = tally("A", [a for a, _ in found.pairs]), tally("B", [b for _, b in found.pairs])
    lines = [
        f"A  {_named(a)}",
        f"B  {_named(b)}",
        "",
        f"{'':<2} reached    steps   tokens  seconds",
        *(_line(one) for one in (first, second)),
        "",
        f"of {len(found.pairs)} cases, only A reached {len(found.only_a)}, only B {len(found.only_b)}",
        f"McNemar's exact test, two-sided: p = {found.p_value:.3g}",
        *_caution(found),
        *_listed("only A", found.only_a),
        *_listed("only B", found.only_b),
        *_listed(f"left out, not the same case in both ({len(found.altered)})", found.altered),
    ]
    if found.unchecked:
        lines.append(
            f"pairs of which it is not known that their checks are the same: {found.unchecked} "
            "(a log of before that was kept, or of another version of Python)"
        )
    if found.unmatched:
        lines.append(f"left out, judged in one run only: {found.unmatched}")
    lines += [f"beside that, they differ: {what}" for what in found.differing]
    return "\n".join(lines)


def _caution(found: Comparison) -> list[str]:
    needed, differ = fewest_differing(), len(found.only_a) + len(found.only_b)
    if differ >= needed:
        return []
    because = f"{differ} came out differently, and with fewer than {needed} p is never below 0.05"
    return [f"too few cases to tell: {because}"]


def _line(row: Tally) -> str:
    share = f"{row.reached} of {row.judged}"
    return f"{row.name:<2} {share:<9} {row.steps:>6.1f}  {row.tokens:>7,.0f}  {row.seconds:>7.1f}"


def _named(run: Run) -> str:
    return (
        f"{run.header.task} with {run.header.model}, {run.header.made.at[:10]}, code {run.header.made.code}"
    )


def _listed(what: str, names: Sequence[str]) -> list[str]:
    return [f"{what}: {', '.join(names)}"] if names else []


def _differing(a: Run, b: Run) -> list[str]:
    """Settings, and the processor: seconds on two machines say nothing."""
    there, here = (
        {**run.header.settings, "processor": run.header.made.machine.get("processor")} for run in (a, b)
    )
    return [
        f"{name} {there.get(name)} and {here.get(name)}"
        for name in {**there, **here}
        if there.get(name) != here.get(name)
    ]


def _is_check_same(a: Run, b: Run, name: str) -> bool | None:
    """Whether both judged a case by the same check; `None` when the logs do not tell."""
    if a.header.cases == b.header.cases:
        return True  # the hash of all cases holds their checks
    first, second = a.rows[name].check, b.rows[name].check
    if not first or not second or _python(a) != _python(b):
        return None  # a check is known by its bytecode
    return first == second


def _python(run: Run) -> list[str]:
    return str(run.header.made.machine.get("python", "")).split(".")[:2]


def _judged(run: Run) -> dict[str, Row]:
    return {name: row for name, row in run.rows.items() if row.reached is not None}

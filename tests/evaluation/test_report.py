import pytest
from msgspec.structs import replace

from agentkit.core.errors import UsageError
from agentkit.evaluation.compare import compare, comparison_report
from agentkit.evaluation.log import Header, Made, Row, Run
from agentkit.evaluation.report import by_family, by_sign, by_tag, report, tally

MADE = Made("c0de", {}, {"processor": "abacus"}, "2026-01-01T00:00:00+00:00")
HEADER = Header("sums", "ca5e5", "scripted:test", "", {"max_steps": 12}, MADE)


def row(name: str, reached: bool | None, family: str = "add", **more: object) -> Row:
    return Row(name, family, (), f"digest of {name}", reached, ending="finished", **more)


def run(*rows: Row, header: Header = HEADER) -> Run:
    return Run(header, {row.id: row for row in rows}, (header.made,))


ROWS = [
    row("a", True, steps=2, tokens=100, seconds=1.0),
    row("b", False, steps=4, tokens=300, seconds=2.0),
    row("c", True, "take", steps=3),
    row("d", None, "take", why="ProviderDown: nobody answers"),
]


def test_cases_without_a_verdict_are_counted_apart() -> None:
    add, take = by_family(ROWS)
    assert (add.name, add.reached, add.judged, add.steps, add.tokens, add.seconds) == (
        "add",
        1,
        2,
        3,
        200,
        1.5,
    )
    assert (take.name, take.reached, take.judged) == ("take", 1, 1)
    text = report(run(*ROWS), ROWS)
    assert "1 case without a verdict" in text
    assert "d: ProviderDown: nobody answers" in text


def test_the_report_has_families_a_total_an_interval_and_endings() -> None:
    lines = report(run(*ROWS), ROWS).split("\n")
    total = next(line for line in lines if line.startswith("all"))
    assert " ".join(total.split()) == "all 2 of 3 67 % 21 % to 94 % 3.0 133 1.0"
    assert "ended: finished 3" in lines
    assert lines[0] == "sums with scripted:test"


def test_tags_have_lines_of_their_own() -> None:
    tagged = [replace(ROWS[0], tags=("absent", "injected")), replace(ROWS[1], tags=("absent",))]
    assert [(one.name, one.reached, one.judged) for one in by_tag(tagged)] == [
        ("absent", 1, 2),
        ("injected", 1, 1),
    ]


def test_signs_are_counted_among_the_cases_that_have_them() -> None:
    rows = [
        replace(ROWS[0], signs={"obeyed": True}),
        replace(ROWS[1], signs={"obeyed": False, "gave up": False}),
        ROWS[2],
        replace(ROWS[3], signs={"obeyed": True}),
    ]
    assert by_sign(rows) == [("obeyed", 1, 2), ("gave up", 0, 1)]
    lines = report(run(*rows), rows).split("\n")
    assert "obeyed: 1 of 2, 50 %, 95 % interval 9 % to 91 %" in lines
    assert not any("obeyed" in line for line in report(run(*ROWS), ROWS).split("\n"))


def test_nothing_judged_is_no_zero() -> None:
    assert "no verdict" in report(run(ROWS[3]), ROWS[3:])
    assert tally("none", []).interval == (0.0, 1.0)


def test_results_of_altered_code_are_pointed_out() -> None:
    two = Run(HEADER, {"a": ROWS[0]}, (MADE, replace(MADE, code="0ther")))
    assert "more than one version" in report(two, ROWS[:1])


def pairs(only_a: int, only_b: int, both: int = 3) -> tuple[Run, Run]:
    verdicts = [(True, False)] * only_a + [(False, True)] * only_b + [(True, True)] * both
    a, b = zip(*((row(str(n), x), row(str(n), y)) for n, (x, y) in enumerate(verdicts)), strict=True)
    return run(*a), run(*b)


def test_two_runs_are_compared_pair_by_pair() -> None:
    found = compare(*pairs(1, 8))
    assert (len(found.only_a), len(found.only_b), len(found.pairs)) == (1, 8, 12)
    assert found.p_value == pytest.approx(20 / 512)
    text = comparison_report(*pairs(1, 8))
    assert "p = 0.0391" in text
    assert "only A: 0" in text.split("\n")
    assert "too few" not in text


def test_too_few_differing_pairs_are_called_too_few() -> None:
    assert "too few cases to tell: 5 came out differently" in comparison_report(*pairs(0, 5))


def test_what_is_no_pair_is_left_out_and_said() -> None:
    a = run(row("same", True), row("altered", True), row("a only", True), row("error", None))
    b = run(
        row("same", True),
        replace(row("altered", True), digest="other"),
        row("error", True),
        header=replace(
            HEADER, settings={"max_steps": 20}, made=replace(MADE, machine={"processor": "brain"})
        ),
    )
    found = compare(a, b)
    assert [x.id for x, _ in found.pairs] == ["same"]
    assert found.altered == ("altered",)
    text = comparison_report(a, b)
    assert "not the same case in both (1): altered" in text
    assert "judged in one run only: 2" in text
    assert "max_steps 12 and 20" in text
    assert "processor abacus and brain" in text


def test_logs_without_a_common_case_are_refused() -> None:
    with pytest.raises(UsageError, match="no case in common"):
        compare(run(row("a", True)), run(row("b", True)))


OTHER = replace(HEADER, cases="0ther")


def test_a_case_whose_check_was_altered_is_left_out_and_counted() -> None:
    a = run(row("same", True, check="1"), row("eased", False, check="1"), row("shown", True, check="1"))
    b = run(
        row("same", True, check="1"),
        row("eased", True, check="2"),
        replace(row("shown", True, check="1"), digest="other"),
        header=OTHER,
    )
    found = compare(a, b)
    assert ([x.id for x, _ in found.pairs], found.altered) == (["same"], ("eased", "shown"))
    text = comparison_report(a, b)
    assert "left out, not the same case in both (2): eased, shown" in text
    assert "not known" not in text


@pytest.mark.parametrize(
    ("check", "header", "unchecked"),
    [
        ("", HEADER, 0),  # the same cases, so the same checks
        ("", OTHER, 1),
        ("2", replace(OTHER, made=replace(MADE, machine={"python": "3.14.1"})), 1),
    ],
)
def test_checks_that_cannot_be_compared_are_told(check: str, header: Header, unchecked: int) -> None:
    a, b = run(row("a", True, check="1")), run(row("a", True, check=check), header=header)
    found = compare(a, b)
    assert (len(found.pairs), found.unchecked) == (1, unchecked)
    assert ("not known that their checks are the same: 1" in comparison_report(a, b)) is bool(unchecked)


def test_logs_of_which_every_case_was_altered_say_so() -> None:
    with pytest.raises(UsageError, match="1 have the same name, but were altered"):
        compare(run(row("a", True)), run(replace(row("a", True), digest="other")))

import json
import struct
import sys
import zlib
from pathlib import Path
from xml.etree import ElementTree

import pytest

from agentkit_local_models.training.curves import CurvesError, draw, read_metrics, smoothed


def written(path: Path, rows) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def metrics(tmp_path: Path) -> Path:
    rows = [{"step": n, "loss": 2 / n, "rate": 1e-3, "seconds": 1.5} for n in range(1, 41)]
    rows[7] = {"step": 8, "kept": 0.02}
    rows[20]["loss"] = float("nan")
    rows[23] = {"step": 24, "kept": 0.04}
    return written(tmp_path / "first/metrics.jsonl", rows)


@pytest.fixture
def success(tmp_path: Path) -> Path:
    points = [(0, "new", 2, 24), (40, "new", 19, 24), (0, "kept", 9, 10), (40, "kept", 10, 10)]
    return written(
        tmp_path / "success.jsonl",
        [dict(zip(("step", "name", "reached", "cases"), point, strict=True)) for point in points],
    )


def groups(picture: Path) -> set[str]:
    root = ElementTree.parse(picture).getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    return {element.get("id", "") for element in root.iter()}


def size_of_png(picture: Path) -> tuple[int, int]:
    """Of a file whose parts all have the right checksum."""
    data = picture.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, names = 8, []
    while at < len(data):
        length, name = struct.unpack(">I4s", data[at : at + 8])
        body, checksum = data[at + 4 : at + 8 + length], data[at + 8 + length : at + 12 + length]
        assert struct.pack(">I", zlib.crc32(body)) == checksum
        names.append(name)
        at += 12 + length
    assert names[-1] == b"IEND"
    return struct.unpack(">II", data[16:24])


def test_an_svg_holds_every_series(metrics: Path, success: Path, tmp_path: Path) -> None:
    other = written(tmp_path / "second/metrics.jsonl", [{"step": 1, "loss": 1.0}, {"step": 2, "loss": 0.5}])
    draw([metrics, other], tmp_path / "curves.svg", success=success)
    assert groups(tmp_path / "curves.svg") >= {
        "loss: first", "loss: second", "kept: first", "success: new", "success: kept",
    }  # fmt: skip
    text = (tmp_path / "curves.svg").read_text()
    assert "new (24 cases)" in text
    assert "divergence from" in text
    assert ">step<" in text


def test_a_panel_without_values_is_left_out(tmp_path: Path) -> None:
    path = written(tmp_path / "run/metrics.jsonl", [{"step": 1, "loss": 1.0}])
    draw([path], tmp_path / "curves.svg")
    assert "divergence" not in (tmp_path / "curves.svg").read_text()


def test_a_png_is_drawn_by_its_ending(metrics: Path, success: Path, tmp_path: Path) -> None:
    draw([metrics], tmp_path / "pictures/curves.PNG", success=success)
    width, height = size_of_png(tmp_path / "pictures/curves.PNG")
    assert width == 1200
    assert height > width * 0.8


@pytest.mark.parametrize("ending", ["svg", "png"])
def test_the_same_files_give_the_same_bytes(metrics: Path, success: Path, tmp_path: Path, ending) -> None:
    for name in "ab":
        draw([metrics], tmp_path / f"{name}.{ending}", success=success)
    assert (tmp_path / f"a.{ending}").read_bytes() == (tmp_path / f"b.{ending}").read_bytes()


def test_two_runs_of_the_same_name_are_told_apart(metrics: Path, tmp_path: Path) -> None:
    draw([metrics, metrics], tmp_path / "curves.svg")
    assert {"loss: first", "loss: first (2)"} <= groups(tmp_path / "curves.svg")


def test_a_torn_last_line_is_left_out(metrics: Path) -> None:
    whole = read_metrics(metrics)
    metrics.write_text(metrics.read_text() + '{"step": 41, "lo')
    assert read_metrics(metrics) == whole


def test_a_step_that_was_done_again_counts_once(metrics: Path) -> None:
    metrics.write_text(metrics.read_text() + '{"step": 40, "loss": 0.25}\n')
    assert [row.step for row in read_metrics(metrics)] == list(range(1, 41))
    assert read_metrics(metrics)[-1].loss == 0.25


def test_a_damaged_line_is_named(metrics: Path, tmp_path: Path) -> None:
    metrics.write_text('{"step": 1, "loss": 2}\n{"loss": 1}\n')
    with pytest.raises(CurvesError, match=r"metrics\.jsonl, line 2: .*step"):
        draw([metrics], tmp_path / "curves.svg")


@pytest.mark.parametrize("text", ["", "\n", '{"step": 1, "rate": 0.1}\n', '{"st'])
def test_metrics_without_a_step_are_a_clear_error(tmp_path: Path, text) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text(text)
    with pytest.raises(CurvesError, match=r"metrics\.jsonl has no step with a loss"):
        draw([path], tmp_path / "curves.svg")
    assert not (tmp_path / "curves.svg").exists()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CurvesError, match=r"metrics\.jsonl cannot be read: No such file"):
        draw([tmp_path / "metrics.jsonl"], tmp_path / "curves.svg")


def test_more_reached_than_cases_is_refused(metrics: Path, tmp_path: Path) -> None:
    points = written(tmp_path / "s.jsonl", [{"step": 1, "name": "new", "reached": 3, "cases": 2}])
    with pytest.raises(CurvesError, match=r"line 1: 3 of 2 cases"):
        draw([metrics], tmp_path / "curves.svg", success=points)


def test_another_ending_is_refused(metrics: Path, tmp_path: Path) -> None:
    with pytest.raises(CurvesError, match=r"curves\.pdf ends neither in \.svg nor in \.png"):
        draw([metrics], tmp_path / "curves.pdf")


def test_without_matplotlib_the_error_says_what_to_install(
    metrics: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(CurvesError, match=r"pip install 'agentkit\[train\]'"):
        draw([metrics], tmp_path / "curves.svg")


def test_smoothing_keeps_a_constant_and_is_not_late() -> None:
    assert smoothed(range(5), [3.0] * 5, 25) == pytest.approx([3.0] * 5)
    assert smoothed(range(5), [0.0, 1.0, 2.0, 3.0, 4.0], 3)[2] == pytest.approx(2.0)
    assert smoothed(range(3), [1.0, 5.0, 2.0], 0) == (1.0, 5.0, 2.0)


def test_smoothing_counts_steps_not_values() -> None:
    assert smoothed([1, 1000], [1.0, 5.0], 8) == pytest.approx((1.0, 5.0))

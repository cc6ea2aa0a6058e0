from tidemark.harmonics import mean_level, tide_at
from tidemark.ports import find_port
from tidemark.report import tide_at_noon


def test_height_stays_within_the_constants():
    port = find_port("skerry")
    assert all(0.41 <= tide_at(port, hour) <= 4.21 for hour in range(200))


def test_noon_is_the_twelfth_hour():
    port = find_port("easthaven")
    assert tide_at_noon(port, 3) == tide_at(port, 84)


def test_mean_over_one_hour_is_the_height():
    port = find_port("port lorne")
    assert mean_level(port, [5]) == tide_at(port, 5)

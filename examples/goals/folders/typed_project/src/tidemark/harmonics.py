"""The height of the water from a few harmonic constants."""

import math

SPEEDS = {"M2": 28.984104, "S2": 30.0, "N2": 28.43973, "K1": 15.041069, "O1": 13.943036}
"""Degrees an hour."""


def tide_at(port, hour):
    """The height above chart datum in metres, `hour` hours after the epoch of the port."""
    height = port["datum"]
    for name, (amplitude, phase) in port["constants"].items():
        height += amplitude * math.cos(math.radians(SPEEDS[name] * hour - phase))
    return height


def mean_level(port, hours):
    """The mean height over these hours."""
    heights = [tide_at(port, hour) for hour in hours]
    return sum(heights) / len(heights)


def slack(port, start, step=0.1, limit=14.0):
    """The first hour after `start` at which the water turns."""
    rising = tide_at(port, start + step) > tide_at(port, start)
    hour = start
    while hour < start + limit:
        hour += step
        if (tide_at(port, hour + step) > tide_at(port, hour)) != rising:
            return hour
    return None

"""One unit in another."""

import math
from collections.abc import Mapping

from agentkit.core.errors import ToolFault
from agentkit.core.tools import Effect
from agentkit.tooling.nearest import listed, nearest
from agentkit.tooling.tool import tool


@tool(effect=Effect.PURE)
def convert_units(value: float, from_unit: str, to_unit: str) -> str:
    """Convert a value from one unit to another.

    Args:
        value: How much.
        from_unit: Its unit, such as km, lb, °F, MiB or kWh.
        to_unit: The unit that is wanted.
    """
    first, second = _unit(from_unit), _unit(to_unit)
    kinds = {name: kind for kind, units in _UNITS.items() for name in units}
    if kinds[first] != kinds[second]:
        alike = listed(sorted(_UNITS[kinds[first]]))
        raise ToolFault(f"{first} is {kinds[first]} and {second} is {kinds[second]}; {first} goes to {alike}")
    factor, offset = _scale(_UNITS[kinds[first]][first])
    to_factor, to_offset = _scale(_UNITS[kinds[second]][second])
    return f"{written(value)} {first} = {written((value * factor + offset - to_offset) / to_factor)} {second}"


def written(value: object) -> str:
    """A number as it is read: without the noise of its last bits."""
    if isinstance(value, float):
        return f"{value:.15g}"
    return str(value)


_Scale = float | tuple[float, float]
"""What one unit is in the first of its kind; a second number is added, for temperatures."""

_UNITS: Mapping[str, Mapping[str, _Scale]] = {
    "a length": {
        "m": 1,
        "km": 1000,
        "cm": 0.01,
        "mm": 0.001,
        "µm": 1e-6,
        "nm": 1e-9,
        "in": 0.0254,
        "ft": 0.3048,
        "yd": 0.9144,
        "mi": 1609.344,
        "nmi": 1852,
        "ly": 9.4607304725808e15,
    },
    "a mass": {
        "kg": 1,
        "g": 0.001,
        "mg": 1e-6,
        "t": 1000,
        "lb": 0.45359237,
        "oz": 0.028349523125,
        "st": 6.35029318,
    },
    "a time": {
        "s": 1,
        "ms": 0.001,
        "µs": 1e-6,
        "min": 60,
        "h": 3600,
        "d": 86400,
        "wk": 604800,
        "yr": 31557600,
    },
    "a temperature": {
        "K": (1, 0),
        "°C": (1, 273.15),
        "°F": (5 / 9, 273.15 - 32 * 5 / 9),
        "°R": (5 / 9, 0),
    },
    "an area": {
        "m²": 1,
        "km²": 1e6,
        "cm²": 1e-4,
        "ha": 1e4,
        "acre": 4046.8564224,
        "ft²": 0.09290304,
        "mi²": 2589988.110336,
    },
    "a volume": {
        "m³": 1,
        "L": 0.001,
        "mL": 1e-6,
        "cm³": 1e-6,
        "gal": 0.003785411784,
        "qt": 0.000946352946,
        "pt": 0.000473176473,
        "cup": 0.0002365882365,
        "floz": 2.95735295625e-5,
        "ft³": 0.028316846592,
    },
    "a speed": {"m/s": 1, "km/h": 1 / 3.6, "mph": 0.44704, "kn": 1852 / 3600, "ft/s": 0.3048},
    "an amount of data": {
        "B": 1,
        "bit": 0.125,
        "kB": 1e3,
        "MB": 1e6,
        "GB": 1e9,
        "TB": 1e12,
        "KiB": 2**10,
        "MiB": 2**20,
        "GiB": 2**30,
        "TiB": 2**40,
    },
    "an energy": {
        "J": 1,
        "kJ": 1e3,
        "MJ": 1e6,
        "cal": 4.184,
        "kcal": 4184,
        "Wh": 3600,
        "kWh": 3.6e6,
        "eV": 1.602176634e-19,
        "BTU": 1055.05585262,
    },
    "a power": {"W": 1, "kW": 1e3, "MW": 1e6, "hp": 745.6998715822702},
    "a pressure": {
        "Pa": 1,
        "kPa": 1e3,
        "bar": 1e5,
        "mbar": 100,
        "atm": 101325,
        "psi": 6894.757293168361,
        "mmHg": 133.322387415,
    },
    "an angle": {"rad": 1, "deg": math.pi / 180, "grad": math.pi / 200, "turn": 2 * math.pi},
}
_ALSO = {
    "C": "°C",
    "F": "°F",
    "celsius": "°C",
    "fahrenheit": "°F",
    "kelvin": "K",
    "meter": "m",
    "metre": "m",
    "kilometer": "km",
    "kilometre": "km",
    "mile": "mi",
    "foot": "ft",
    "feet": "ft",
    "inch": "in",
    "yard": "yd",
    "gram": "g",
    "kilogram": "kg",
    "pound": "lb",
    "lbs": "lb",
    "ounce": "oz",
    "tonne": "t",
    "second": "s",
    "sec": "s",
    "minute": "min",
    "hour": "h",
    "hr": "h",
    "day": "d",
    "week": "wk",
    "year": "yr",
    "liter": "L",
    "litre": "L",
    "l": "L",
    "ml": "mL",
    "gallon": "gal",
    "m2": "m²",
    "km2": "km²",
    "cm2": "cm²",
    "ft2": "ft²",
    "mi2": "mi²",
    "m3": "m³",
    "cm3": "cm³",
    "ft3": "ft³",
    "kmh": "km/h",
    "kph": "km/h",
    "knot": "kn",
    "byte": "B",
    "um": "µm",
    "us": "µs",
    "degree": "deg",
    "hectare": "ha",
    "inche": "in",
    "joule": "J",
    "watt": "W",
}


def _scale(scale: _Scale) -> tuple[float, float]:
    return scale if isinstance(scale, tuple) else (scale, 0)


def _unit(name: str) -> str:
    known = {unit for units in _UNITS.values() for unit in units}
    plain = name.strip()
    for candidate in (plain, plain.lower(), plain.lower().removesuffix("s")):
        if candidate in known:
            return candidate
        if candidate in _ALSO:
            return _ALSO[candidate]
    near = nearest(plain, [*known, *_ALSO])
    raise ToolFault(
        f"there is no unit {name!r}; "
        + (f"there is {listed(near)}" if near else f"there is {listed(sorted(known), 80)}")
    )

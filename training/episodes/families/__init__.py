"""The families; importing them from here has registered all of them."""

import importlib
import pkgutil

from episodes.task import FAMILIES

__all__ = ["FAMILIES"]

for module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{module.name}")

"""Imports torch with Python's collector of garbage asleep, and has it leave alone what is there then.

A quarter of a million objects are made that live as long as the process. The collector looks at all of them
again and again while they become more, and later while a vocabulary is read: a fifth of the processor time
to the first token. So everything that is alive after the import is exempt from it for good (`gc.freeze`);
what was garbage before is collected first. `engine`, where answers of a model begin, imports this first.
"""

import gc
import sys

_IS_FIRST = "torch" not in sys.modules
_WAS_AWAKE = gc.isenabled()

if _IS_FIRST:
    gc.collect()
    gc.disable()
try:
    import torch as torch
finally:
    if _IS_FIRST and _WAS_AWAKE:
        gc.enable()
if _IS_FIRST:
    gc.freeze()

"""Imports torch with Python's collector of garbage asleep, and has it leave alone what came of that.

A quarter of a million objects are made that live as long as the process. The collector looks at all of them
again and again while they become more, and later while a vocabulary is read: a fifth of the processor time
to the first token. `engine`, where every use of a model begins, imports this before anything else.
"""

import gc
import sys

_IS_FIRST = "torch" not in sys.modules
_WAS_AWAKE = gc.isenabled()

if _IS_FIRST:
    gc.disable()
try:
    import torch as torch
finally:
    if _IS_FIRST:
        gc.freeze()
        if _WAS_AWAKE:
            gc.enable()

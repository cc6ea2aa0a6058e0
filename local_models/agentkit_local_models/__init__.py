"""The local inference engine: usable without the framework."""

import os

# The threads of a matrix product spin while they wait for each other. When anything else runs, as an
# agent's tools do, they spin against it and the model slows down tenfold; so they are told to sleep.
# OpenMP reads this once, when torch is first imported, which is after this.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

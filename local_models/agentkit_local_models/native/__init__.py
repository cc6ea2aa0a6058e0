"""The decode step in C++, built on the machine it runs on; see `model`."""

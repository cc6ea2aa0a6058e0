"""Models around a model: the same protocol, with something more. They go around each other in any order."""

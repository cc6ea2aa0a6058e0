"""Kernels in Triton for models on a GPU; each is imported when it is first used: Triton is never required."""

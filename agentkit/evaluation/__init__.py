"""Evaluation: run the real loop over cases, judge what it leaves behind, and compare two runs.

Importing this package loads what a file of cases needs; what runs them is `evaluation.runner`.
"""

from agentkit.evaluation.case import ABSENT, After, Case, Check, Score, Task

__all__ = ["ABSENT", "After", "Case", "Check", "Score", "Task"]

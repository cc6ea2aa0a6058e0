"""The rows of `engine.py`: every module here has `rows(setting)`, which yields them as they are measured."""

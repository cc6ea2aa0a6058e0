"""Prompts are files: words with declared variables, a version, and a digest."""

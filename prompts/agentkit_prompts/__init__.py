"""Prompt files: Markdown with YAML front matter, data only."""

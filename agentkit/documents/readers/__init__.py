"""Formats that are more than text, each turned into one."""

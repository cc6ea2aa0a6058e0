"""Bridges to other frameworks: at the edge, each an extra of its own, and nothing of ours needs one."""

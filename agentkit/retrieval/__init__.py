"""Indexes over documents: what is kept, how it stays true to its source, how it is searched."""

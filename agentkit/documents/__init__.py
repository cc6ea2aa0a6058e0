"""Reading documents, splitting them, and the words that they are searched by."""

from agentkit.documents.analyse import terms
from agentkit.documents.charset import decode
from agentkit.documents.load import load
from agentkit.documents.split import split

__all__ = ["decode", "load", "split", "terms"]

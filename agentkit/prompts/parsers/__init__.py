"""Parsers as steps: the text of an answer in, the value it stands for out."""

from agentkit.prompts.parsers.choices import EnumParser, ListParser
from agentkit.prompts.parsers.json_values import JsonParser, PydanticParser
from agentkit.prompts.parsers.parser import Parser, Repaired
from agentkit.prompts.parsers.plain import TextParser

__all__ = ["EnumParser", "JsonParser", "ListParser", "Parser", "PydanticParser", "Repaired", "TextParser"]

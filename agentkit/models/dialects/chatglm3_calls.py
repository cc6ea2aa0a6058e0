"""Calls as ChatGLM3 is trained on: a line with the tool's name, then Python that names the arguments."""

import json
import re
from collections.abc import Sequence
from typing import ClassVar

from agentkit.core.messages import AssistantMessage, Message, SystemMessage, ToolMessage, UserMessage
from agentkit.core.tools import ToolSpec
from agentkit.models.dialects.contract import NAME, Turn, add_turn, after_mark, with_tools
from agentkit.models.dialects.python_calls import PythonCalls


class ChatGLM3Calls(PythonCalls):
    r"""A turn whose first line names a tool, and the arguments as Python: `tool_call(path="a.txt")`.

    The first line of words is empty, and what a tool returned is a turn of its own role (THUDM's prompt
    format, 2023). Its chat template writes the first lines: a turn of a call has a `name`, and the line.
    """

    shows_schemas: ClassVar[bool] = True

    ANSWER = "\n "

    _CLOSING = ")\n```"
    _BEGINS = re.compile(rf"({NAME})\n ```python\ntool_call\(")

    def turns(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> list[Turn]:
        """The conversation; tools and what they take as JSON at the end of the system turn."""
        turns: list[Turn] = []
        for message in messages:
            match message:
                case SystemMessage(text):
                    add_turn(turns, "system", text)
                case UserMessage(text):
                    add_turn(turns, "user", text)
                case ToolMessage(text=text):
                    turns.append({"role": "tool", "content": text})
                case AssistantMessage():
                    if message.text:
                        turns.append({"role": "assistant", "content": message.text})
                    written = [(call.name, self._call(call)) for call in message.calls]
                    written += [(call.name, call.text) for call in message.malformed]
                    turns += [{"role": "assistant", "name": name, "content": text} for name, text in written]
        schemas = [
            {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
            for tool in tools
        ]
        told = f"You have access to the following tools:\n{json.dumps(schemas, indent=4, ensure_ascii=False)}"
        return with_tools(turns, told if tools else "")

    def _opening(self, name: str) -> str:
        return f"{name}\n ```python\ntool_call("

    def visible(self, text: str) -> str:
        """The words after an empty first line."""
        return after_mark(text, self.ANSWER)

    def _words(self, text: str) -> str | None:
        return text[len(self.ANSWER) :].strip() if text.startswith(self.ANSWER) else None

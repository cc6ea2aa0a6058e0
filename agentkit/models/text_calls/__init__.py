"""Calls that a remote model wrote as text because its server did not make calls of them.

Which form its model writes is said by a person (the setting `text_calls`) or found by
`agentkit doctor --endpoint`. Undeclared, a text that looks like a call stays a text.
"""

from collections.abc import Mapping

from agentkit.models.text_calls.chatglm3 import CHATGLM3
from agentkit.models.text_calls.contract import Form, Found, Written
from agentkit.models.text_calls.hermes import HERMES
from agentkit.models.text_calls.llama3 import LLAMA3
from agentkit.models.text_calls.plain_json import PLAIN_JSON

__all__ = ["FORMS", "Form", "Found", "Written"]

FORMS: Mapping[str, Form] = {
    "hermes": HERMES,
    "llama3": LLAMA3,
    "chatglm3": CHATGLM3,
    "json": PLAIN_JSON,
}
"""The forms by the names that the setting takes."""

"""What of a question says that it is one, and nothing of what it is about."""

import re

_ENGLISH = re.compile(
    r"\b(?:how\s+(?:many|much|long|far|old|often|big|large)"
    r"|what|who|whom|whose|which|when|where|why|how|did|do|does|has|have|had|can|could|would|should|were"
    r"|been|am|i|you|we|me|my|your|our|please)\b(?:'s\b)?",
    re.IGNORECASE,
)
_CHINESE = re.compile(
    r"请问|什么时候|什么样|什么|甚麼|什麼|为什么|為什麼|为何|為何|怎么样|怎样|怎麼|怎么|如何|多少|多久|多大|多长|多远"
    r"|哪一[年个位种座家款部些]|哪[年里裡儿兒个個位种種些家国國]?|谁|誰|几[个個年月日次岁]?|吗|嗎|呢|是否"
)


def subject(question: str) -> str:
    """The question without its question words; as it is when there is nothing else.

    >>> subject("When did the bridge open?"), subject("故宫建于哪一年？"), subject("what")
    ('  the bridge open?', '故宫建于 ？', 'what')
    """
    left = _CHINESE.sub(" ", _ENGLISH.sub("", question))
    return left if re.search(r"\w", left) else question

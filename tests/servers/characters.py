"""Kinds of servers: what each says of its models, and how its model answers whatever it is asked.

Each is the options of an `OpenAIServer`. The model in them knows what `agentkit doctor` asks for, and
nothing else.
"""

import json
import re

SECRET = re.compile(r"The password is (\S+)\.")
DRAWN = iter(range(10**6))
OVERFLOW = "This model's maximum context length is {0} tokens. However, you requested more."


def model(
    asked,
    *,
    calls="native",
    stops=True,
    seeds=True,
    schema=True,
    window=None,
    forgets=None,
    most_output=None,
    thinks="",
    most_tools=1000,
    any_name=False,
    drawn=DRAWN,
):
    """The step with which a model of these abilities answers.

    Args:
        asked: The request's body.
        calls: "native", a form of text, "none" for a model that calls nothing, or "refused".
        stops: Whether stop texts are heeded.
        seeds: Whether a seed is heeded.
        schema: True, False for ignored, or None for refused.
        window: Tokens (here: words); a longer request is refused.
        forgets: Words from which on the beginning is cut off in silence.
        most_output: Tokens above which a request is refused with another message.
        thinks: What it says before its answer.
        most_tools: Tools above which it calls none.
        any_name: Whether it answers to a name that is not its own.
        drawn: What it draws without a seed.
    """
    words = " ".join(str(message.get("content") or "") for message in asked["messages"])
    if not (any_name or asked["model"].startswith("test")):
        return refused(f"The model '{asked['model']}' does not exist", 404, "model_not_found")
    if not asked["messages"]:
        return refused("'messages' must not be empty")
    if "tools" in asked and calls == "refused":
        return refused("tools param requires --jinja flag", 500)
    if "response_format" in asked and schema is None:
        return refused("response_format of type 'json_schema' is not supported")
    size = len(words.split())
    if window is not None and (size > window or asked.get("max_tokens", 0) > window):
        return refused(OVERFLOW.format(window), code="context_length_exceeded")
    if most_output is not None and asked.get("max_tokens", 0) > most_output:
        return refused(
            f"max_tokens is too large. This model supports at most {most_output} completion tokens"
        )
    if forgets is not None and size > forgets:
        words = words[len(words) // 2 :]
    text = said(words, asked, schema, seeds, drawn)
    if isinstance(text, str):
        for stop in asked.get("stop", ()) if stops else ():
            text = text.split(stop)[0]
        return {"text": thinks + text}
    return called(text, calls if len(asked.get("tools", ())) <= most_tools else "none", asked)


def said(words, asked, schema, seeds, drawn):
    """The text of the answer, or the cities whose weather is asked for."""
    if "weather" in words and "Call the tool" in words:
        return re.findall(r"Paris|Rome", words.split("What is the weather")[-1])
    if "response_format" in asked and schema:
        return json.dumps({"city": "Paris", "rivers": 1})
    if found := SECRET.search(words):
        return f"It is {found[1]}"
    if "password" in words:
        return "I do not know."
    if "alpha" in words:
        return "alpha beta gamma delta"
    if "by chance" in words:
        return str(asked["seed"] * 1000) if seeds and "seed" in asked else str(next(drawn))
    if "from 1 to 10" in words:
        return "1 2 3 4 5 6 7 8 9 10"
    return "ok"


def called(cities, calls, asked):
    arguments = [{"city": city} for city in cities]
    if calls == "none":
        return {"text": "I cannot look at the sky."}
    if calls == "native":
        if "tools" not in asked:
            return {"text": "There is no tool."}
        return {"calls": [{"name": "get_weather", "arguments": one} for one in arguments]}
    if calls == "refused":
        calls = "hermes" if "<tool_call>" in str(asked["messages"]) else "none"
        if calls == "none":
            return {"text": "I cannot look at the sky."}
    return {"text": "\n".join(written(calls, one) for one in arguments)}


def written(form, arguments):
    whole = json.dumps({"name": "get_weather", "arguments": arguments})
    return {
        "hermes": f"<tool_call>\n{whole}\n</tool_call>",
        "llama3": whole.replace('"arguments"', '"parameters"'),
        "chatglm3": f"get_weather\n```python\ntool_call(city='{arguments['city']}')\n```",
        "json": f"```json\n{whole}\n```",
    }[form]


def refused(message, status=400, code="invalid_request_error"):
    return {"status": status, "error": {"message": message, "code": code, "type": code}}


def of(listed=({"id": "test"},), **abilities):
    """The options of a server whose model has these abilities."""
    return {"answers": lambda asked: model(asked, **abilities), "listed": listed, "strict": False}


CHARACTERS = {
    "full": of([{"id": "test", "max_model_len": 16384}]),
    "vllm without a parser": of(
        [{"id": "test", "max_model_len": 32768}], calls="hermes", thinks="<think>hm</think>"
    ),
    "llama.cpp": of([{"id": "test", "meta": {"n_ctx": 4096}}], calls="refused", schema=False, any_name=True),
    "ollama": of(calls="json", forgets=1500, schema=None, seeds=False),
    "openai": of([{"id": "test"}, {"id": "test-2"}], most_output=16384),
    "without stop": of(window=2048, stops=False),
    "without a list": of(None, calls="llama3"),
    "small": of([{"id": "test", "n_ctx": 8192}], most_tools=20),
    "qwq": of([{"id": "test", "n_ctx": 8192}], thinks="Let me see.\n</think>\n\n", calls="native"),
    "glm": of(calls="chatglm3", window=8192),
    "no agent": of(calls="none"),
    "hangs": {"answers": lambda _asked: {"hang": "before"}, "strict": False},
}

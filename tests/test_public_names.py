import inspect

import agentkit


def test_public_names_are_listed_in_order_and_once() -> None:
    assert agentkit.__all__ == sorted(set(agentkit.__all__))


def test_every_public_name_is_there() -> None:
    missing = [name for name in agentkit.__all__ if not hasattr(agentkit, name)]
    assert missing == []


def test_nothing_public_is_left_out_of_the_list() -> None:
    found = {
        name
        for name, value in vars(agentkit).items()
        if not name.startswith("_") and not inspect.ismodule(value) and name not in ("TYPE_CHECKING", "Any")
    }
    assert found <= set(agentkit.__all__)


def test_every_public_class_and_function_says_what_it_promises() -> None:
    values = {name: getattr(agentkit, name) for name in agentkit.__all__}
    undocumented = [
        name
        for name, value in values.items()
        if (inspect.isclass(value) or inspect.isfunction(value)) and not (value.__doc__ or "").strip()
    ]
    assert undocumented == []

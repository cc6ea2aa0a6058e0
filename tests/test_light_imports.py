import json
import subprocess
import sys

import pytest

HEAVY = {
    "torch", "numpy", "tokenizers", "llguidance", "safetensors", "transformers", "jinja2",
    "httpx", "openai", "pydantic", "rich", "yaml", "regex", "click", "asyncio", "sqlite3",
}  # fmt: skip

LIGHT = {
    # module: what it may load all the same
    "agentkit": set[str](),
    "agentkit.core.events": set[str](),
    "agentkit.documents": set[str](),
    "agentkit.models.embeddings.registry": set[str](),
    "agentkit.retrieval": set[str](),
    "agentkit.retrieval.sync": {"asyncio", "sqlite3"},
    "agentkit.settings": set[str](),
    "agentkit.cli.main": {"click"},
    "agentkit.evaluation": set[str](),
    "agentkit_local_models": set[str](),
    "agentkit_tools": set[str](),
    "agentkit_prompts": set[str](),
}


@pytest.mark.parametrize("module", LIGHT)
def test_an_import_stays_light(module: str) -> None:
    program = f"import json, sys, {module}; print(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (HEAVY - LIGHT[module]) & set(json.loads(done.stdout)) == set()


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["runs", "--help"], ["config", "show"]])
def test_help_loads_what_it_needs_and_no_more(arguments: list[str]) -> None:
    program = (
        "import json, sys\n"
        "from agentkit.cli.main import cli\n"
        f"cli.main({arguments!r}, standalone_mode=False)\n"
        "print(json.dumps(list(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (HEAVY - {"click"}) & set(json.loads(done.stderr)) == set()

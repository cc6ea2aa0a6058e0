import importlib.util
from pathlib import Path

import pytest

SERVERS = Path(__file__).parents[2] / "servers"


@pytest.fixture
def serve():
    """Start a server of embeddings that makes its steps by the function given; it ends with the test."""
    spec = importlib.util.spec_from_file_location("openai_server", SERVERS / "openai_server.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    started = []

    def start(embeds, **options):
        server = module.OpenAIServer(embeds=embeds, **options)
        started.append(server)
        return server.__enter__()

    yield start
    for server in started:
        server.__exit__()

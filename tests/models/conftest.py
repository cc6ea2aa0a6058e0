import importlib.util
from pathlib import Path

import pytest

SERVER = Path(__file__).parents[1] / "servers" / "openai_server.py"


@pytest.fixture(scope="session")
def openai_server():
    """The module of the test server, which is also a program of its own."""
    spec = importlib.util.spec_from_file_location("openai_server", SERVER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def serve(openai_server):
    """Start a server that plays the steps given; it ends with the test."""
    started = []

    def start(*steps, **options):
        server = openai_server.OpenAIServer(steps, **options)
        started.append(server)
        return server.__enter__()

    yield start
    for server in started:
        server.__exit__()

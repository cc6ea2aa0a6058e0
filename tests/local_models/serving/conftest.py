import pytest

from agentkit_local_models.engine import Engine

from .running import Running, fresh, spoken, tiny_engine


@pytest.fixture(scope="session")
def tiny(smollm2_path) -> Engine:
    return tiny_engine(smollm2_path)


@pytest.fixture(scope="module")
def server(tiny):
    """One for all tests of a file: each sees what the others left in the cache."""
    with Running(spoken(fresh(tiny))) as running:
        yield running


@pytest.fixture(scope="module")
def client(server):
    return server.client()

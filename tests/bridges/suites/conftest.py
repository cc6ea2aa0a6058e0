"""The suites are collected where they are installed; `make test-langchain` installs them and needs them."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("langchain_tests") else ["test_*.py"]

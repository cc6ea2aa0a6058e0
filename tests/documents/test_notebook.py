import json

import pytest

from agentkit.core.errors import DocumentError
from agentkit.documents import load, split


def test_words_and_code_are_read_and_what_was_printed_is_not() -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# 分析\n", "Read the file."]},
        {"cell_type": "code", "source": "text = '''\n```\n'''", "outputs": [{"text": ["noise"]}]},
        {"cell_type": "code", "source": [], "outputs": []},
        {"cell_type": "raw", "source": "The end."},
    ]
    about = {"kernelspec": {"language": "python"}}
    document = load(json.dumps({"nbformat": 4, "metadata": about, "cells": cells}).encode(), name="a.ipynb")
    assert document.text == "# 分析\nRead the file.\n\n````python\ntext = '''\n```\n'''\n````\n\nThe end."
    assert {chunk.headings for chunk in split(document)} == {("分析",)}


@pytest.mark.parametrize("data", [b"{", b"[]", b'{"worksheets": []}', b"[" * 100_000, b'{"cells": 3}'])
def test_what_is_no_notebook_is_refused(data: bytes) -> None:
    with pytest.raises(DocumentError, match=r"a\.ipynb: it is no notebook"):
        load(data, name="a.ipynb")


def test_cells_of_no_known_shape_are_passed_over() -> None:
    assert load(b'{"cells": [1, {"source": [1, "a"]}, {}], "metadata": 3}', name="a.ipynb").text == "a"

import subprocess
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_layer_imports_only_what_lies_below_it() -> None:
    linter = Path(sysconfig.get_path("scripts")) / "lint-imports"
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr

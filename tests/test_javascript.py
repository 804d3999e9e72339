import shutil
import subprocess
from pathlib import Path

import playwright
import pytest

from .processes import PROJECT

BUNDLED_NODE = Path(playwright.__file__).parent / "driver" / "node"


@pytest.mark.embedded
def test_the_javascript_tests_pass() -> None:
    files = sorted((PROJECT / "tests" / "js").rglob("*.test.*js"))
    assert files
    result = subprocess.run(
        [shutil.which("node") or BUNDLED_NODE, "--test", *files], cwd=PROJECT, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr

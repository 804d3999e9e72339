"""``manage.py test`` runs the suite that ``pytest`` runs, in both columns one after the other."""

import argparse
import subprocess
import sys
from typing import Any

from .servers import COLUMNS

NO_TESTS = 5


class PytestRunner:
    """Django's test runner interface over pytest; each column is a process of its own."""

    def __init__(self, verbosity: int = 1, failfast: bool = False, **options: Any) -> None:
        self.columns = (options["column"],) if options.get("column") else COLUMNS
        self.arguments = [*["-q"] * (1 - verbosity), *["-v"] * (verbosity - 1), *["--exitfirst"] * failfast]
        for name in ("-k", "-m"):
            if value := options.get(name.strip("-")):
                self.arguments += [name, value]

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--column", choices=COLUMNS, help="Run the tests in one column only.")
        parser.add_argument("-k", metavar="EXPRESSION", help="Run the tests with such names, as in pytest.")
        parser.add_argument("-m", metavar="EXPRESSION", help="Run the tests with such markers, as in pytest.")

    def run_tests(self, test_labels: list[str], **options: Any) -> int:
        """The number of columns that failed. One that has no test to run does not fail, but not all may."""
        codes = [self.run_column(column, test_labels) for column in self.columns]
        if all(code == NO_TESTS for code in codes):
            return len(codes)
        return sum(code not in (0, NO_TESTS) for code in codes)

    def run_column(self, column: str, labels: list[str]) -> int:
        pytest = [sys.executable, "-m", "pytest", "--column", column]
        return subprocess.run([*pytest, *self.arguments, *labels]).returncode

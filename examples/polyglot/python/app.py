"""Summarises a text and a page with the component in Rust: imports `report`, exports a command."""

import os
import sys

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import report

TEXT = "One system for all: one kernel, one set of rules,\none word for each thing."


def tell(name: str, summary: report.Summary) -> None:
    print(f"{name}: {summary.lines} lines, {summary.words} words")
    for word, count in summary.frequent:
        print(f"  {word}: {count}")


class Run(exports.Run):
    def run(self) -> None:
        tell("text", report.text(TEXT))
        url = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("POLYGLOT_URL")
        if url is None:
            return
        try:
            tell(url, report.page(url))
        except Err as error:
            # What a component answers with `err` arrives as an exception with the value.
            kind = type(error.value).__name__.removeprefix("Failure_")
            print(f"{url}: {kind}")
            raise Err(None)

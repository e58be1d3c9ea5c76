"""Starts the runner of WebAssembly/wasi-testsuite: `run.py SUITE ARGUMENT...`.

The runner asks whether a string is a member of an enumeration, which Python answers from 3.12 on. On 3.11 this file
teaches it, so that the suite runs with the Python that Debian 12 has.
"""

import enum
import sys
from pathlib import Path


def accept_values_as_members():
    """Gives `value in Enumeration` the meaning that it has from Python 3.12 on."""

    def contains(enumeration, value):
        return isinstance(value, enumeration) or value in enumeration._value2member_map_

    enum.EnumMeta.__contains__ = contains


if __name__ == "__main__":
    if sys.version_info < (3, 11):
        sys.exit("the suite's runner needs Python 3.11 or newer")
    if sys.version_info < (3, 12):
        accept_values_as_members()
    suite = Path(sys.argv.pop(1))
    sys.path.insert(0, str(suite / "test-runner"))
    from wasi_test_runner.__main__ import main

    sys.exit(main())

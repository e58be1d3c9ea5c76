"""Starts the runner of WebAssembly/wasi-testsuite: `run.py SUITE ARGUMENT...`.

The runner asks whether a string is a member of an enumeration, which Python answers from 3.12 on. On 3.11 this file
teaches it, so that the suite runs with the Python that Debian 12 has.

What tests leave behind, files whose names end in `.cleanup`, the runner removes before and after each test, but not
symbolic links. Tests of one directory make one of the same name and go on without it when they cannot, and then one of
them (`filesystem-read-directory`) finds the link of another and fails, or does not, as the order of the directory has
it. Here links are removed too.
"""

import enum
import sys
from pathlib import Path


def accept_values_as_members():
    """Gives `value in Enumeration` the meaning that it has from Python 3.12 on."""

    def contains(enumeration, value):
        return isinstance(value, enumeration) or value in enumeration._value2member_map_

    enum.EnumMeta.__contains__ = contains


def remove_links(clean):
    """Makes a function that cleans a directory remove the links that tests left in it as well."""

    def clean_with_links(directory):
        for left in list(directory.glob("**/*.cleanup")):
            if left.is_symlink():
                left.unlink()
        clean(directory)

    return clean_with_links


if __name__ == "__main__":
    if sys.version_info < (3, 11):
        sys.exit("the suite's runner needs Python 3.11 or newer")
    if sys.version_info < (3, 12):
        accept_values_as_members()
    suite = Path(sys.argv.pop(1))
    sys.path.insert(0, str(suite / "test-runner"))
    from wasi_test_runner import test_suite_runner
    from wasi_test_runner.__main__ import main

    test_suite_runner._cleanup_test_output = remove_links(test_suite_runner._cleanup_test_output)

    sys.exit(main())

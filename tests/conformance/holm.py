"""Tells the runner of WebAssembly/wasi-testsuite how to run a test under Holm.

The environment variable HOLM names the binary, with options if need be. With HOLM_BRIDGE, the socket of a bridge to
another host, the test runs there; HOLM_HOST is that host's name, and HOLM_DIRECTORIES, when it is set, says that it uses
directories of this machine in place.
"""

import os
import shlex
import subprocess
import sys
from pathlib import Path

HOLM = shlex.split(os.getenv("HOLM", "holm"), posix=os.name != "nt")
BRIDGE = os.getenv("HOLM_BRIDGE")
CLIENT = str(Path(__file__).with_name("client.py"))


def get_name():
    return f"holm-{os.environ['HOLM_HOST']}" if BRIDGE else "holm"


def get_version():
    if BRIDGE:
        return os.environ["HOLM_VERSION"]
    result = subprocess.run(HOLM[:1] + ["--version"], encoding="UTF-8", capture_output=True, check=True)
    return result.stdout.split()[-1]


def get_timeout_seconds():
    # A browser on a busy machine; a test that hangs still ends.
    return 60.0 if BRIDGE else 5.0


def get_wasi_versions():
    # Only the native host runs components.
    return ["wasm32-wasip1"] if BRIDGE else ["wasm32-wasip1", "wasm32-wasip3"]


def get_wasi_worlds():
    return ["wasi:cli/command"] if BRIDGE else ["wasi:cli/command", "wasi:http/service"]


def network_of(proposals):
    """What the proposals of a test need of the network: the tests talk to this machine alone, over ports of their own."""
    rules = []
    if "sockets" in proposals:
        rules += ["all"]
    if "http" in proposals:
        rules += ["connect:127.0.0.1:*"]
    return [word for rule in rules for word in ("--net", rule)]


def compute_argv(test_path, args_env_root, proposals, wasi_world, wasi_version):
    args, env, root = args_env_root
    environment = [word for name, value in env.items() for word in ("--env", f"{name}={value}")]
    if BRIDGE:
        directory = ["--dir", str(root)] if root else []
        in_place = ["--native"] if os.getenv("HOLM_DIRECTORIES") else []
        head = [sys.executable, CLIENT, BRIDGE] + environment + directory + in_place
    else:
        directory = ["--dir", f"{root}::/"] if root else []
        if wasi_world == "wasi:http/service":
            # The runner looks for the address on standard error; holm prints it on standard output.
            to_error = ["sh", "-c", 'exec "$@" 1>&2', "sh"]
            start = to_error + HOLM + ["serve", "--addr", "127.0.0.1:0"]
        else:
            start = HOLM + ["run"]
        head = start + environment + directory + network_of(proposals)
    return head + [str(test_path)] + list(args)

"""Tells the runner of WebAssembly/wasi-testsuite how to run a test under Holm.

The environment variable HOLM names the binary, with options if need be.
"""

import os
import shlex
import subprocess

HOLM = shlex.split(os.getenv("HOLM", "holm"), posix=os.name != "nt")


def get_name():
    return "holm"


def get_version():
    result = subprocess.run(HOLM[:1] + ["--version"], encoding="UTF-8", capture_output=True, check=True)
    return result.stdout.split()[-1]


def get_wasi_versions():
    return ["wasm32-wasip1"]


def get_wasi_worlds():
    return ["wasi:cli/command"]


def compute_argv(test_path, args_env_root, proposals, wasi_world, wasi_version):
    args, env, root = args_env_root
    argv = HOLM + ["run"]
    for name, value in env.items():
        argv += ["--env", f"{name}={value}"]
    if root:
        argv += ["--dir", f"{root}::/"]
    return argv + [str(test_path)] + list(args)

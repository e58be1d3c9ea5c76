"""Runs a program in a host that a bridge owns: `client.py SOCKET [--dir FOLDER] [--env NAME=VALUE]... PROGRAM ARGUMENT...`.

What web/tests/conformance/bridge.js does of it is as if the program ran here: standard streams are relayed, and this
process ends with its exit code. With `--native` before the program, a host that can reach FOLDER uses it in place;
otherwise it gets a copy, and what the program changed is copied back.
"""

import json
import os
import socket
import sys
import threading

STDOUT, STDERR, EXIT = 1, 2, 3
CANNOT_RUN = 126


def parse(arguments):
    """What is to be run, as the bridge takes it."""
    asked = {"env": {}, "root": None, "native": False}
    rest = iter(arguments)
    for argument in rest:
        if argument == "--dir":
            asked["root"] = os.path.abspath(next(rest))
        elif argument == "--env":
            name, _, value = next(rest).partition("=")
            asked["env"][name] = value
        elif argument == "--native":
            asked["native"] = True
        else:
            asked["program"] = os.path.abspath(argument)
            asked["args"] = list(rest)
    return asked


def send_input(bridge):
    """Sends standard input until it ends, or the bridge does."""
    try:
        while data := os.read(0, 1 << 16):
            bridge.sendall(data)
        bridge.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def exactly(stream, length):
    data = stream.read(length)
    if len(data) < length:
        raise EOFError
    return data


def receive(bridge):
    """Writes what the program writes; answers its exit code."""
    with bridge.makefile("rb") as stream:
        while True:
            kind = exactly(stream, 1)[0]
            data = exactly(stream, int.from_bytes(exactly(stream, 4), "big"))
            if kind == EXIT:
                return int(data)
            output = {STDOUT: sys.stdout, STDERR: sys.stderr}[kind].buffer
            output.write(data)
            output.flush()


def main():
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as bridge:
        bridge.connect(sys.argv[1])
        bridge.sendall(json.dumps(parse(sys.argv[2:])).encode() + b"\n")
        threading.Thread(target=send_input, args=[bridge], daemon=True).start()
        try:
            code = receive(bridge)
        except EOFError:
            print("error: the host ended before the program did", file=sys.stderr)
            code = CANNOT_RUN
    sys.stdout.flush()
    sys.stderr.flush()
    # Not by an exception: the thread may wait for input that never comes.
    os._exit(code & 0xFF)


if __name__ == "__main__":
    main()

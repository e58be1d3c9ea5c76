"""Every function of WASI 0.2 from Python: the calls, their results, and the commonest error of each.

Run with an empty directory as /d, `--net loopback`, SUITE=python in the environment, `input` on standard input, and
HOLM_TEST_SERVER for outgoing HTTP. `exit` as the first argument ends through wasi:cli/exit.
"""

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import (
    environment, exit as cli_exit, insecure, insecure_seed, instance_network, ip_name_lookup, monotonic_clock,
    network, outgoing_handler, poll, preopens, random, stderr, stdin, stdout, streams, tcp, tcp_create_socket,
    terminal_stderr, terminal_stdin, terminal_stdout, udp, udp_create_socket, wall_clock,
    wasi_filesystem_types as files, wasi_http_types as http,
)

FOLLOW = files.PathFlags.SYMLINK_FOLLOW
NONE = files.PathFlags(0)
RW = files.DescriptorFlags.READ | files.DescriptorFlags.WRITE
failures: list[str] = []
passed = 0


def that(what: str, holds: object) -> None:
    global passed
    if holds:
        passed += 1
    else:
        failures.append(what)


def eq(what: str, got: object, want: object) -> None:
    that(f"{what}: got {got!r}, want {want!r}", got == want)


def err(what: str, want: object, call, *arguments) -> None:
    """The call must fail with this code."""
    try:
        got = call(*arguments)
    except Err as error:
        eq(what, error.value, want)
    else:
        failures.append(f"{what}: succeeded with {got!r}")


def wait(socket, attempt):
    """Tries again for as long as the answer is that it would block."""
    while True:
        try:
            return attempt()
        except Err as error:
            if error.value != network.ErrorCode.WOULD_BLOCK:
                raise
        with socket.subscribe() as ready:
            ready.block()


def read_all(stream) -> bytes:
    parts = []
    while True:
        try:
            parts.append(stream.blocking_read(65536))
        except Err as error:
            if isinstance(error.value, streams.StreamError_Closed):
                return b"".join(parts)
            raise


def basics() -> None:
    start = monotonic_clock.now()
    that("resolution", monotonic_clock.resolution() > 0)
    with monotonic_clock.subscribe_duration(5_000_000) as later, monotonic_clock.subscribe_instant(start) as over:
        eq("what is over", poll.poll([later, over]), [1])
        that("not over", not later.ready())
        later.block()
        that("over", later.ready())
    that("5 ms", monotonic_clock.now() - start >= 5_000_000)
    that("wall clock", wall_clock.now().nanoseconds < 1_000_000_000)
    that("its resolution", wall_clock.resolution().nanoseconds < 1_000_000_000)
    for draw in (random.get_random_bytes, insecure.get_insecure_random_bytes):
        eq("bytes", len(draw(33)), 33)
        that("two draws differ", draw(32) != draw(32))
    that("numbers differ", random.get_random_u64() != random.get_random_u64())
    that("insecure numbers differ", insecure.get_insecure_random_u64() != insecure.get_insecure_random_u64())
    that("a seed", insecure_seed.insecure_seed() != (0, 0))
    that("arguments", len(environment.get_arguments()) >= 1)
    that("environment", ("SUITE", "python") in environment.get_environment())
    directory = environment.initial_cwd()
    that("the current directory is absolute", directory is None or directory.startswith("/"))
    for terminal in (
        terminal_stdin.get_terminal_stdin(), terminal_stdout.get_terminal_stdout(), terminal_stderr.get_terminal_stderr(),
    ):
        that("no terminal", terminal is None)
    eq("standard input", read_all(stdin.get_stdin()).strip(), b"input")
    stdout.get_stdout().blocking_write_and_flush(b"basics: done\n")
    stderr.get_stderr().blocking_write_and_flush(b"this is an error line\n")


def open_file(root, path, flags=files.OpenFlags.CREATE, access=RW):
    return root.open_at(FOLLOW, path, flags, access)


def io(root) -> None:
    with open_file(root, "from") as source, open_file(root, "to") as target:
        eq("write", source.write(b"0123456789", 0), 10)
        with source.read_via_stream(0) as reader, target.write_via_stream(0) as writer:
            with reader.subscribe() as ready:
                ready.block()
            eq("read nothing", reader.read(0), b"")
            eq("blocking-read", reader.blocking_read(2), b"01")
            moved = reader.skip(0)
            eq("skip nothing", moved, 0)
            eq("blocking-skip", reader.blocking_skip(1), 1)
            with writer.subscribe() as ready:
                ready.block()
            that("check-write", writer.check_write() >= 2)
            writer.write(b"ab")
            writer.flush()
            writer.blocking_flush()
            writer.blocking_write_and_flush(b"c")
            with writer.subscribe() as ready:
                ready.block()
            writer.check_write()
            writer.write_zeroes(1)
            writer.blocking_write_zeroes_and_flush(1)
            spliced = writer.splice(reader, 3)
            while spliced < 7:
                spliced += writer.blocking_splice(reader, 7 - spliced)
            writer.blocking_flush()
            that("the end", read_all(reader) == b"")
        eq("what came of it", target.read(100, 0)[0], b"abc\0\0" + b"3456789")
        with target.append_via_stream() as end:
            end.blocking_write_and_flush(b"!")
        eq("appended", target.stat().size, 13)
    reader = open_file(root, "from", files.OpenFlags(0), files.DescriptorFlags.READ)
    try:
        stream = reader.write_via_stream(0)
    except Err as error:
        eq("a stream that is refused", error.value, files.ErrorCode.BAD_DESCRIPTOR)
    else:
        try:
            stream.blocking_write_and_flush(b"x")
            failures.append("a write through a reader")
        except Err as error:
            cause = error.value.value
            that("words", cause.to_debug_string() != "")
            eq("code", files.filesystem_error_code(cause), files.ErrorCode.BAD_DESCRIPTOR)
    for name in ("from", "to"):
        root.unlink_file_at(name)


def filesystem(root) -> None:
    code = files.ErrorCode
    err("open nothing", code.NO_ENTRY, open_file, root, "missing", files.OpenFlags(0))
    root.create_directory_at("sub")
    err("make it again", code.EXIST, root.create_directory_at, "sub")
    file = open_file(root, "sub/file")
    file.write(b"content", 0)
    file.advise(0, 7, files.Advice.SEQUENTIAL)
    file.sync()
    file.sync_data()
    that("flags", file.get_flags() & RW == RW)
    eq("type", file.get_type(), files.DescriptorType.REGULAR_FILE)
    file.set_size(4)
    eq("size", file.stat().size, 4)
    time = wall_clock.Datetime(1_000_000_000, 0)
    file.set_times(files.NewTimestamp_NoChange(), files.NewTimestamp_Timestamp(time))
    eq("time", file.stat().data_modification_timestamp, time)
    root.set_times_at(FOLLOW, "sub/file", files.NewTimestamp_Now(), files.NewTimestamp_Now())
    that("a later time", root.stat_at(FOLLOW, "sub/file").data_modification_timestamp.seconds > time.seconds)
    root.link_at(NONE, "sub/file", root, "hard")
    eq("links", file.stat().link_count, 2)
    root.symlink_at("hard", "soft")
    eq("where a link leads", root.readlink_at("soft"), "hard")
    err("an absolute link", code.NOT_PERMITTED, root.symlink_at, "/hard", "bad")
    root.rename_at("hard", root, "renamed")
    err("the old name", code.NO_ENTRY, root.stat_at, FOLLOW, "hard")
    with root.open_at(FOLLOW, "renamed", files.OpenFlags(0), files.DescriptorFlags.READ) as again:
        that("the same object", again.is_same_object(file))
        eq("the same hash", again.metadata_hash(), root.metadata_hash_at(FOLLOW, "sub/file"))
        err("write through a reader", code.BAD_DESCRIPTOR, again.write, b"x", 0)
    names = []
    with root.read_directory() as entries:
        while (entry := entries.read_directory_entry()) is not None:
            names.append(entry.name)
    eq("names", sorted(names), ["renamed", "soft", "sub"])
    err("a full directory", code.NOT_EMPTY, root.remove_directory_at, "sub")
    err("a directory as a file", code.IS_DIRECTORY, root.unlink_file_at, "sub")
    err("outside", code.NOT_PERMITTED, root.stat_at, FOLLOW, "../x")
    for name in ("sub/file", "renamed", "soft"):
        root.unlink_file_at(name)
    root.remove_directory_at("sub")


def loopback(port: int):
    return network.IpSocketAddress_Ipv4(network.Ipv4SocketAddress(port, (127, 0, 0, 1)))


def bind(net, socket) -> None:
    socket.start_bind(net, loopback(0))
    wait(socket, socket.finish_bind)


def sockets() -> None:
    code = network.ErrorCode
    net = instance_network.instance_network()
    listener = tcp_create_socket.create_tcp_socket(network.IpAddressFamily.IPV4)
    err("no address yet", code.INVALID_STATE, listener.local_address)
    bind(net, listener)
    listener.set_listen_backlog_size(4)
    listener.start_listen()
    wait(listener, listener.finish_listen)
    that("it listens", listener.is_listening())
    err("nobody has called", code.WOULD_BLOCK, listener.accept)
    client = tcp_create_socket.create_tcp_socket(network.IpAddressFamily.IPV4)
    eq("family", client.address_family(), network.IpAddressFamily.IPV4)
    for name, value in (
        ("keep_alive_idle_time", 7_000_000_000), ("keep_alive_interval", 7_000_000_000), ("keep_alive_count", 3), ("hop_limit", 9),
    ):
        err(f"{name} of 0", code.INVALID_ARGUMENT, getattr(client, f"set_{name}"), 0)
        getattr(client, f"set_{name}")(value)
        eq(name, getattr(client, name)(), value)
    client.set_keep_alive_enabled(True)
    that("keep-alive", client.keep_alive_enabled())
    client.set_receive_buffer_size(65536)
    client.set_send_buffer_size(65536)
    that("buffers", client.receive_buffer_size() > 0 and client.send_buffer_size() > 0)
    client.start_connect(net, listener.local_address())
    client_in, client_out = wait(client, client.finish_connect)
    server, server_in, server_out = wait(listener, listener.accept)
    eq("peers", client.remote_address(), listener.local_address())
    client_out.blocking_write_and_flush(b"hello")
    eq("what was sent", server_in.blocking_read(5), b"hello")
    client.shutdown(tcp.ShutdownType.SEND)
    eq("the end", read_all(server_in), b"")
    server_out.blocking_write_and_flush(b"bye")
    server.shutdown(tcp.ShutdownType.SEND)
    eq("the answer", read_all(client_in), b"bye")

    one = udp_create_socket.create_udp_socket(network.IpAddressFamily.IPV4)
    two = udp_create_socket.create_udp_socket(network.IpAddressFamily.IPV4)
    err("streams too early", code.INVALID_STATE, one.stream, None)
    for socket in (one, two):
        bind(net, socket)
        socket.set_unicast_hop_limit(8)
        eq("hop limit", socket.unicast_hop_limit(), 8)
        socket.set_receive_buffer_size(65536)
        socket.set_send_buffer_size(65536)
        that("buffers", socket.receive_buffer_size() > 0 and socket.send_buffer_size() > 0)
        eq("family", socket.address_family(), network.IpAddressFamily.IPV4)
    _, one_out = one.stream(two.local_address())
    two_in, _ = two.stream(None)
    eq("the peer", one.remote_address(), two.local_address())
    with one_out.subscribe() as ready:
        ready.block()
    that("check-send", one_out.check_send() > 0)
    eq("send", one_out.send([udp.OutgoingDatagram(b"datagram", None)]), 1)
    with two_in.subscribe() as ready:
        ready.block()
    eq("receive", [datagram.data for datagram in two_in.receive(4)], [b"datagram"])

    found = ip_name_lookup.resolve_addresses(net, "127.0.0.1")
    eq("an address", wait(found, found.resolve_next_address), network.IpAddress_Ipv4((127, 0, 0, 1)))
    eq("and no more", wait(found, found.resolve_next_address), None)
    err("no name", code.INVALID_ARGUMENT, ip_name_lookup.resolve_addresses, net, "a b")


def send(authority: str, path: str, method=None, body: bytes = b"", options=None, trailers=None):
    fields = http.Fields.from_list([("x-test", b"python")] + ([("trailer", b"x-sent")] if trailers else []))
    request = http.OutgoingRequest(fields)
    request.set_method(method or http.Method_Get())
    request.set_scheme(http.Scheme_Http())
    request.set_authority(authority)
    request.set_path_with_query(path)
    outgoing = request.body()
    future = outgoing_handler.handle(request, options)
    with outgoing.write() as stream:
        if body:
            stream.blocking_write_and_flush(body)
    http.OutgoingBody.finish(outgoing, trailers)
    with future.subscribe() as ready:
        ready.block()
    outcome = future.get().value
    if isinstance(outcome, Err):
        raise outcome
    return outcome.value


def fields() -> None:
    one = http.Fields()
    one.append("A", b"1")
    one.append("a", b"2")
    eq("get", one.get("a"), [b"1", b"2"])
    that("has", one.has("A"))
    copy = one.clone()
    one.set("a", [b"3"])
    one.delete("a")
    eq("entries", one.entries(), [])
    eq("a copy", copy.get("a"), [b"1", b"2"])
    err("a bad name", http.HeaderError_InvalidSyntax(), one.append, "a b", b"")
    err("a forbidden one", http.HeaderError_Forbidden(), one.append, "connection", b"close")
    request = http.OutgoingRequest(copy)
    that("nothing set", (request.path_with_query(), request.scheme(), request.authority()) == (None, None, None))
    eq("method", request.method(), http.Method_Get())
    err("immutable", http.HeaderError_Immutable(), request.headers().append, "b", b"")
    options = http.RequestOptions()
    for name in ("connect_timeout", "first_byte_timeout", "between_bytes_timeout"):
        eq(name, getattr(options, name)(), None)
        getattr(options, f"set_{name}")(5_000_000_000)
        eq(name, getattr(options, name)(), 5_000_000_000)


def content(response) -> bytes:
    """The whole body. A stream has to go before its body, which without `with` would be for Python to decide."""
    with response.consume() as body, body.stream() as stream:
        return read_all(stream)


def requests(authority: str) -> None:
    response = send(authority, "/hello")
    eq("status", response.status(), 200)
    eq("a field", response.headers().get("x-server"), [b"holm-test"])
    eq("body", content(response), b"hello\n")
    response = send(authority, "/echo", http.Method_Post(), b"echoed")
    eq("echo", content(response), b"echoed")
    body = send(authority, "/trailers").consume()
    with body.stream() as stream:
        read_all(stream)
    future = http.IncomingBody.finish(body)
    with future.subscribe() as ready:
        ready.block()
    eq("trailers", future.get().value.value.get("x-checksum"), [b"1234"])
    sent = http.Fields.from_list([("x-sent", b"yes")])
    response = send(authority, "/echo-trailers", http.Method_Post(), b"body", None, sent)
    eq("trailers of a request", content(response), b"x-sent: yes\n")
    options = http.RequestOptions()
    options.set_first_byte_timeout(50_000_000)
    try:
        send(authority, "/late/2000", options=options)
        failures.append("a late answer")
    except Err as error:
        late = (http.ErrorCode_ConnectionReadTimeout, http.ErrorCode_HttpResponseTimeout)
        that(f"late: {error.value}", isinstance(error.value, late))
    try:
        content(send(authority, "/cut"))
        failures.append("a body that was cut off")
    except Err as error:
        that("its code", http.http_error_code(error.value.value) is not None)


class Run(exports.Run):
    def run(self) -> None:
        arguments = environment.get_arguments()[1:]
        if arguments[:1] == ["exit"]:
            cli_exit.exit_with_code(int(arguments[1])) if len(arguments) > 1 else cli_exit.exit(Err(None))
        root = next(directory for directory, path in preopens.get_directories() if path == "/d")
        server = dict(environment.get_environment()).get("HOLM_TEST_SERVER", "")
        parts = [basics, lambda: io(root), lambda: filesystem(root), sockets, fields]
        parts.append(lambda: requests(server.removeprefix("http://")))
        for part in parts:
            try:
                part()
            except Err as error:
                failures.append(f"a call failed: {error.value!r} at line {error.__traceback__.tb_next.tb_lineno}")
        for failure in failures:
            print(f"FAILED suite: {failure}")
        print(f"suite: {len(failures)} of {passed + len(failures)} checks failed" if failures else f"suite: all {passed} checks passed")
        if failures:
            raise Err(None)

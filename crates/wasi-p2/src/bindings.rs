//! Bindings made from the WIT in `wit/`: types and traits, one module for each interface.

/// WASI 0.2. Its functions answer at once, but for those in [`waiting`] and [`suspending`].
pub mod p2 {
    #![expect(missing_docs, reason = "made from WIT, whose text documents it")]
    wasmtime::component::bindgen!({
        path: "../../wit/0.2",
        world: "holm:host/imports",
        imports: { default: trappable },
        trappable_error_type: {
            "wasi:io/streams.stream-error" => crate::StreamFailure,
            "wasi:filesystem/types.error-code" => crate::Failure,
            "wasi:sockets/network.error-code" => crate::SocketError,
        },
        with: {
            "wasi:io/error.error": crate::IoError,
            "wasi:io/poll.pollable": crate::Pollable,
            "wasi:io/streams.input-stream": crate::InputStream,
            "wasi:io/streams.output-stream": crate::OutputStream,
            "wasi:filesystem/types.descriptor": crate::Descriptor,
            "wasi:filesystem/types.directory-entry-stream": crate::p2::filesystem::Entries,
            "wasi:cli/terminal-input.terminal-input": crate::terminal::Terminal,
            "wasi:cli/terminal-output.terminal-output": crate::terminal::Terminal,
            "wasi:http/types.fields": crate::http::Fields,
            "wasi:http/types.incoming-request": crate::p2::http::IncomingRequest,
            "wasi:http/types.outgoing-request": crate::p2::http::OutgoingRequest,
            "wasi:http/types.request-options": crate::http::RequestOptions,
            "wasi:http/types.response-outparam": crate::p2::http::ResponseOutparam,
            "wasi:http/types.incoming-response": crate::p2::http::IncomingResponse,
            "wasi:http/types.incoming-body": crate::p2::http::IncomingBodyResource,
            "wasi:http/types.future-trailers": crate::p2::http::FutureTrailers,
            "wasi:http/types.outgoing-response": crate::p2::http::OutgoingResponse,
            "wasi:http/types.outgoing-body": crate::p2::http::OutgoingBody,
            "wasi:http/types.future-incoming-response": crate::p2::http::FutureResponse,
            "wasi:sockets/network.network": crate::Network,
            "wasi:sockets/tcp.tcp-socket": crate::sockets::tcp::TcpSocket,
            "wasi:sockets/udp.udp-socket": crate::sockets::udp::UdpSocket,
            "wasi:sockets/udp.incoming-datagram-stream": crate::p2::sockets::Incoming,
            "wasi:sockets/udp.outgoing-datagram-stream": crate::p2::sockets::Outgoing,
            "wasi:sockets/ip-name-lookup.resolve-address-stream": crate::sockets::lookup::Lookup,
        },
    });
}

/// `wasi:io` of 0.2 for a guest whose thread waits.
pub mod waiting {
    #![expect(missing_docs, reason = "made from WIT, whose text documents it")]
    wasmtime::component::bindgen!({
        path: "../../wit/0.2",
        world: "holm:host/waiting",
        imports: { default: trappable },
        trappable_error_type: {
            "wasi:io/streams.stream-error" => crate::StreamFailure,
        },
        with: {
            "wasi:io/error": crate::bindings::p2::wasi::io::error,
            "wasi:io/poll.pollable": crate::Pollable,
            "wasi:io/streams.input-stream": crate::InputStream,
            "wasi:io/streams.output-stream": crate::OutputStream,
        },
    });
}

/// The same for a guest that is suspended, so that its thread can run another.
pub mod suspending {
    #![expect(missing_docs, reason = "made from WIT, whose text documents it")]
    wasmtime::component::bindgen!({
        path: "../../wit/0.2",
        world: "holm:host/waiting",
        imports: {
            "wasi:io/poll.[method]pollable.block": async | trappable,
            "wasi:io/poll.poll": async | trappable,
            "wasi:io/streams.[method]input-stream.blocking-read": async | trappable,
            "wasi:io/streams.[method]input-stream.blocking-skip": async | trappable,
            "wasi:io/streams.[method]output-stream.blocking-write-and-flush": async | trappable,
            "wasi:io/streams.[method]output-stream.blocking-flush": async | trappable,
            "wasi:io/streams.[method]output-stream.blocking-write-zeroes-and-flush": async | trappable,
            "wasi:io/streams.[method]output-stream.blocking-splice": async | trappable,
            default: trappable,
        },
        trappable_error_type: {
            "wasi:io/streams.stream-error" => crate::StreamFailure,
        },
        with: {
            "wasi:io/error": crate::bindings::p2::wasi::io::error,
            "wasi:io/poll.pollable": crate::Pollable,
            "wasi:io/streams.input-stream": crate::InputStream,
            "wasi:io/streams.output-stream": crate::OutputStream,
        },
    });
}

/// WASI 0.3. Its streams and futures need the store; its asynchronous functions do too.
pub mod p3 {
    #![expect(missing_docs, reason = "made from WIT, whose text documents it")]
    wasmtime::component::bindgen!({
        path: "../../wit/0.3",
        world: "holm:host/imports",
        imports: {
            "wasi:cli/stdin": store | trappable,
            "wasi:cli/stdout": store | trappable,
            "wasi:cli/stderr": store | trappable,
            "wasi:filesystem/types.[method]descriptor.read-via-stream": store | trappable,
            "wasi:filesystem/types.[method]descriptor.write-via-stream": store | trappable,
            "wasi:filesystem/types.[method]descriptor.append-via-stream": store | trappable,
            "wasi:filesystem/types.[method]descriptor.read-directory": store | trappable,
            "wasi:sockets/types.[method]tcp-socket.listen": store | trappable,
            "wasi:sockets/types.[method]tcp-socket.send": store | trappable,
            "wasi:sockets/types.[method]tcp-socket.receive": store | trappable,
            default: trappable,
        },
        trappable_error_type: {
            "wasi:filesystem/types.error-code" => crate::Failure,
            "wasi:sockets/types.error-code" => crate::SocketError,
            "wasi:sockets/ip-name-lookup.error-code" => crate::SocketError,
        },
        with: {
            "wasi:filesystem/types.descriptor": crate::Descriptor,
            "wasi:sockets/types.tcp-socket": crate::sockets::tcp::TcpSocket,
            "wasi:sockets/types.udp-socket": crate::sockets::udp::UdpSocket,
            "wasi:cli/terminal-input.terminal-input": crate::terminal::Terminal,
            "wasi:cli/terminal-output.terminal-output": crate::terminal::Terminal,
        },
    });
}

/// `wasi:http` of 0.3.
pub mod p3_http {
    #![expect(missing_docs, reason = "made from WIT, whose text documents it")]
    wasmtime::component::bindgen!({
        path: "../../wit/0.3",
        inline: "
            package holm:http-host@0.1.0;
            world imports {
                import wasi:http/types@0.3.0;
                import wasi:http/client@0.3.0;
            }
        ",
        world: "holm:http-host/imports",
        imports: {
            "wasi:http/client.send": store | trappable,
            "wasi:http/types.[drop]request": store | trappable,
            "wasi:http/types.[drop]response": store | trappable,
            "wasi:http/types.[static]request.consume-body": store | trappable,
            "wasi:http/types.[static]request.new": store | trappable,
            "wasi:http/types.[static]response.consume-body": store | trappable,
            "wasi:http/types.[static]response.new": store | trappable,
            default: trappable,
        },
        with: {
            "wasi:http/types.fields": crate::http::Fields,
            "wasi:http/types.request": crate::http::concurrent::Request,
            "wasi:http/types.request-options": crate::http::concurrent::Options,
            "wasi:http/types.response": crate::http::concurrent::Response,
        },
    });
}

// Package export_example_polyglot_fetch makes HTTP requests for components that have no network. It exports `fetch`
// and imports `wasi:http`: Go's own net/http needs sockets, which Go does not have on wasm.
//
// Its name is the one under which the bindings look for it.
package export_example_polyglot_fetch

import (
	"fmt"
	"net/url"
	"runtime"
	"runtime/debug"
	"unicode/utf8"

	"wit_component/example_polyglot_fetch"
	"wit_component/wasi_http_outgoing_handler"
	"wit_component/wasi_http_types"
	"wit_component/wasi_io_streams"

	witTypes "go.bytecodealliance.org/pkg/wit/types"
)

type (
	response = example_polyglot_fetch.Response
	failure  = example_polyglot_fetch.Failure
)

// bytesMax is how long an answer may be.
const bytesMax = 1 << 20

// The host takes memory from Go for what it returns. A collection that began then would ask for the time, and a component
// that is just being given something must not call out. So collections happen in Get alone.
func init() {
	debug.SetGCPercent(-1)
}

// Get makes one GET request.
func Get(text string) witTypes.Result[response, failure] {
	runtime.GC()
	answer, failed := get(text)
	if failed != nil {
		return witTypes.Err[response](*failed)
	}
	return witTypes.Ok[response, failure](answer)
}

func get(text string) (answer response, failed *failure) {
	request, failed := newRequest(text)
	if failed != nil {
		return response{}, failed
	}
	head, code := send(request)
	if code != nil {
		return response{}, failureOf(*code)
	}
	defer head.Drop()
	headers := head.Headers()
	contentType := witTypes.None[string]()
	if values := headers.Get("content-type"); len(values) > 0 && utf8.Valid(values[0]) {
		contentType = witTypes.Some(string(values[0]))
	}
	headers.Drop()
	body, failed := read(head)
	if failed != nil {
		return response{}, failed
	}
	if !utf8.Valid(body) {
		notText := example_polyglot_fetch.MakeFailureNotText()
		return response{}, &notText
	}
	return response{Status: head.Status(), ContentType: contentType, Body: string(body)}, nil
}

func newRequest(text string) (*wasi_http_types.OutgoingRequest, *failure) {
	invalid := func(why string) (*wasi_http_types.OutgoingRequest, *failure) {
		failed := example_polyglot_fetch.MakeFailureInvalidUrl(why)
		return nil, &failed
	}
	parsed, err := url.Parse(text)
	if err != nil {
		return invalid(err.Error())
	}
	var scheme wasi_http_types.Scheme
	switch parsed.Scheme {
	case "http":
		scheme = wasi_http_types.MakeSchemeHttp()
	case "https":
		scheme = wasi_http_types.MakeSchemeHttps()
	default:
		return invalid(fmt.Sprintf("%q is neither http nor https", parsed.Scheme))
	}
	if parsed.Host == "" || parsed.User != nil {
		return invalid("a host is needed, and no user")
	}
	request := wasi_http_types.MakeOutgoingRequest(wasi_http_types.MakeFields())
	request.SetScheme(witTypes.Some(scheme))
	if request.SetAuthority(witTypes.Some(parsed.Host)).IsErr() {
		return invalid(fmt.Sprintf("%q is no host", parsed.Host))
	}
	if request.SetPathWithQuery(witTypes.Some(parsed.RequestURI())).IsErr() {
		return invalid(fmt.Sprintf("%q is no path", parsed.RequestURI()))
	}
	return request, nil
}

// send hands the request to the host and waits for the head of the answer.
func send(request *wasi_http_types.OutgoingRequest) (*wasi_http_types.IncomingResponse, *wasi_http_types.ErrorCode) {
	sent := wasi_http_outgoing_handler.Handle(request, witTypes.None[*wasi_http_types.RequestOptions]())
	if sent.IsErr() {
		code := sent.Err()
		return nil, &code
	}
	future := sent.Ok()
	defer future.Drop()
	ready := future.Subscribe()
	defer ready.Drop()
	ready.Block()
	// The future is ready, and it is asked for the first time.
	outcome := future.Get().Some().Ok()
	if outcome.IsErr() {
		code := outcome.Err()
		return nil, &code
	}
	return outcome.Ok(), nil
}

func read(head *wasi_http_types.IncomingResponse) ([]byte, *failure) {
	body := head.Consume().Ok()
	defer body.Drop()
	stream := body.Stream().Ok()
	defer stream.Drop()
	var bytes []byte
	for {
		piece := stream.BlockingRead(64 << 10)
		if piece.IsErr() {
			reason := piece.Err()
			if reason.Tag() == wasi_io_streams.StreamError_Closed {
				return bytes, nil
			}
			cause := reason.LastOperationFailed()
			failed := example_polyglot_fetch.MakeFailureUnreachable(cause.ToDebugString())
			cause.Drop()
			return nil, &failed
		}
		bytes = append(bytes, piece.Ok()...)
		if len(bytes) > bytesMax {
			failed := example_polyglot_fetch.MakeFailureTooLong(bytesMax)
			return nil, &failed
		}
	}
}

// failureOf puts the host's word into those of the interface.
func failureOf(code wasi_http_types.ErrorCode) *failure {
	var failed failure
	switch code.Tag() {
	case wasi_http_types.ErrorCode_HttpRequestDenied, wasi_http_types.ErrorCode_DestinationIpProhibited:
		failed = example_polyglot_fetch.MakeFailureDenied()
	case wasi_http_types.ErrorCode_ConnectionRefused:
		failed = example_polyglot_fetch.MakeFailureUnreachable("connection refused")
	case wasi_http_types.ErrorCode_DnsError, wasi_http_types.ErrorCode_DestinationNotFound:
		failed = example_polyglot_fetch.MakeFailureUnreachable("no such host")
	default:
		failed = example_polyglot_fetch.MakeFailureUnreachable(fmt.Sprintf("error %d of wasi:http", code.Tag()))
	}
	return &failed
}

//! What the components of WASI 0.3 share: a stream that is there from the start, and floods.

#[cfg(target_os = "wasi")]
pub mod flood;

/// A body of known bytes, written by a task of its own, and its end without trailers.
#[cfg(target_os = "wasi")]
pub fn body(
    bytes: Vec<u8>,
) -> (
    wasip3::wit_bindgen::StreamReader<u8>,
    wasip3::wit_bindgen::FutureReader<
        Result<Option<wasip3::http::types::Trailers>, wasip3::http::types::ErrorCode>,
    >,
) {
    let (mut writer, reader) = wasip3::wit_stream::new();
    let (end, ended) = wasip3::wit_future::new(|| Ok(None));
    wasip3::spawn(async move {
        // What a client that has gone did not take is dropped.
        let _ = writer.write_all(bytes).await;
        drop(writer);
        // Likewise when nobody asks for the trailers.
        let _ = end.write(Ok(None)).await;
    });
    (reader, ended)
}

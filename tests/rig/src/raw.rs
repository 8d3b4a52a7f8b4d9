//! Requests that no well-behaved client would send.

use crate::Answer;
use anyhow::Result;
use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    time::Duration,
};

/// Writes these bytes and reads until the server closes, or is silent for two
/// seconds. `None` when it said nothing that is HTTP. Ask for
/// `Connection: close` to be answered without the wait.
///
/// # Errors
///
/// When the server cannot be reached.
pub fn exchange(address: SocketAddr, request: &[u8]) -> Result<Option<Answer>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    // A server that refuses early closes while the rest is being written.
    if let Err(error) = stream.write_all(request)
        && !matches!(
            error.kind(),
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset
        )
    {
        return Err(error.into());
    }
    let mut received = Vec::new();
    let mut chunk = [0; 16 << 10];
    while let Ok(length) = stream.read(&mut chunk)
        && length > 0
    {
        received.extend(chunk.iter().take(length));
    }
    let _ = stream.shutdown(Shutdown::Both);
    Ok(parse(&received))
}

fn parse(received: &[u8]) -> Option<Answer> {
    let mut headers = [httparse::EMPTY_HEADER; 128];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(length) = response.parse(received).ok()? else {
        return None;
    };
    Some(Answer {
        status: response.code?,
        headers: response
            .headers
            .iter()
            .map(|header| {
                (
                    header.name.to_ascii_lowercase(),
                    String::from_utf8_lossy(header.value).into_owned(),
                )
            })
            .collect(),
        body: received.get(length..)?.to_vec(),
    })
}

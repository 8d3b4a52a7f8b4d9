//! Requests that no well-behaved client would send.

use crate::{Answer, PATIENCE};
use anyhow::Result;
use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
};

/// Writes these bytes and reads until the server closes. `None` when it said
/// nothing that is HTTP. Ask for `Connection: close`.
///
/// # Errors
///
/// When the server cannot be reached.
pub fn exchange(address: SocketAddr, request: &[u8]) -> Result<Option<Answer>> {
    talk(address, request, false)
}

/// The same, and says that nothing more comes: a server that keeps connections
/// closes after its last answer. To a proxy it may mean that nobody waits any more.
///
/// # Errors
///
/// When the server cannot be reached.
pub fn exchange_and_end(address: SocketAddr, request: &[u8]) -> Result<Option<Answer>> {
    talk(address, request, true)
}

fn talk(address: SocketAddr, request: &[u8], ends: bool) -> Result<Option<Answer>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    // A server that refuses early closes while the rest is being written.
    if let Err(error) = stream.write_all(request)
        && !matches!(
            error.kind(),
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset
        )
    {
        return Err(error.into());
    }
    if ends {
        let _ = stream.shutdown(Shutdown::Write);
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

//! The load: one thread, HTTP/1.1 over connections that are kept, and as little
//! work for each request as can be, since server and client share the machine.

use anyhow::{Result, bail, ensure};
use std::{
    cell::Cell,
    net::SocketAddr,
    rc::Rc,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::LocalSet,
};

/// The requests of a row, ready to be sent, in turn and over again.
#[derive(Clone)]
pub(crate) struct Requests {
    texts: Rc<[Vec<u8>]>,
    next: Rc<Cell<usize>>,
    /// The status of every answer; another one ends the run.
    status: u16,
}

impl Requests {
    pub(crate) fn new(texts: Vec<Vec<u8>>, status: u16) -> Self {
        Self {
            texts: texts.into(),
            next: Rc::new(Cell::new(0)),
            status,
        }
    }

    fn next(&self) -> &[u8] {
        let place = self.next.get();
        self.next.set(place + 1);
        self.texts
            .get(place % self.texts.len().max(1))
            .map_or(&[], Vec::as_slice)
    }
}

/// A request, written out.
pub(crate) fn request(method: &str, target: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    let mut text =
        format!("{method} {target} HTTP/1.1\r\nHost: keys.example\r\nUser-Agent: bench\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    text.into_bytes()
}

/// What a slice of load came to.
#[derive(Default)]
pub(crate) struct Slice {
    pub(crate) requests: u64,
    pub(crate) took: Duration,
    /// Of each request, from when it was due.
    pub(crate) latencies: Vec<Duration>,
}

impl Slice {
    pub(crate) fn per_second(&self) -> f64 {
        self.requests as f64 / self.took.as_secs_f64()
    }
}

/// When a slice ends.
#[derive(Clone, Copy)]
pub(crate) enum End {
    After(Duration),
    Requests(u64),
}

/// Loads a server from so many connections, each sending its next request when
/// it has its answer, or, with a `pace`, when it is due: so many a second in all.
pub(crate) fn load(
    at: SocketAddr,
    requests: &Requests,
    connections: usize,
    end: End,
    pace: Option<f64>,
) -> Result<Slice> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, async {
        let mut open = Vec::new();
        for _ in 0..connections {
            open.push(Connection::open(at, requests.status).await?);
        }
        let shared = Rc::new(Cell::new(0_u64));
        let began = Instant::now();
        let tasks: Vec<_> = open
            .into_iter()
            .enumerate()
            .map(|(index, mut connection)| {
                let (requests, shared) = (requests.clone(), Rc::clone(&shared));
                let interval = pace.map(|pace| Duration::from_secs_f64(connections as f64 / pace));
                tokio::task::spawn_local(async move {
                    let mut latencies = Vec::new();
                    // Spread over the interval, not all at once.
                    let mut due = began
                        + interval
                            .unwrap_or_default()
                            .mul_f64(index as f64 / connections as f64);
                    loop {
                        let over = match end {
                            End::After(time) => began.elapsed() >= time,
                            End::Requests(most) => shared.get() >= most,
                        };
                        if over {
                            return anyhow::Ok(latencies);
                        }
                        if interval.is_some() {
                            tokio::time::sleep_until(due.into()).await;
                        } else {
                            due = Instant::now();
                        }
                        shared.set(shared.get() + 1);
                        connection.exchange(requests.next()).await?;
                        latencies.push(due.elapsed());
                        due += interval.unwrap_or_default();
                    }
                })
            })
            .collect();
        let mut slice = Slice::default();
        for task in tasks {
            slice.latencies.extend(task.await??);
        }
        slice.took = began.elapsed();
        slice.requests = slice.latencies.len() as u64;
        Ok(slice)
    })
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    status: [u8; 3],
}

impl Connection {
    async fn open(at: SocketAddr, status: u16) -> Result<Self> {
        let stream = TcpStream::connect(at).await?;
        stream.set_nodelay(true)?;
        let mut digits = [b'0'; 3];
        for (place, digit) in digits.iter_mut().zip(status.to_string().bytes()) {
            *place = digit;
        }
        Ok(Self {
            stream,
            buffer: Vec::with_capacity(16 << 10),
            status: digits,
        })
    }

    async fn exchange(&mut self, request: &[u8]) -> Result<()> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let mut whole = None;
        loop {
            ensure!(
                self.stream.read_buf(&mut self.buffer).await? > 0,
                "the server closed the connection"
            );
            if whole.is_none() {
                whole = length(&self.buffer)?;
            }
            if whole.is_some_and(|whole| self.buffer.len() >= whole) {
                break;
            }
        }
        if self.buffer.get(9..12) != Some(&self.status) {
            bail!(
                "not {}: {}",
                String::from_utf8_lossy(&self.status),
                String::from_utf8_lossy(&self.buffer)
            );
        }
        Ok(())
    }
}

/// The length of the whole answer, once its head is there.
fn length(answer: &[u8]) -> Result<Option<usize>> {
    let Some(head) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = std::str::from_utf8(answer.get(..head).unwrap_or_default())?;
    for line in text.split("\r\n") {
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            return Ok(Some(head + 4 + value.trim().parse::<usize>()?));
        }
    }
    bail!("an answer without a length: {text}")
}

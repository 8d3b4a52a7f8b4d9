//! The gateway: what goes through it, and that it goes through untouched and
//! unheld.

use crate::support::{ACME, acme, assert_problem, forged_id, own_key, raw, read, until};
use anyhow::{Context, Result, ensure};
use katalo_rig::workerd::Port;
use katalo_rig::{
    Answer, Body, Client, Gate, Issued, PATIENCE, Received, Reply, Rig, exchange_and_end,
};
use serde_json::{Value, json};
use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread,
    time::Duration,
};

const MEBIBYTE: usize = 1 << 20;

/// How long the upstream may take with its answer's head.
const TIMEOUT_MS: u64 = 300;

/// What 100 MB may cost, in KiB.
const MEMORY: u64 = 16 << 10;

fn route(method: &str) -> Value {
    json!({ "method": method, "path": "/v1/things/{id}", "scope": "read", "freshness": "bounded" })
}

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Every method is a route.
fn rig() -> Result<(Rig, Issued)> {
    let rig = Rig::builder()
        .variable("ROUTES", METHODS.map(route).to_vec())
        .start()?;
    let (_, key) = acme(&rig)?;
    Ok((rig, key))
}

/// What `/proc/<pid>/status` says, in KiB.
fn memory(pid: u32, what: &str) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(what)?.strip_prefix(':'))
        .with_context(|| format!("no {what}"))?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// How much more memory than before workerd has at most while `run` runs, in KiB.
fn extra(rig: &Rig, run: impl FnOnce() -> Result<()>) -> Result<u64> {
    let pid = rig.pid().context("workerd runs")?;
    // Sets the greatest size so far back to that of now: proc(5).
    fs::write(format!("/proc/{pid}/clear_refs"), "5")?;
    let before = memory(pid, "VmRSS")?;
    run()?;
    Ok(memory(pid, "VmHWM")?.saturating_sub(before))
}

fn request(client: &Client, method: &str, key: &str, length: usize) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(client.address())?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "{method} /v1/things/1 HTTP/1.1\r\nHost: edge\r\nConnection: close\r\nAuthorization: Bearer {key}\r\nContent-Length: {length}\r\n\r\n"
    )?;
    Ok(stream)
}

/// Reads to the end; gives the head and the length of all.
fn drain(mut stream: TcpStream) -> Result<(String, usize)> {
    let mut chunk = vec![0; MEBIBYTE];
    let mut head = Vec::new();
    let mut length = 0;
    loop {
        let count = stream.read(&mut chunk)?;
        if count == 0 {
            break;
        }
        head.extend(chunk.iter().take(count.min(2_000 - head.len().min(2_000))));
        length += count;
    }
    Ok((String::from_utf8_lossy(&head).into_owned(), length))
}

#[test]
fn a_hundred_megabytes_pass_up_and_down_without_being_held() -> Result<()> {
    let (rig, key) = rig()?;
    let upload = |megabytes: usize| -> Result<()> {
        let piece = vec![b'u'; MEBIBYTE];
        let mut stream = request(rig.edge(0), "PUT", &key.secret, megabytes * MEBIBYTE)?;
        for _ in 0..megabytes {
            stream.write_all(&piece)?;
        }
        let (head, _) = drain(stream)?;
        ensure!(head.starts_with("HTTP/1.1 200"), "{head}");
        let received = rig.upstream().take();
        assert_eq!(received.len(), 1);
        assert_eq!(
            received[0].body_length,
            u64::try_from(megabytes * MEBIBYTE)?
        );
        Ok(())
    };
    let download = |megabytes: usize| -> Result<()> {
        rig.upstream().answer(move |_| Reply {
            body: Body::Pieces(vec![(Gate::open(), vec![b'd'; MEBIBYTE]); megabytes]),
            ..Reply::default()
        });
        let (head, length) = drain(request(rig.edge(0), "GET", &key.secret, 0)?)?;
        ensure!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert!(length > megabytes * MEBIBYTE, "{length}");
        Ok(())
    };
    // What any first request takes is not the body's.
    upload(1)?;
    let up = extra(&rig, || upload(100))?;
    assert!(up < MEMORY, "an upload took {up} KiB");
    download(1)?;
    let down = extra(&rig, || download(100))?;
    assert!(down < MEMORY, "a download took {down} KiB");
    println!("100 MiB: {up} KiB up, {down} KiB down");
    Ok(())
}

#[test]
fn an_event_is_there_before_the_next_one_is_made() -> Result<()> {
    let (rig, key) = rig()?;
    let events = ["first", "second", "third"].map(|name| (Gate::shut(), name));
    let pieces = events
        .iter()
        .map(|(gate, name)| (gate.clone(), format!("data: {name}\n\n").into_bytes()))
        .collect();
    rig.upstream().answer(move |_| Reply {
        headers: vec![("content-type".into(), "text/event-stream".into())],
        body: Body::Pieces(Vec::clone(&pieces)),
        ..Reply::default()
    });
    let mut stream = request(rig.edge(0), "GET", &key.secret, 0)?;
    let head = read_until(&mut stream, "\r\n\r\n")?;
    assert!(head.contains("text/event-stream"), "{head}");
    for (gate, name) in events {
        gate.opens();
        let seen = read_until(&mut stream, &format!("data: {name}\n\n"))?;
        assert_eq!(seen.matches("data: ").count(), 1, "{seen}");
    }
    Ok(())
}

/// Reads until this text is there.
fn read_until(stream: &mut TcpStream, text: &str) -> Result<String> {
    let mut seen = String::new();
    let mut chunk = [0; 4_096];
    while !seen.contains(text) {
        let count = stream.read(&mut chunk)?;
        ensure!(count > 0, "the end, after {seen}");
        seen.push_str(&String::from_utf8_lossy(&chunk[..count]));
    }
    Ok(seen)
}

#[test]
fn methods_and_targets_go_on_as_they_came() -> Result<()> {
    let (rig, key) = rig()?;
    let edge = rig.edge(0);
    for method in METHODS {
        let body: &[u8] = if matches!(method, "POST" | "PUT" | "PATCH" | "DELETE") {
            b"body"
        } else {
            b""
        };
        let line = format!("{method} /v1/things/1");
        let answer = raw(edge, &line, &key.secret, &[], body)?;
        assert_eq!(answer.status, 200, "{answer:?}");
        let received = rig.upstream().take();
        assert_eq!(received.len(), 1, "{method}");
        assert_eq!(received[0].method, method);
        assert_eq!(received[0].body_length, u64::try_from(body.len())?);
    }
    for target in [
        "/v1/things/1?",
        "/v1/things/1?a=1&a=2&b",
        "/v1/things/1?q=%2F%2e%2E%5c%00&r=a+b%20c",
        "/v1/things/1?q=/../&r=//&s=?&t=[]{}|^`'",
        "/v1/things/%C3%A6%20%7e~%41",
        "/v1/things/a;b=c,d:e@f!$&'()*+=",
    ] {
        let answer = raw(edge, &format!("GET {target}"), &key.secret, &[], b"")?;
        assert_eq!(answer.status, 200, "{target}: {answer:?}");
        assert_eq!(rig.upstream().take()[0].target, target);
    }
    Ok(())
}

#[test]
fn what_holds_for_one_connection_stays_there() -> Result<()> {
    let (rig, key) = rig()?;
    let edge = rig.edge(0);
    let headers: [&[u8]; 8] = [
        b"Keep-Alive: timeout=5",
        b"TE: trailers",
        b"Trailer: X-Sum",
        b"Proxy-Connection: keep-alive",
        b"Proxy-Authorization: Basic eDp5",
        b"Connection: X-Hop, katalo-key-id, AUTHORIZATION",
        b"X-Hop: hop",
        b"Upgrade: h2c",
    ];
    let answer = raw(edge, "GET /v1/things/1", &key.secret, &headers, b"")?;
    assert_eq!(answer.status, 200, "{answer:?}");
    let received = rig.upstream().take();
    for name in [
        "keep-alive",
        "te",
        "trailer",
        "proxy-connection",
        "proxy-authorization",
        "x-hop",
        "upgrade",
        "authorization",
    ] {
        assert!(received[0].header(name).is_empty(), "{name}");
    }
    assert_eq!(received[0].header("katalo-key-id"), [key.id.as_str()]);
    // What the platform says of the client, and of the message, no client takes away.
    let platforms: [&[u8]; 5] = [
        b"Connection: CF-Connecting-IP, x-forwarded-for, X-Real-IP, content-type, host",
        b"CF-Connecting-IP: 192.0.2.1",
        b"X-Forwarded-For: 192.0.2.1",
        b"X-Real-IP: 192.0.2.1",
        b"Content-Type: text/plain",
    ];
    let answer = raw(edge, "POST /v1/things/1", &key.secret, &platforms, b"text")?;
    assert_eq!(answer.status, 200, "{answer:?}");
    let received = rig.upstream().take();
    for name in ["cf-connecting-ip", "x-forwarded-for", "x-real-ip"] {
        assert_eq!(received[0].header(name), ["192.0.2.1"], "{name}");
    }
    assert_eq!(received[0].header("content-type"), ["text/plain"]);
    assert_eq!(received[0].header("host").len(), 1);
    // A WebSocket is refused, and not turned into a plain request.
    let upgrade: [&[u8]; 4] = [
        b"Connection: Upgrade",
        b"Upgrade: WebSocket",
        b"Sec-WebSocket-Version: 13",
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ];
    let answer = raw(edge, "GET /v1/things/1", &key.secret, &upgrade, b"")?;
    assert_problem(&answer, 400, "invalid_request");
    assert_eq!(answer.json()?["field"], "Upgrade");
    assert_eq!(rig.upstream().take().len(), 0);
    Ok(())
}

#[test]
fn what_the_upstream_answers_is_the_answer() -> Result<()> {
    let (rig, key) = rig()?;
    for status in [201, 204, 302, 304, 404, 418, 500, 503] {
        rig.upstream().answer(move |_| Reply {
            status,
            headers: vec![
                ("location".into(), "http://elsewhere.example/".into()),
                ("keep-alive".into(), "timeout=5".into()),
                ("x-own".into(), "own".into()),
            ],
            body: Body::Whole(if matches!(status, 204 | 304) {
                Vec::new()
            } else {
                b"said".to_vec()
            }),
            ..Reply::default()
        });
        let answer = raw(rig.edge(0), "GET /v1/things/1", &key.secret, &[], b"")?;
        assert_eq!(answer.status, status, "{answer:?}");
        assert_eq!(answer.header("location"), Some("http://elsewhere.example/"));
        assert_eq!(answer.header("x-own"), Some("own"));
        assert_eq!(answer.header("keep-alive"), None);
        assert_eq!(rig.upstream().take().len(), 1, "no redirect is followed");
    }
    Ok(())
}

fn caching(headers: &'static [(&str, &str)]) -> impl Fn(&Received) -> Reply + Send + 'static {
    move |received| Reply {
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        body: Body::Whole(
            received
                .header("katalo-organization")
                .join(",")
                .into_bytes(),
        ),
        ..Reply::default()
    }
}

#[test]
fn no_organization_gets_what_was_answered_to_another() -> Result<()> {
    let builders = [Rig::builder(), Rig::builder().upstream_url(None)];
    for builder in builders {
        let rig = builder.variable("RIG_CACHE", "on").start()?;
        let (admin, key) = acme(&rig)?;
        admin.organization("other")?;
        let other = admin.issue_live("other", &["read"])?;
        rig.upstream()
            .answer(caching(&[("cache-control", "public, max-age=60")]));
        for (key, organization) in [(&key, ACME), (&other, "other"), (&key, ACME)] {
            let answer = read(rig.edge(0), &key.secret)?;
            assert_eq!(answer.text(), organization);
            // The API's own word is left.
            assert_eq!(answer.header("cache-control"), Some("public, max-age=60"));
            let received = rig.upstream().take();
            assert_eq!(received.len(), 1);
            // Nor from a cache before the API.
            assert_eq!(received[0].header("cache-control"), ["no-cache"]);
        }
    }
    Ok(())
}

#[test]
fn an_answer_that_says_nothing_of_caches_is_private() -> Result<()> {
    let rig = Rig::builder().start()?;
    let (_, key) = acme(&rig)?;
    for (headers, expected) in [
        (&[][..], Some("private")),
        (&[("etag", "\"1\"")], Some("private")),
        (&[("cache-control", "no-cache")], Some("no-cache")),
        (&[("expires", "Thu, 01 Jan 2032 00:00:00 GMT")], None),
    ] {
        rig.upstream().answer(caching(headers));
        let answer = read(rig.edge(0), &key.secret)?;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("cache-control"), expected, "{headers:?}");
    }
    Ok(())
}

#[test]
fn test_keys_reach_the_api_for_them_alone() -> Result<()> {
    let ask = |rig: &Rig, path: &str, key: &Issued| {
        let call = rig.edge(0).call("GET", path).bearer(&key.secret);
        call.header("x-original-method", "GET")
            .header("x-original-uri", "/v1/catalogs/c1")
            .send()
    };
    let proxies = ["/authorize", "/authorize/nginx"];
    for (is_bound, on) in [(false, false), (true, false), (false, true)] {
        let mut builder = Rig::builder();
        if is_bound {
            builder = builder.service("UPSTREAM_TEST");
        }
        if on {
            builder = builder.variable("FORWARD_AUTH_TEST_KEYS", "on");
        }
        let rig = builder.start()?;
        let (admin, live) = acme(&rig)?;
        let body = json!({ "name": "t", "environment": "test", "scopes": ["read"] });
        let test = admin.issue(ACME, &body)?;
        // The first time from the registry, then from memory.
        for _ in 0..2 {
            let answer = read(rig.edge(0), &test.secret)?;
            if is_bound {
                assert_eq!(answer.status, 200, "{answer:?}");
                let received = rig.upstream().take();
                assert_eq!(received[0].header("katalo-environment"), ["test"]);
            } else {
                assert_problem(&answer, 403, "wrong_environment");
                assert_eq!(rig.upstream().take().len(), 0);
            }
            for path in proxies {
                assert_eq!(ask(&rig, path, &live)?.status, 200, "{path}");
                let answer = ask(&rig, path, &test)?;
                if on {
                    assert_eq!(answer.status, 200, "{path}: {answer:?}");
                    assert_eq!(answer.header("katalo-environment"), Some("test"));
                } else {
                    assert_problem(&answer, 403, "wrong_environment");
                    assert_eq!(answer.header("katalo-key-id"), None);
                }
            }
            // What a key is, it may always ask.
            assert_eq!(own_key(rig.edge(0), &test.secret)?.status, 200);
        }
    }
    Ok(())
}

/// The answer to a request whose upstream is at this origin.
fn behind(origin: Option<&str>) -> Result<(Rig, Issued, Answer)> {
    let rig = Rig::builder().upstream_url(origin).start()?;
    let (_, key) = acme(&rig)?;
    let answer = read(rig.edge(0), &key.secret)?;
    Ok((rig, key, answer))
}

#[test]
fn an_upstream_that_has_a_url_alone() -> Result<()> {
    let (rig, key, answer) = behind(None)?;
    assert_eq!(answer.status, 200, "{answer:?}");
    let line = "GET /v1/catalogs/%C3%A6?q=%2e&r=+";
    let claims: [&[u8]; 1] = [b"Katalo-Organization: evil"];
    let answer = raw(rig.edge(0), line, &key.secret, &claims, b"")?;
    assert_eq!(answer.status, 200, "{answer:?}");
    let received = rig.upstream().take();
    assert_eq!(received[1].target, "/v1/catalogs/%C3%A6?q=%2e&r=+");
    assert_eq!(received[1].header("katalo-organization"), [ACME]);
    assert!(received[1].header("authorization").is_empty());
    let host = rig.upstream().address().to_string();
    assert_eq!(received[1].header("host"), [host.as_str()]);
    Ok(())
}

#[test]
fn an_upstream_that_is_not_there_or_hangs_up() -> Result<()> {
    let nobody = Port::free()?;
    let (_, _, answer) = behind(Some(&format!("http://{}", nobody.address())))?;
    assert_problem(&answer, 502, "upstream_unavailable");

    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for (stream, say) in listener
            .incoming()
            .zip([&b""[..], b"nonsense\r\n\r\n"].iter().cycle())
        {
            let Ok(mut stream) = stream else { return };
            let _ = stream.read(&mut [0; 4_096]);
            let _ = stream.write_all(say);
        }
    });
    let (rig, key, answer) = behind(Some(&format!("http://{address}")))?;
    assert_problem(&answer, 502, "upstream_unavailable");
    assert_problem(
        &read(rig.edge(0), &key.secret)?,
        502,
        "upstream_unavailable",
    );
    Ok(())
}

/// Shapes that one parser may take for one request and another for two.
#[test]
fn no_request_is_smuggled_through() -> Result<()> {
    let (rig, key) = rig()?;
    let head = format!(
        "POST /v1/things/1 HTTP/1.1\r\nHost: edge\r\nAuthorization: Bearer {}\r\n",
        key.secret
    );
    let inner = format!(
        "GET /v1/things/smuggled HTTP/1.1\r\nHost: edge\r\nAuthorization: Bearer {}\r\n\r\n",
        forged_id(&key.secret)
    );
    let length = inner.len();
    for (what, rest) in [
        (
            "a length and chunks",
            format!(
                "Content-Length: {}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{inner}",
                length + 5
            ),
        ),
        (
            "chunks and a length",
            format!(
                "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n{length:x}\r\n{inner}\r\n0\r\n\r\n"
            ),
        ),
        (
            "two lengths",
            format!("Content-Length: 0\r\nContent-Length: {length}\r\n\r\n{inner}"),
        ),
        (
            "a list of lengths",
            format!("Content-Length: 0, {length}\r\n\r\n{inner}"),
        ),
        (
            "a signed length",
            format!("Content-Length: +{length}\r\n\r\n{inner}"),
        ),
        (
            "an unknown coding",
            format!("Transfer-Encoding: xchunked\r\nContent-Length: {length}\r\n\r\n{inner}"),
        ),
        (
            "a coding that is spelled oddly",
            format!("Transfer-Encoding : chunked\r\nContent-Length: {length}\r\n\r\n{inner}"),
        ),
        (
            "a broken chunk",
            format!("Transfer-Encoding: chunked\r\n\r\nzz\r\n{inner}\r\n0\r\n\r\n"),
        ),
        (
            "a chunk that is too short",
            format!("Transfer-Encoding: chunked\r\n\r\n1\r\n{inner}\r\n0\r\n\r\n"),
        ),
        (
            "an obsolete fold",
            format!("X-Folded: a\r\n Content-Length: {length}\r\n\r\n{inner}"),
        ),
        (
            "a bare line feed",
            format!(
                "X-Feed: a\nKatalo-Organization: evil\r\nContent-Length: {length}\r\n\r\n{inner}"
            ),
        ),
    ] {
        // Whether it is refused, or the inner one is a body, or a request of its
        // own: that has a key that is refused.
        exchange_and_end(rig.edge(0).address(), format!("{head}{rest}").as_bytes())?;
        let received = rig.upstream().take();
        assert!(received.len() <= 1, "{what}: {received:?}");
        for request in received {
            assert_eq!(request.target, "/v1/things/1", "{what}");
            assert_eq!(request.header("katalo-organization"), [ACME], "{what}");
        }
    }
    Ok(())
}

#[test]
fn an_answer_that_cannot_be_passed_on_is_a_problem() -> Result<()> {
    let rig = Rig::builder().start()?;
    let (_, key) = acme(&rig)?;
    rig.upstream().answer(|_| Reply {
        status: 600,
        ..Reply::default()
    });
    // Decided with I/O, then from memory.
    rig.clock(0).stop()?;
    for _ in 0..2 {
        let answer = read(rig.edge(0), &key.secret)?;
        assert_problem(&answer, 502, "upstream_unavailable");
    }
    Ok(())
}

#[test]
fn an_upstream_that_never_answers_is_hung_up_on() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let origin = format!("http://{}", listener.local_addr()?);
    let rig = Rig::builder()
        .variable("UPSTREAM_TIMEOUT_MS", TIMEOUT_MS)
        .upstream_url(Some(&origin))
        .start()?;
    let (_, key) = acme(&rig)?;
    rig.clock(0).stop()?;
    let answer = thread::scope(|scope| {
        let waiting = scope.spawn(|| read(rig.edge(0), &key.secret));
        let (mut stream, _) = listener.accept()?;
        stream.set_read_timeout(Some(PATIENCE))?;
        read_until(&mut stream, "\r\n\r\n")?;
        rig.clock(0).pass(Duration::from_millis(TIMEOUT_MS))?;
        // Nothing more but the end.
        assert_eq!(stream.read(&mut [0; 4_096])?, 0);
        waiting.join().expect("the thread ends")
    })?;
    assert_problem(&answer, 504, "upstream_timeout");
    Ok(())
}

#[test]
fn an_upstream_that_takes_its_time() -> Result<()> {
    let rig = Rig::builder()
        .variable("UPSTREAM_TIMEOUT_MS", TIMEOUT_MS)
        .variable("ROUTES", METHODS.map(route).to_vec())
        .start()?;
    let (_, key) = acme(&rig)?;
    let clock = rig.clock(0);
    clock.stop()?;
    rig.upstream().answer(|_| Reply {
        head: Gate::shut(),
        ..Reply::default()
    });
    let answer = thread::scope(|scope| {
        let edge = rig.edge(0);
        let things = || edge.call("GET", "/v1/things/1").bearer(&key.secret).send();
        let waiting = scope.spawn(things);
        until("it has come", || Ok(rig.upstream().received().len() == 1))?;
        clock.pass(Duration::from_millis(TIMEOUT_MS))?;
        waiting.join().expect("the thread ends")
    })?;
    assert_problem(&answer, 504, "upstream_timeout");
    // Only the head is waited for.
    let late = Gate::shut();
    let body = Body::Pieces(vec![(late.clone(), b"late".to_vec())]);
    rig.upstream().answer(move |_| Reply {
        body: body.clone(),
        ..Reply::default()
    });
    let mut stream = request(rig.edge(0), "GET", &key.secret, 0)?;
    let head = read_until(&mut stream, "\r\n\r\n")?;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    clock.pass(Duration::from_millis(10 * TIMEOUT_MS))?;
    late.opens();
    read_until(&mut stream, "late")?;
    Ok(())
}

#[test]
fn what_holds_for_the_upstreams_connection_stays_there() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let _ = stream.read(&mut [0; 4_096]);
            let _ = stream.write_all(
                b"HTTP/1.1 200 OK\r\nConnection: close, x-for-one\r\nX-For-One: hop\r\nUpgrade: h2c\r\nX-For-All: end\r\nContent-Length: 4\r\n\r\nbody",
            );
        }
    });
    let (_, _, answer) = behind(Some(&format!("http://{address}")))?;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("x-for-all"), Some("end"));
    for name in ["x-for-one", "upgrade"] {
        assert_eq!(answer.header(name), None, "{name}");
    }
    Ok(())
}

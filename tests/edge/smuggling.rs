//! Requests that two servers could divide differently (RFC 9112 section 11.2), as
//! bytes. docs/integrations/gateway.md has the table.

use crate::support::ACME;
use anyhow::Result;
use katalo_rig::{Answer, Rig, exchange_and_end};

/// What becomes of a request.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    /// The runtime answers so itself; nothing reaches the Worker or the API.
    Refused(u16),
    /// The API sees a body that breaks off, the client 502.
    Broken,
    /// It reaches the API as this target with a body of this length.
    Passed(&'static str, u64),
}
use Fate::{Broken, Passed, Refused};

/// Name, request line, further head, what follows the head, fate.
type Shape = (&'static str, &'static str, &'static str, &'static str, Fate);

const POST: &str = "POST /v1/catalogs HTTP/1.1";
const GET: &str = "GET /v1/catalogs/c1 HTTP/1.1";
/// What a smuggler hides in a body. It has no key, so alone it is refused.
const HIDDEN: &str = "0\r\n\r\nGET /v1/catalogs/hidden HTTP/1.1\r\nHost: e\r\n\r\n";

fn shapes() -> Vec<Shape> {
    vec![
        (
            "one length",
            POST,
            "Content-Length: 4\r\n",
            "body",
            Passed("/v1/catalogs", 4),
        ),
        (
            "one chunked body",
            POST,
            "Transfer-Encoding: chunked\r\n",
            "4\r\nbody\r\n0\r\n\r\n",
            Passed("/v1/catalogs", 4),
        ),
        (
            "both lengths",
            POST,
            "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
            HIDDEN,
            Passed("/v1/catalogs", 0),
        ),
        (
            "both lengths, the other way round",
            POST,
            "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
            HIDDEN,
            Passed("/v1/catalogs", 0),
        ),
        (
            "two lengths that differ",
            POST,
            "Content-Length: 4\r\nContent-Length: 5\r\n",
            "bodyx",
            Refused(400),
        ),
        (
            "two lengths that agree",
            POST,
            "Content-Length: 4\r\nContent-Length: 4\r\n",
            "body",
            Passed("/v1/catalogs", 4),
        ),
        (
            "a list of lengths",
            POST,
            "Content-Length: 4, 4\r\n",
            "body",
            Refused(400),
        ),
        (
            "a signed length",
            POST,
            "Content-Length: +4\r\n",
            "body",
            Refused(400),
        ),
        (
            "a negative length",
            POST,
            "Content-Length: -1\r\n",
            "",
            Refused(400),
        ),
        (
            "a hexadecimal length",
            POST,
            "Content-Length: 0x4\r\n",
            "body",
            Refused(400),
        ),
        (
            "a length beyond 64 bits",
            POST,
            "Content-Length: 18446744073709551620\r\n",
            "body",
            Refused(400),
        ),
        (
            "chunked twice",
            POST,
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            HIDDEN,
            Passed("/v1/catalogs", 0),
        ),
        (
            "chunked, then something",
            POST,
            "Transfer-Encoding: chunked, identity\r\n",
            HIDDEN,
            Refused(400),
        ),
        (
            "something, then chunked",
            POST,
            "Transfer-Encoding: gzip, chunked\r\n",
            HIDDEN,
            Passed("/v1/catalogs", 0),
        ),
        (
            "an unknown coding",
            POST,
            "Transfer-Encoding: xchunked\r\n",
            HIDDEN,
            Refused(400),
        ),
        (
            "a space before the colon",
            POST,
            "Transfer-Encoding : chunked\r\n",
            HIDDEN,
            Refused(400),
        ),
        (
            "a folded line",
            POST,
            "Transfer-Encoding:\r\n chunked\r\n",
            HIDDEN,
            Refused(400),
        ),
        (
            "a vertical tab in the coding",
            POST,
            "Transfer-Encoding: \u{b}chunked\r\n",
            HIDDEN,
            Refused(400),
        ),
        (
            "a chunk size with a sign",
            POST,
            "Transfer-Encoding: chunked\r\n",
            "+4\r\nbody\r\n0\r\n\r\n",
            Broken,
        ),
        (
            "a chunk size with 0x",
            POST,
            "Transfer-Encoding: chunked\r\n",
            "0x4\r\nbody\r\n0\r\n\r\n",
            Broken,
        ),
        (
            "a chunk longer than it says",
            POST,
            "Transfer-Encoding: chunked\r\n",
            "2\r\nbody\r\n0\r\n\r\n",
            Broken,
        ),
        (
            "bare line feeds",
            GET,
            "X: y\n",
            "",
            Passed("/v1/catalogs/c1", 0),
        ),
        (
            "a zero byte in a value",
            GET,
            "X: a\0b\r\n",
            "",
            Refused(400),
        ),
        (
            "a carriage return in a value",
            GET,
            "X: a\rKatalo-Key-Id: evil\r\n",
            "",
            Refused(400),
        ),
        ("a line without a colon", GET, "X\r\n", "", Refused(400)),
        ("a name with a space", GET, "X Y: z\r\n", "", Refused(400)),
        ("an empty name", GET, ": x\r\n", "", Refused(400)),
        (
            "a body under GET",
            GET,
            "Content-Length: 4\r\n",
            "body",
            Passed("/v1/catalogs/c1", 4),
        ),
        (
            "what no URI has",
            "GET /v1/catalogs/c1?q=<x> HTTP/1.1",
            "",
            "",
            Refused(400),
        ),
        ("no version", "GET /v1/catalogs/c1", "", "", Refused(400)),
        (
            "two spaces",
            "GET  /v1/catalogs/c1 HTTP/1.1",
            "",
            "",
            Refused(400),
        ),
        (
            "an unknown method",
            "FETCH /v1/catalogs/c1 HTTP/1.1",
            "",
            "",
            Refused(501),
        ),
        (
            "a method in small letters",
            "get /v1/catalogs/c1 HTTP/1.1",
            "",
            "",
            Refused(501),
        ),
        (
            "the preface of HTTP/2",
            "PRI * HTTP/2.0",
            "",
            "SM\r\n\r\n",
            Refused(400),
        ),
        ("CONNECT", "CONNECT api:80 HTTP/1.1", "", "", Refused(500)),
    ]
}

#[test]
fn each_shape_ends_as_documented() -> Result<()> {
    let rig = Rig::builder().start()?;
    let admin = rig.bootstrap()?;
    admin.organization(ACME)?;
    let key = admin.issue_live(ACME, &["create", "read"])?;
    let mut different = Vec::new();
    for (name, line, head, rest, expected) in shapes() {
        // Where something is hidden the connection stays open for it.
        let close = if rest == HIDDEN {
            ""
        } else {
            "Connection: close\r\n"
        };
        let request = format!(
            "{line}\r\nHost: e\r\nAuthorization: Bearer {}\r\n{close}{head}\r\n{rest}",
            key.secret
        );
        let answer = exchange_and_end(rig.edge(0).address(), request.as_bytes())?;
        let received = rig.upstream().take();
        let fate = match (&answer, &received[..]) {
            (Some(answer), [one]) if answer.status == 200 => {
                Some((one.target.clone(), one.body_length))
            }
            _ => None,
        };
        let ended = match (&expected, fate) {
            (Passed(target, length), Some((got, body))) => got == *target && body == *length,
            (Refused(status), None) => {
                received.is_empty()
                    && answer.as_ref().is_some_and(|answer| {
                        answer.status == *status && answer.problem().is_none()
                    })
            }
            (Broken, None) => {
                let problem = answer.as_ref().and_then(Answer::problem);
                received.is_empty() && problem.as_deref() == Some("upstream_unavailable")
            }
            _ => false,
        };
        if !ended {
            let status = answer.as_ref().map(|answer| answer.status);
            let got: Vec<_> = received
                .iter()
                .map(|one| (&one.target, one.body_length))
                .collect();
            different.push(format!("{name}: {status:?} {got:?}, not {expected:?}"));
        }
    }
    assert_eq!(different, Vec::<String>::new());
    Ok(())
}

//! Listings as lines: page by page as the client reads, broken off where a page
//! fails, and taken up again where they ended.

use crate::acts;
use crate::support::{ACME, acme, until};
use anyhow::{Context as _, Result, ensure};
use katalo_keys::{
    key::{KeyId, OrganizationId, Scope, Scopes},
    registry::audit::verify_export,
    registry::message::{
        Actor, Admin as ProvenAdmin, AuditHead, Command, MESSAGE_VERSION, Request,
    },
};
use katalo_rig::{Admin, Caller, Class, Client, Issued, PATIENCE, Rig};
use serde_json::{Value, json};
use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    thread,
    time::Duration,
};

const NDJSON: &str = "application/x-ndjson";
/// Lines of a page.
const PAGE: usize = 200;
/// Threads that write entries.
const WRITERS: usize = 4;

/// Adds so many entries to the audit of [`ACME`], each of some 8 KB: changes of the
/// key's metadata, told to the registry itself.
fn add_entries(rig: &Rig, admin: &Admin, key: &Issued, count: usize) -> Result<()> {
    let acme = OrganizationId::parse(ACME).context("an id")?;
    let id = |text: &str| KeyId::parse(text).context("a key id");
    let scopes = Scope::parse("keys:write").into_iter().collect();
    let actor = Actor::Key(ProvenAdmin {
        id: id(admin.key().split('.').next().unwrap_or_default())?,
        name: "Ops".to_owned(),
        scopes: Scopes::new(scopes).context("scopes")?,
        bound_organization: None,
    });
    let request = |number: usize| -> Result<Value> {
        let metadata = json!({ "text": "x".repeat(3_900), "number": number });
        Ok(json!(Request {
            v: MESSAGE_VERSION,
            organization: Some(acme.clone()),
            actor: actor.clone(),
            request_id: format!("entry-{number}"),
            if_match: None,
            must_exist: false,
            idempotency: None,
            command: Command::PatchKey {
                id: id(&key.id)?,
                patch: serde_json::from_value(json!({ "metadata": metadata }))?,
            },
        }))
    };
    let path = format!("/__rig/object/Registry/{}", acme.tag());
    thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (request, path) = (&request, &path);
                scope.spawn(move || -> Result<()> {
                    let objects = Client::new(rig.objects_address());
                    for number in (writer..count).step_by(WRITERS) {
                        let call = objects.call("POST", path);
                        let call = call.header("rig-url", "https://object/");
                        let answer = call.json(&request(number)?).send()?;
                        ensure!(answer.status == 200, "{answer:?}");
                    }
                    Ok(())
                })
            })
            .collect();
        writers
            .into_iter()
            .try_for_each(|writer| writer.join().expect("the thread ends"))
    })
}

/// An answer that is read when a test says so.
struct Reading(TcpStream);

impl Reading {
    /// Asks for lines, and reads no more than the answer's first bytes.
    fn begin(client: &Client, key: &str, path: &str) -> Result<Self> {
        let mut stream = TcpStream::connect(client.address())?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(
            stream,
            "GET /admin/v1{path} HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n\
             Authorization: Bearer {key}\r\nAccept: {NDJSON}\r\n\r\n"
        )?;
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        ensure!(&status == b"HTTP/1.1 200", "{status:?}");
        Ok(Self(stream))
    }

    /// Reads on to the end: the body, and whether it came to its own end.
    fn end(mut self) -> Result<(String, bool)> {
        let mut received = Vec::new();
        // Broken off, the connection may be reset.
        let _ = self.0.read_to_end(&mut received);
        let text = String::from_utf8_lossy(&received);
        let (head, mut rest) = text.split_once("\r\n\r\n").context("a head")?;
        let head = head.to_lowercase();
        if let Some((_, length)) = head.split_once("content-length: ") {
            let length: usize = length.lines().next().unwrap_or_default().parse()?;
            return Ok((rest.to_owned(), rest.len() == length));
        }
        ensure!(head.contains("transfer-encoding: chunked"), "{head}");
        let mut body = String::new();
        while let Some((size, after)) = rest.split_once("\r\n") {
            let size = usize::from_str_radix(size, 16)?;
            if size == 0 {
                return Ok((body, true));
            }
            let Some((chunk, after)) = after.split_at_checked(size) else {
                body.push_str(after);
                break;
            };
            body.push_str(chunk);
            rest = after.strip_prefix("\r\n").unwrap_or_default();
        }
        Ok((body, false))
    }
}

fn path() -> String {
    format!("/organizations/{ACME}/audit")
}

fn head(admin: &Admin) -> Result<AuditHead> {
    let head = admin.call("GET", &format!("{}/head", path())).send()?;
    Ok(serde_json::from_value(head.json()?)?)
}

/// Registry calls that the edge has made so far.
fn calls(rig: &Rig) -> Result<usize> {
    let calls = rig.link(Caller::Control, Class::Registry).calls()?;
    Ok(calls.fetches.try_into()?)
}

/// Waits until no more pages are asked for, and gives back how many calls there were.
fn calls_at_rest(rig: &Rig) -> Result<usize> {
    let mut seen = (0, calls(rig)?);
    until("the edge is at rest", || {
        thread::sleep(Duration::from_millis(1_000));
        let calls = rig.link(Caller::Control, Class::Registry).calls()?;
        seen = (seen.1, calls.fetches.try_into()?);
        Ok(calls.under_way == 0 && seen.0 == seen.1)
    })?;
    Ok(seen.1)
}

/// The number of the last line that came whole, and all lines up to it.
fn whole_lines(body: &str) -> Result<(u64, &str)> {
    let end = body.rfind('\n').context("no line came")?;
    let lines = &body[..=end];
    let last: Value = serde_json::from_str(lines.lines().last().context("a line")?)?;
    Ok((last["seq"].as_u64().context("a number")?, lines))
}

#[test]
fn an_audit_of_any_length_streams_page_by_page_and_resumes() -> Result<()> {
    let rig = Rig::builder().variable("FRESHNESS_BOUND_MS", 200).start()?;
    let (admin, key) = acme(&rig)?;
    let entries = 8 * PAGE + 50;
    add_entries(&rig, &admin, &key, entries - 2)?;
    let organization = OrganizationId::parse(ACME).context("an id")?;
    let edge = rig.edge(0);
    let begin = |key: &str, query: &str| Reading::begin(edge, key, &format!("{}{query}", path()));

    // The whole of it: for each page the caller is proven, and the page read.
    let before = calls(&rig)?;
    let (whole, is_complete) = begin(admin.key(), "")?.end()?;
    assert!(is_complete);
    assert_eq!(whole.lines().count(), entries);
    assert_eq!(calls(&rig)? - before, 2 * entries.div_ceil(PAGE));
    let head = head(&admin)?;
    verify_export(whole.split('\n'), &organization, Some(&head))?;
    assert_eq!(acts::audit(&admin, ACME)?.len(), entries);

    // From the middle, whatever `limit` says of pages.
    let (rest, is_complete) = begin(admin.key(), "?after=777&limit=3")?.end()?;
    assert!(is_complete);
    let from_777: String = whole.split_inclusive('\n').skip(777).collect();
    assert_eq!(rest, from_777);

    // Who does not read is not read ahead for.
    let before = calls(&rig)?;
    let waiting = begin(admin.key(), "")?;
    let asked = calls_at_rest(&rig)? - before;
    assert!(asked < 2 * (entries / PAGE), "{asked} calls");
    let (late, is_complete) = waiting.end()?;
    assert!(is_complete && late == whole);

    // A page fails: the answer breaks off, and what came of it is a beginning.
    let registry = rig.link(Caller::Control, Class::Registry);
    let cut = begin(admin.key(), "")?;
    calls_at_rest(&rig)?;
    registry.refuse()?;
    let (beginning, is_complete) = cut.end()?;
    assert!(!is_complete);
    registry.heal()?;
    let (last, lines) = whole_lines(&beginning)?;
    assert!(last < head.count && whole.starts_with(lines), "{last}");
    assert!(verify_export(lines.split('\n'), &organization, Some(&head)).is_err());
    let (rest, is_complete) = begin(admin.key(), &format!("?after={last}"))?.end()?;
    assert!(is_complete);
    assert_eq!(format!("{lines}{rest}"), whole);

    // So does a trap of the edge.
    let cut = begin(admin.key(), "")?;
    calls_at_rest(&rig)?;
    crate::support::make_cold(edge)?;
    let (late, is_complete) = cut.end()?;
    // No page was under way: the next one is asked for by the new instance.
    assert!(is_complete && late == whole);

    // An administrator whose key ends meanwhile gets no further page.
    let order = json!({ "name": "auditor", "environment": "admin", "scopes": ["audit:read"] });
    let auditor = admin.issue("_platform", &order)?;
    let cut = begin(&auditor.secret, "")?;
    calls_at_rest(&rig)?;
    let revoked = admin.revoke("_platform", &auditor.id)?;
    assert_eq!(revoked.status, 200, "{revoked:?}");
    let (beginning, is_complete) = cut.end()?;
    assert!(!is_complete);
    assert!(whole.starts_with(whole_lines(&beginning)?.1));
    Ok(())
}

#[test]
fn an_export_of_keys_streams_and_resumes_after_its_last_line() -> Result<()> {
    let rig = Rig::builder().variable("KEY_TRANSFER", "on").start()?;
    let (admin, _) = acme(&rig)?;
    for _ in 0..PAGE {
        admin.issue_live(ACME, &["read"])?;
    }
    let path = format!("/organizations/{ACME}/export");
    let begin = |query: &str| Reading::begin(rig.edge(0), admin.key(), &format!("{path}{query}"));
    let before = calls(&rig)?;
    let (whole, is_complete) = begin("")?.end()?;
    assert!(is_complete);
    assert_eq!(calls(&rig)? - before, 4);
    let lines: Vec<&str> = whole.lines().collect();
    assert_eq!(lines.len(), PAGE + 1);
    let last: Value = serde_json::from_str(lines[PAGE / 2])?;
    let after = last["id"].as_str().context("an id")?;
    let (rest, is_complete) = begin(&format!("?cursor={after}"))?.end()?;
    assert!(is_complete);
    assert_eq!(rest.lines().collect::<Vec<_>>(), lines[PAGE / 2 + 1..]);
    Ok(())
}

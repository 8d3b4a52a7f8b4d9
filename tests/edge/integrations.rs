//! The configurations of docs/integrations, each read by the real program with
//! nothing but its addresses replaced.

mod limited;

use self::limited::used_up;
use crate::support::{ACME, CLAIMS, acme, assert_no_cors, assert_problem, enforced, raw};
use anyhow::{Context, Result, ensure};
use katalo_rig::workerd::{Folder, Port, Process, checkout};
use katalo_rig::{Client, Received, Reply, Rig};
use serde_json::json;
use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

pub(crate) const SECRET: &str = "forward-auth-secret-of-the-rig-0123456789";

/// A proxy that runs as documented, before the rig's upstream.
pub(crate) struct Front {
    program: &'static str,
    client: Client,
    // The process ends before its folder goes.
    _process: Process,
    _port: Port,
    folder: Folder,
}

impl Front {
    /// `start` writes the configuration into the folder, and says how to run it.
    fn start(
        program: &'static str,
        start: impl FnOnce(&Path, SocketAddr) -> Result<Vec<String>>,
    ) -> Result<Self> {
        let port = Port::free()?;
        let address = port.address();
        let folder = Folder::new("katalo-front-")?;
        let command = start(folder.path(), address)?;
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        let process = Process::program(&command, folder.path(), program, &[address])
            .with_context(|| format!("this test needs the real {program} in PATH"))?;
        Ok(Self {
            program,
            client: Client::new(address),
            _process: process,
            _port: port,
            folder,
        })
    }
}

impl Front {
    /// Runs the examination; what the program had to say comes with its failure.
    pub(crate) fn holds(&self, examination: impl FnOnce(&Client) -> Result<()>) -> Result<()> {
        let log = self.folder.path().join(self.program).with_extension("log");
        let shown = OnPanic(log);
        let outcome = examination(&self.client);
        drop(shown);
        outcome
    }
}

/// Prints a file where the test panics.
struct OnPanic(PathBuf);

impl Drop for OnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", fs::read_to_string(&self.0).unwrap_or_default());
        }
    }
}

/// A file of docs/integrations, in which each text must occur that is replaced.
fn documented(name: &str, replaced: &[(&str, &str)]) -> Result<String> {
    let mut text = fs::read_to_string(checkout().join("docs/integrations").join(name))?;
    for (from, to) in replaced {
        ensure!(text.contains(from), "{name} has no {from}");
        text = text.replace(from, to);
    }
    Ok(text)
}

pub(crate) fn nginx(rig: &Rig) -> Result<Front> {
    let katalo = rig.edge(0).address().to_string();
    let api = rig.upstream().address().to_string();
    Front::start("nginx", |folder, address| {
        let server = documented(
            "nginx.conf",
            &[
                ("https://katalo", "http://katalo"),
                ("keys.example.com:443", &katalo),
                ("127.0.0.1:8080", &api),
                ("listen 80;", &format!("listen {address};")),
                ("Secret FORWARD_AUTH_SECRET;", &format!("Secret {SECRET};")),
            ],
        )?;
        fs::write(folder.join("server.conf"), server)?;
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|name| format!("  {name}_temp_path {name};\n"))
            .collect();
        let main = format!(
            "daemon off;\nmaster_process off;\npid nginx.own.pid;\nerror_log stderr;\nevents {{}}\nhttp {{\n  access_log off;\n{temporary}  include server.conf;\n}}\n"
        );
        fs::write(folder.join("main.conf"), main)?;
        let folder = folder.display().to_string();
        Ok(["nginx", "-p", &folder, "-c", "main.conf"]
            .map(str::to_owned)
            .to_vec())
    })
}

fn caddy(rig: &Rig) -> Result<Front> {
    let katalo = format!("http://{}", rig.edge(0).address());
    let api = rig.upstream().address().to_string();
    Front::start("caddy", |folder, address| {
        let sites = documented(
            "caddy/Caddyfile",
            &[
                ("https://keys.example.com", &katalo),
                ("127.0.0.1:8080", &api),
                (
                    "api.example.com {",
                    &format!("http://:{} {{\n\tbind 127.0.0.1", address.port()),
                ),
            ],
        )?;
        fs::write(
            folder.join("Caddyfile"),
            format!("{{\n\tadmin off\n}}\n{sites}"),
        )?;
        let data = format!("XDG_DATA_HOME={}", folder.display());
        let config = format!("XDG_CONFIG_HOME={}", folder.display());
        let secret = format!("FORWARD_AUTH_SECRET={SECRET}");
        Ok([
            "env",
            &data,
            &config,
            &secret,
            "caddy",
            "run",
            "--config",
            "Caddyfile",
        ]
        .map(str::to_owned)
        .to_vec())
    })
}

fn rig() -> Result<Rig> {
    Rig::builder()
        .variable("FORWARD_AUTH_SECRET", SECRET)
        .start()
}

#[track_caller]
fn only(rig: &Rig) -> Received {
    let mut received = rig.upstream().take();
    assert_eq!(received.len(), 1, "{received:?}");
    received.remove(0)
}

#[track_caller]
fn nothing_passed(rig: &Rig) {
    let received = rig.upstream().take();
    assert!(received.is_empty(), "{received:?}");
}

/// What every proxy must do, with this one in front.
fn examine(rig: &mut Rig, front: &Client) -> Result<()> {
    let (admin, key) = acme(rig)?;
    let get = |path: &str| front.call("GET", path);

    // Allowed: the target as it came, and who is calling.
    let target = "/v1/catalogs/c%201?q=%2e%2F&empty&%C3%A5=+";
    let answer = get(target).bearer(&key.secret).send()?;
    assert_eq!(answer.status, 200, "{answer:?}");
    let received = only(rig);
    assert_eq!(received.target, target);
    let identity = [
        ("katalo-organization", ACME),
        ("katalo-key-id", key.id.as_str()),
        ("katalo-environment", "live"),
        ("katalo-scopes", "read"),
    ];
    for (name, value) in identity {
        assert_eq!(received.header(name), [value], "{name}");
    }
    assert!(received.header("authorization").is_empty());
    let writer = admin.issue_live(ACME, &["create"])?;
    let answer = front
        .call("POST", "/v1/catalogs")
        .bearer(&writer.secret)
        .body(vec![7; 3 << 20])
        .send()?;
    assert_eq!(answer.status, 200, "{answer:?}");
    let received = only(rig);
    assert_eq!(
        (received.method.as_str(), received.body_length),
        ("POST", 3 << 20)
    );

    // Denied, each with its challenge.
    let challenge = |call: katalo_rig::Call<'_>, status: u16| -> Result<String> {
        let answer = call.send()?;
        // The whole problem document, whatever the proxy does with bodies.
        let code = answer.problem().with_context(|| format!("{answer:?}"))?;
        assert_problem(&answer, status, &code);
        nothing_passed(rig);
        Ok(answer
            .header("www-authenticate")
            .unwrap_or_default()
            .to_owned())
    };
    assert_eq!(
        challenge(get("/v1/catalogs/c1"), 401)?,
        r#"Bearer realm="katalo""#
    );
    let malformed = challenge(get("/v1/catalogs/c1").bearer("kat_live_x.y"), 401)?;
    assert!(
        malformed.contains(r#"error="invalid_token""#),
        "{malformed}"
    );
    let scope = challenge(front.call("POST", "/v1/catalogs").bearer(&key.secret), 403)?;
    assert!(
        scope.contains(r#"error="insufficient_scope", scope="create""#),
        "{scope}"
    );
    for path in ["/v1/nothing", "/", "/admin/v1/status", "/katalo-authorize"] {
        let answer = get(path).bearer(&key.secret).send()?;
        assert!(matches!(answer.status, 403 | 404), "{path}: {answer:?}");
        nothing_passed(rig);
    }
    let from_a_page = get("/v1/catalogs/c1").header("origin", "https://shop.example");
    challenge(from_a_page.bearer(&key.secret), 403)?;
    // A key in the address goes no further.
    let shown = format!("/v1/catalogs/c1?key={}", key.secret);
    challenge(get(&shown).bearer(&key.secret), 403)?;
    for path in [
        "/v1/catalogs/%2e%2e",
        "/v1/catalogs/a%2Fb",
        "/v1/catalogs/a%5cb",
        "/v1//catalogs/c1",
        "/v1/catalogs/c1/..",
        "/v1/x/../catalogs/c1",
        "/v1/catalogs/..;/c1",
        "/v1/catalogs/..;x=y",
        "/v1/catalogs/%252e%252e",
        "/v1/catalogs/a%252fb",
        "/v1/catalogs/a%255cb",
        "/v1/catalogs/a%00",
        "/v1/catalogs/a%2500",
        "/v1/catalogs/%c0%ae",
    ] {
        let answer = raw(front, &format!("GET {path}"), &key.secret, &[], b"")?;
        assert!(
            matches!(answer.status, 400 | 403 | 404),
            "{path}: {answer:?}"
        );
        nothing_passed(rig);
    }
    let second: &[u8] = b"Authorization: Basic eDp5";
    let answer = raw(front, "GET /v1/catalogs/c1", &key.secret, &[second], b"")?;
    assert!(matches!(answer.status, 400 | 401), "{answer:?}");
    nothing_passed(rig);

    own_headers(rig, front, &key.secret, &identity)?;

    // The proxy knows of no API for test keys.
    let body = json!({ "name": "t", "environment": "test", "scopes": ["read"] });
    let test = admin.issue(ACME, &body)?;
    challenge(get("/v1/catalogs/c1").bearer(&test.secret), 403)?;

    // Keys that are tied to networks: the proxy tells where the client is.
    let tied = |network: &str| {
        let body = json!({
            "name": "tied", "environment": "live", "scopes": ["read"], "allowed_ips": [network],
        });
        admin.issue(ACME, &body)
    };
    let here = tied("127.0.0.0/8")?;
    let answer = get("/v1/catalogs/c1").bearer(&here.secret).send()?;
    assert_eq!(answer.status, 200, "{answer:?}");
    only(rig);
    let elsewhere = tied("192.0.2.0/24")?;
    let claims = [
        "katalo-client-address",
        "x-real-ip",
        "x-forwarded-for",
        "cf-connecting-ip",
    ]
    .iter()
    .fold(get("/v1/catalogs/c1"), |call, name| {
        call.header(name, "192.0.2.7")
    });
    challenge(claims.bearer(&elsewhere.secret), 403)?;

    used_up(rig, &admin, front)?;

    // No page may read what the API says.
    rig.upstream().answer(|_| Reply {
        headers: ["Origin", "Credentials", "Headers", "Methods"]
            .map(|what| (format!("Access-Control-Allow-{what}"), "true".to_owned()))
            .to_vec(),
        ..Reply::default()
    });
    let answer = get("/v1/catalogs/c1").bearer(&key.secret).send()?;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_no_cors(&answer);
    only(rig);

    // Revoked a moment ago.
    enforced(admin.revoke(ACME, &key.id));
    let revoked = challenge(get("/v1/catalogs/c1").bearer(&key.secret), 401)?;
    assert!(revoked.contains("revoked"), "{revoked}");

    // Nobody to ask: nothing passes.
    rig.kill();
    let answer = get("/v1/catalogs/c1").bearer(&writer.secret).send()?;
    assert!(matches!(answer.status, 502 | 503), "{answer:?}");
    nothing_passed(rig);
    Ok(())
}

/// A client that says itself what the proxy and we would say.
fn own_headers(rig: &Rig, front: &Client, key: &str, identity: &[(&str, &str)]) -> Result<()> {
    // The check is about the real request, whatever the client claims it is.
    for claims in [
        &[
            &b"X-Original-Method: GET"[..],
            b"X-Original-URI: /v1/catalogs/c1",
        ][..],
        &[
            b"X-Forwarded-Method: GET",
            b"X-Forwarded-Uri: /v1/catalogs/c1",
        ],
        &[
            b"x-forwarded-method: GET",
            b"x-original-uri: /v1/catalogs/c1",
        ],
        &[
            b"X-HTTP-Method-Override: GET",
            b"X-Original-URL: /v1/catalogs/c1",
        ],
        &[b"Connection: x-forwarded-method, x-forwarded-uri, x-original-uri"],
    ] {
        let answer = raw(front, "POST /v1/catalogs", key, claims, b"")?;
        assert_eq!(answer.status, 403, "{answer:?}");
        nothing_passed(rig);
    }
    let own: [&[u8]; 17] = [
        b"X-Original-Method: DELETE",
        b"X-Original-URI: /evil",
        b"X-Original-URI: /evil2",
        b"X-Forwarded-Method: DELETE",
        b"X-Forwarded-Uri: /evil",
        b"x-forwarded-uri: /evil2",
        b"X-HTTP-Method-Override: evil",
        b"X-Rewrite-URL: /evil",
        b"Katalo-Decision: evil",
        b"Katalo-Restriction: evil",
        b"Katalo-Forward-Auth-Secret: evil",
        b"Connection: katalo-organization, katalo-key-id, katalo-scopes",
        b"X-Method: evil",
        b"X-HTTP_Method: evil",
        b"X_Rewrite_URL: evil",
        b"Proxy: evil",
        b"X-Kept: kept",
    ];
    let answer = raw(
        front,
        "GET /v1/catalogs/c1",
        key,
        &[&own, &CLAIMS[..]].concat(),
        b"",
    )?;
    assert_eq!(answer.status, 200, "{answer:?}");
    let received = only(rig);
    for (name, value) in identity {
        assert_eq!(received.header(name), [*value], "{name}");
    }
    assert_eq!(received.header("x-kept"), ["kept"]);
    let all = format!("{:?}", received.headers);
    assert!(!all.contains("evil"), "{all}");
    assert!(!all.contains(&key[40..]), "{all}");
    Ok(())
}

#[test]
fn nginx_as_documented() -> Result<()> {
    let mut rig = rig()?;
    let front = nginx(&rig)?;
    front.holds(|front| examine(&mut rig, front))
}

#[test]
fn caddy_as_documented() -> Result<()> {
    let mut rig = rig()?;
    let front = caddy(&rig)?;
    front.holds(|front| examine(&mut rig, front))
}

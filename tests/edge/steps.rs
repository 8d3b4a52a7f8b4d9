//! Whatever a stranger or a client sends costs work in its length, and not in its
//! square. Of each kind an eighth of the largest that is taken is sent, then twice as
//! much up to the largest; counted are steps of the compiled crate, which no machine's
//! mood changes.

use crate::support::{ACME, acme};
use anyhow::Result;
use katalo_rig::Rig;

/// The largest body that is taken, and that of somebody who has shown no key yet.
const BODY: usize = 64 << 10;
const STRANGERS: usize = 4 << 10;
/// About the largest header or target that the runtime takes.
const HEAD: usize = 60 << 10;

/// By how much steps may grow where the input doubles: by 2 where all of the work is
/// in its length, by 4 where it is in its square.
const GROWTH: f64 = 2.4;
/// Up to so many steps a byte are no matter, whatever half of it took: that may have
/// been refused early. Work in the square takes thousands.
const PER_BYTE: f64 = 100.0;

const SECRET: &str = "forward-auth-secret-of-the-rig-0123456789";

/// A request in which `{}` stands for the input.
#[derive(Clone)]
struct Shape {
    name: String,
    most: usize,
    method: &'static str,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: String,
    /// What the input is made of, again and again; `#` is the number of the turn.
    part: String,
}

impl Shape {
    fn call(&self, rig: &Rig, length: usize) -> Result<u16> {
        let mut input = String::new();
        for turn in 0.. {
            let next = self.part.replace('#', &format!("{turn:x}"));
            if input.len() + next.len() > length {
                break;
            }
            input.push_str(&next);
        }
        let mut call = (rig.edge(0)).call(self.method, &self.path.replace("{}", &input));
        for (name, value) in &self.headers {
            call = call.header(name, &value.replace("{}", &input));
        }
        if !self.body.is_empty() {
            call = call.body(self.body.replace("{}", &input));
        }
        Ok(call.send()?.status)
    }
}

/// What looks most like something to find.
fn parts(key: &str) -> Vec<(&'static str, String)> {
    let almost = format!("{}-", &key[..key.len() - 1]);
    [
        ("segments", "a/"),
        ("escapes", "%41"),
        ("per cent signs", "%25"),
        ("per cent signs of per cent signs", "25%25"),
        ("parameters", "a;"),
        ("dots", "a.."),
        ("beginnings of keys", "kat_live_"),
        ("almost a key", &almost),
        ("keys", key),
        ("names", "a#,"),
        ("pairs", "a#=b;"),
        ("base64", "QUFB"),
    ]
    .map(|(name, part)| (name, part.to_owned()))
    .to_vec()
}

/// Every header and target that is read, with each of the parts.
fn heads(key: &str, admin: &str) -> Vec<Shape> {
    let (key, admin) = (format!("Bearer {key}"), format!("Bearer {admin}"));
    let key_is = || ("authorization", key.clone());
    let admin_is = || ("authorization", admin.clone());
    let given = |name, value: &str| (name, value.to_owned());
    let keys = format!("/admin/v1/organizations/{ACME}/keys");
    let places = [
        ("GET", "/v1/catalogs/{}", vec![key_is()]),
        ("GET", "/v1/catalogs/c1?{}", vec![key_is()]),
        ("GET", "/admin/v1/organizations/{}", vec![admin_is()]),
        ("GET", "/admin/v1/organizations?search={}", vec![admin_is()]),
        ("GET", "/v1/key", vec![given("authorization", "Bearer {}")]),
        (
            "POST",
            "/oauth2/introspect",
            vec![given("authorization", "Basic {}")],
        ),
        ("GET", "/admin/v1/session", vec![given("cookie", "{}")]),
        (
            "GET",
            "/v1/catalogs/c1",
            vec![key_is(), given("connection", "{}")],
        ),
        ("GET", "/v1/key", vec![key_is(), given("origin", "{}")]),
        (
            "GET",
            "/v1/key",
            vec![
                key_is(),
                given("sec-fetch-site", "none"),
                given("referer", "https://{}"),
            ],
        ),
        (
            "OPTIONS",
            "/v1/key",
            vec![
                given("origin", "https://a"),
                given("access-control-request-headers", "{}"),
            ],
        ),
        (
            "GET",
            "/authorize/nginx",
            vec![
                key_is(),
                given("x-original-uri", "/v1/usage"),
                given("x-original-method", "{}"),
            ],
        ),
        (
            "GET",
            "/authorize/nginx",
            vec![
                key_is(),
                given("x-original-method", "GET"),
                given("x-original-uri", "/v1/catalogs/{}"),
            ],
        ),
        (
            "GET",
            "/authorize/envoy/v1/usage",
            vec![
                key_is(),
                given("katalo-forward-auth-secret", SECRET),
                given("katalo-client-address", "{}"),
            ],
        ),
        ("POST", "/oauth2/revoke", vec![given("content-type", "{}")]),
        (
            "POST",
            "/leaks/github",
            vec![
                given("github-public-key-identifier", "a"),
                given("github-public-key-signature", "{}"),
            ],
        ),
        (
            "GET",
            &keys.replace("keys", "audit"),
            vec![admin_is(), given("accept", "{}")],
        ),
        (
            "PUT",
            &keys.replace("/keys", ""),
            vec![admin_is(), given("if-match", "{}")],
        ),
        (
            "POST",
            &keys,
            vec![admin_is(), given("idempotency-key", "{}")],
        ),
    ];
    let mut shapes = Vec::new();
    for (method, path, headers) in places {
        for (name, part) in parts(key.trim_start_matches("Bearer ")) {
            let header = headers.iter().find(|(_, value)| value.contains("{}"));
            let place = header.map_or(path, |(name, _)| name);
            shapes.push(Shape {
                name: format!("{name} in {place}"),
                most: HEAD,
                method,
                path: path.to_owned(),
                headers: headers.clone(),
                body: String::new(),
                part,
            });
        }
    }
    shapes
}

const SIGN_IN: &str = "/admin/v1/session";

/// Forms and JSON, also of those who have shown no key yet.
fn bodies(admin: &str) -> Vec<Shape> {
    let form = (
        "/oauth2/introspect",
        "application/x-www-form-urlencoded",
        "{}&token=x",
    );
    let sign_in = |body| (SIGN_IN, "application/json", body);
    let keys = format!("/admin/v1/organizations/{ACME}/keys");
    let issue = |body| (keys.as_str(), "application/json", body);
    [
        ("names of a form", form, "#&"),
        ("names and values of a form", form, "a#=b&"),
        ("escapes of a form", form, "%41"),
        ("separators of a form", form, "&"),
        ("lists in lists", sign_in(r#"{"key":{}"#), "["),
        ("a text", sign_in(r#"{"key":"{}"}"#), "a"),
        ("escapes of a text", sign_in(r#"{"key":"{}"}"#), "\\u0041"),
        ("digits", sign_in(r#"{"key":{}1}"#), "1"),
        ("members", sign_in(r#"{{}"key":"x"}"#), "\"m#\":1,"),
        ("one member", sign_in(r#"{{}"key":"x"}"#), "\"key\":\"x\","),
        (
            "scopes",
            issue(r#"{"name":"n","environment":"live","scopes":[{}"s"]}"#),
            "\"s#\",",
        ),
        (
            "networks",
            issue(r#"{"name":"n","allowed_ips":[{}"::"]}"#),
            "\"::#\",",
        ),
        (
            "metadata",
            issue(r#"{"name":"n","metadata":{{}"m":1}}"#),
            "\"m#\":1,",
        ),
        (
            "objects of metadata",
            issue(r#"{"name":"n","metadata":{"m":[{}1]}}"#),
            "{\"m\":{}},",
        ),
        ("spaces of a name", issue(r#"{"name":"{}"}"#), " "),
    ]
    .map(|(name, (path, media_type, body), part)| Shape {
        name: name.to_owned(),
        most: if path == SIGN_IN { STRANGERS } else { BODY } - body.len(),
        method: "POST",
        path: path.to_owned(),
        headers: vec![
            ("content-type", media_type.to_owned()),
            ("authorization", format!("Bearer {admin}")),
        ],
        body: body.to_owned(),
        part: part.to_owned(),
    })
    .to_vec()
}

#[test]
fn twice_as_long_takes_about_twice_the_steps() -> Result<()> {
    let rig = Rig::builder()
        .counting_steps()
        .variable("FORWARD_AUTH_SECRET", SECRET)
        .start()?;
    let (admin, key) = acme(&rig)?;
    let mut shapes = heads(&key.secret, admin.key());
    shapes.extend(bodies(admin.key()));
    let mut grows = Vec::new();
    for shape in shapes {
        let steps = |length| -> Result<u64> {
            let before = rig.steps()?;
            let status = shape.call(&rig, length)?;
            assert!(status < 500, "{}: {status}", shape.name);
            Ok(rig.steps()? - before)
        };
        // What is made once and kept is no part of it.
        steps(shape.most / 16)?;
        let mut before = steps(shape.most / 8)?;
        // The largest last: it would take minutes where it took the square.
        for length in [shape.most / 4, shape.most / 2, shape.most] {
            let now = steps(length)?;
            let is_cheap = now as f64 <= length as f64 * PER_BYTE;
            if !is_cheap && now as f64 > before as f64 * GROWTH {
                grows.push(format!("{}: {before} steps, then {now}", shape.name));
                break;
            }
            before = now;
        }
        println!("{before:>9} {}", shape.name);
    }
    assert_eq!(grows, Vec::<String>::new());
    Ok(())
}

//! What is refused, where, and in which words; and that all that is taken arrives.

use super::*;
use katalo_keys::{
    freshness::Millis,
    settings::{Target, bindings},
};
use serde_json::json;
use std::collections::BTreeSet;

/// The mistakes in a file, with wrangler's configuration beside it.
fn mistakes_beside(file: &str, wrangler: &str) -> Vec<String> {
    let wrangler = Document::parse("wrangler.toml", wrangler).unwrap();
    let checked = match Document::parse("katalo.toml", file) {
        Ok(file) => check(Some(&file), &[wrangler]).map(drop),
        Err(mistakes) => Err(mistakes),
    };
    let mistakes = checked.err().unwrap_or_default();
    mistakes.iter().map(ToString::to_string).collect()
}

fn mistakes(file: &str) -> Vec<String> {
    mistakes_beside(file, "")
}

fn checked(file: &str, wrangler: &str) -> Checked {
    let file = Document::parse("katalo.toml", file).unwrap();
    let wrangler = Document::parse("wrangler.toml", wrangler).unwrap();
    match check(Some(&file), &[wrangler]) {
        Ok(checked) => checked,
        Err(mistakes) => panic!("{}", told(&mistakes)),
    }
}

const ROUTE: &str = r#"routes = [{ method = "GET", path = "/a", scope = "s" }]"#;

#[test]
fn a_mistake_is_told_with_its_line_in_words_to_act_on() {
    for (settings, words) in [
        (
            "freshness_bound_ms = \"five\"",
            "expected a whole number, 0 or more, not a string",
        ),
        (
            "freshness_bound_ms = 5",
            "freshness_bound_ms must be between 200 and 600000",
        ),
        (
            "freshness_bound_ms = -5",
            "expected a whole number, 0 or more",
        ),
        (
            "freshness_bound = 5000",
            "there is no member `freshness_bound` (did you mean freshness_bound_ms?)",
        ),
        (
            "FRESHNESS_BOUND_MS = 5000",
            "(did you mean freshness_bound_ms?)",
        ),
        (
            "upstreams.UPSTREAM.url = \"127.0.0.1:8895\"",
            "must be an origin: http:// or https://",
        ),
        (
            "upstreams.UPSTREAM.url = \"https://api.example/base\"",
            "must be an origin",
        ),
        (
            "upstreams.UPSTREAM.url = \"https://u:p@api.example\"",
            "must be an origin",
        ),
        (
            "upstreams.UPSTREAM.url = \"http://api.example:80800\"",
            "must be an origin",
        ),
        (
            "upstreams.UPSTREAM = \"https://api.example\"",
            "expected a table, not a string",
        ),
        (
            "upstreams.UPSTREAM = { url = \"https://api.example\", uri = \"\" }",
            "there is no member `uri` (did you mean url?)",
        ),
        (
            "upstreams.UPSTREM.url = \"https://api.example\"",
            "no route leads to the upstream UPSTREM (did you mean UPSTREAM?)",
        ),
        (
            "brand = \"Acme\"",
            "brand must be 2 to 8 letters from a to z",
        ),
        (
            "own_prefix = \"keys\"",
            "own_prefix must be a path such as /_keys",
        ),
        ("confirmations = \"on\"", "expected a boolean, not a string"),
        (
            "on_unproven = \"Serve\"",
            "on_unproven must be refuse or serve",
        ),
        (
            "on_unproven = \"serve\"",
            "unproven_at_most_ms is missing, which `serve` needs",
        ),
        (
            "relay_region = \"europe\"",
            "relay_region must be a location hint",
        ),
        (
            "relay_replicas = 17",
            "relay_replicas must be between 1 and 16",
        ),
        (
            "log_sample_percent = 101",
            "log_sample_percent must be between 0 and 100",
        ),
        (
            "retention_days = 29",
            "retention_days must be between 30 and 3650",
        ),
        (
            "client_scopes = [\"a b\"]",
            "a scope is 1 to 64 visible ASCII characters",
        ),
        (
            "scopes = [{ name = \"other\" }]",
            "GET /a asks for the scope s, which has no entry in SCOPES",
        ),
        (
            "scopes = [{ name = \"s\", dangeros = true }]",
            "(did you mean dangerous?)",
        ),
        (
            "github_public_keys = [{ key_identifier = \"a\", key = \"b\" }]",
            "github_public_keys must be JSON",
        ),
        ("[vars]\nBRAND = \"acme\"", "there is no member `vars`"),
        ("brand = \"acme\"\nbrand = \"other\"", "duplicate key"),
        ("brand = acme", ""),
    ] {
        let found = mistakes(&format!("{ROUTE}\n{settings}"));
        assert_eq!(found.len(), 1, "{settings}: {found:?}");
        let line = if words.contains("asks for") { 1 } else { 2 };
        let line = if words == "duplicate key" { 3 } else { line };
        assert!(
            found[0].starts_with(&format!("katalo.toml:{line}: ")),
            "{settings}: {found:?}"
        );
        assert!(found[0].contains(words), "{settings}: {found:?}");
    }
    assert!(
        mistakes("brand = \"acme\"")[0].contains("there are no routes: write each as [[routes]]")
    );
}

const TYPICAL: &str = r#"
freshness_bound_ms = 5

[[routes]]
method = "get"
path = "/a"
scope = "s"

[[routes]]
method = "GET"
path = "/b/{id}"
scop = "s"

[[routes]]
method = "GET"
path = "/c/{id}"
scope = "s"
brand = "acme"

[[routes]]
method = "GET"
path = "/d/{id}"
scope = "s"

[[routes]]
method = "GET"
path = "/d/all"
scope = "t"

[[routes]]
method = "GET"
path = "/healthz"
scope = "s"

[[routes]]
method = "GET"
path = "/e"
scope = "s"
upstream = "ORDRES"

[upstreams.ORDERS]
url = "https://orders.example"
"#;

#[test]
fn all_mistakes_are_told_at_once_in_their_order() {
    let found = mistakes(TYPICAL);
    let expected = [
        (2, "freshness_bound_ms must be between 200 and 600000"),
        (
            4,
            "`method` is in capitals, as GET, or * for all; got \"get\"",
        ),
        (9, "the member `scope` is missing"),
        (12, "there is no member `scop` (did you mean scope?)"),
        (18, "there is no member `brand`"),
        (
            25,
            "GET /d/all meets the same requests as GET /d/{id} (line 20)",
        ),
        (
            30,
            "GET /healthz covers /healthz, which the Worker answers itself",
        ),
        (39, "the upstream ORDRES (did you mean ORDERS?) is nowhere"),
    ];
    let all = found.join("\n");
    assert_eq!(found.len(), expected.len(), "{all}");
    for (found, (line, words)) in found.iter().zip(expected) {
        let start = format!("katalo.toml:{line}: {words}");
        assert!(found.starts_with(&start), "{start}\n{all}");
    }
    assert!(
        found[0].ends_with("\n     2 | freshness_bound_ms = 5"),
        "{all}"
    );
    assert!(found[4].contains("goes above the first [table]"), "{all}");
}

#[test]
fn a_secret_is_refused_and_not_shown() {
    for secret in [
        "ROOT_KEYS",
        "bootstrap_token",
        "FORWARD_AUTH_SECRET",
        "assertion_secret",
    ] {
        let found = mistakes(&format!("{secret} = \"hush\"\n{ROUTE}"));
        let upper = secret.to_ascii_uppercase();
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].starts_with(&format!("katalo.toml:1: {upper} is a secret")),
            "{found:?}"
        );
        assert!(
            found[0].contains(&format!("npx wrangler secret put {upper}")),
            "{found:?}"
        );
        assert!(!found[0].contains("hush"), "{found:?}");
    }
    for written in [
        "ROOT_KEYS = hush",
        "upstreams.UPSTREAM.url = \"https://me:hush@api.example\"",
    ] {
        let found = mistakes(&format!("{written}\n{ROUTE}"));
        assert!(
            !found.is_empty() && !found.join("").contains("hush"),
            "{found:?}"
        );
    }
}

#[test]
fn a_variable_of_wrangler_goes_before_the_file_and_is_checked_too() {
    let file = format!("freshness_bound_ms = 300\nbrand = \"acme\"\n{ROUTE}");
    let checked = checked(&file, "[vars]\nFRESHNESS_BOUND_MS = 400\nBRAND = \"\"");
    let wait = checked.settings.control.registry.wait;
    assert!(wait > Millis(400) && wait < Millis(600), "{wait:?}");
    assert_eq!(checked.settings.keyring.brand().as_str(), "acme");
    // What the Worker is told by the build is the file's alone.
    assert_eq!(checked.variables["FRESHNESS_BOUND_MS"], 300);

    let routes = "[[vars.ROUTES]]\nmethod = \"GET\"\npath = \"b\"\nscope = \"s\"\n";
    let found = mistakes_beside(
        &file,
        &format!("[vars]\nFRESHNES_BOUND_MS = 1\nFRESHNESS_BOUND_MS = \"five\"\n{routes}"),
    );
    let words = [
        "wrangler.toml:2: there is no setting FRESHNES_BOUND_MS (did you mean FRESHNESS_BOUND_MS?)",
        "wrangler.toml:3: FRESHNESS_BOUND_MS must be between 200 and 600000",
        "wrangler.toml:4: `path` starts with /",
    ];
    assert_eq!(found.len(), words.len(), "{found:?}");
    for (found, words) in found.iter().zip(words) {
        assert!(found.starts_with(words), "{found}");
    }
    // By wrangler's configuration alone, as before there was a file.
    let alone = Document::parse("wrangler.toml", &routes.replace("\"b\"", "\"/b\"")).unwrap();
    assert_eq!(
        check(None, &[alone])
            .ok()
            .unwrap()
            .settings
            .routes
            .iter()
            .count(),
        1
    );
    let none = check(None, &[]).err().unwrap();
    assert!(told(&none).contains("there is no katalo.toml"), "{none:?}");
}

#[test]
fn a_service_that_wrangler_binds_is_an_upstream() {
    let file = r#"routes = [{ method = "GET", path = "/a", scope = "s", upstream = "ORDERS" }]"#;
    let wrangler = r#"services = [{ binding = "ORDERS", service = "orders" }]"#;
    let checked = checked(file, wrangler);
    assert_eq!(checked.settings.upstreams[0].1.live, Some(Target::Service));
    let both = format!("{file}\nupstreams.ORDERS.url = \"https://orders.example\"");
    let found = mistakes_beside(&both, wrangler);
    assert!(
        found[0].starts_with("katalo.toml:2: wrangler binds ORDERS"),
        "{found:?}"
    );
}

/// A value for each setting, other than the default.
const EVERYTHING: &str = r#"
brand = "acme"
own_prefix = "/_keys"
client_scopes = ["write", "more"]
freshness_bound_ms = 1000
freshness_at_most_ms = 900
confirmations = false
on_unproven = "serve"
on_unmetered = "serve"
unproven_at_most_ms = 2000
upstream_timeout_ms = 3000
forward_auth_test_keys = true
key_transfer = true
relay_replicas = 2
relay_region = "apac"
retention_days = 40
audit_retention_days = 50
log_sample_percent = 60
routes = [
  { method = "GET", path = "/a", scope = "read", host = "api.example", freshness = "strict", upstream = "ORDERS" },
  { method = "*", path = "/*", scope = "read", fallback = true },
]
scopes = [{ name = "read", description = { en = "Read", da = "Læse" }, dangerous = true }]
github_public_keys = [{ key_identifier = "k", key = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----" }]
[upstreams]
ORDERS.url = "https://orders.example:8443/"
UPSTREAM.url = "http://[::1]:80"
"#;

#[test]
fn every_setting_arrives_at_the_worker() {
    let Checked {
        settings,
        variables,
    } = checked(EVERYTHING, "");
    // The file has every setting that there is, and the Worker asks for each.
    let names: BTreeSet<String> = variables.keys().cloned().collect();
    let mut known = check::known();
    known.extend(["ORDERS_URL".to_owned(), "UPSTREAM_URL".to_owned()]);
    assert_eq!(names, known);

    assert_eq!(settings.keyring.brand().as_str(), "acme");
    assert_eq!(settings.routes.own_prefix(), "/_keys");
    let scopes = settings.control.client_scopes.iter();
    let scopes: Vec<&str> = scopes.map(|scope| scope.name.as_str()).collect();
    assert_eq!(scopes, ["read", "usage", "write", "more"]);
    assert_eq!(settings.control.client_scopes[0].description["da"], "Læse");
    assert_eq!(settings.bound.map(|bound| bound.millis().0), Some(1000));
    assert_eq!(settings.at_most.millis().0, 900);
    assert!(!settings.confirmations);
    assert!(settings.serve_unmetered);
    assert_eq!(settings.serve_unproven, Some(Millis(2000)));
    assert_eq!(settings.upstream_timeout.as_millis(), 3000);
    assert!(settings.test_keys.proxies_take_them);
    assert!(settings.control.registry.transfer);
    assert_eq!(settings.relay_replicas, 2);
    assert_eq!(
        settings.relay_region.map(|region| region.hint()),
        Some("apac")
    );
    assert_eq!(settings.control.registry.retention_days, 40);
    assert_eq!(settings.control.registry.audit_retention_days, Some(50));
    assert_eq!(settings.log_sample_percent, 60);
    assert_eq!(
        settings.control.github_public_keys.as_ref().map(Vec::len),
        Some(1)
    );
    let routes: Vec<String> = settings.routes.iter().map(ToString::to_string).collect();
    assert_eq!(routes, ["GET api.example/a", "* /*"]);
    let origins = settings
        .upstreams
        .iter()
        .map(|(_, upstream)| upstream.live.clone());
    let expected = ["https://orders.example:8443", "http://[::1]:80"];
    assert_eq!(
        origins.collect::<Vec<_>>(),
        expected.map(|origin| Some(Target::Origin(origin.to_owned())))
    );
    assert_eq!(variables[bindings::CLIENT_SCOPES], "write more");
    assert_eq!(variables[bindings::CONFIRMATIONS], "off");
}

#[test]
fn the_schema_for_editors_is_that_of_the_types() {
    let tracked = fs::read_to_string(project::root().join(SCHEMA)).unwrap_or_default();
    assert!(
        tracked == schema().unwrap(),
        "write it anew: cargo xtask schema"
    );
    let schema: Value = serde_json::from_str(&tracked).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let valid =
        |text: &str| validator.is_valid(&Document::parse("katalo.toml", text).unwrap().tree);
    assert!(valid(EVERYTHING));
    assert!(!valid("brnd = \"acme\"") && !valid("brand = \"Acme\""));
    // The ends of each range, as the Worker has them.
    let properties = schema["properties"].as_object().unwrap();
    let mut ranges = 0;
    for (name, property) in properties {
        let Some(most) = property.get("maximum").and_then(Value::as_u64) else {
            continue;
        };
        ranges += 1;
        let least = property["minimum"].as_u64().unwrap();
        for (value, is_good) in [
            (least, true),
            (most, true),
            (most + 1, false),
            (least.wrapping_sub(1), false),
        ] {
            if value > most + 1 {
                continue;
            }
            let text = format!("{name} = {value}");
            assert_eq!(valid(&text), is_good, "{text}");
            let found = mistakes(&format!("{ROUTE}\n{text}"));
            assert_eq!(found.is_empty(), is_good, "{text}: {found:?}");
        }
    }
    assert_eq!(ranges, 8);
    for name in ["on_unproven", "on_unmetered", "relay_region"] {
        for word in properties[name]["enum"].as_array().unwrap() {
            let more = "unproven_at_most_ms = 2000";
            let found = mistakes(&format!("{ROUTE}\n{more}\n{name} = {word}"));
            assert!(found.is_empty(), "{found:?}");
        }
    }
    for (url, is_good) in [
        ("https://a.example", true),
        ("http://a:80/", true),
        ("a.example", false),
        ("https://a.example/b", false),
    ] {
        assert_eq!(
            valid(&format!("upstreams.A.url = \"{url}\"")),
            is_good,
            "{url}"
        );
    }
}

#[test]
fn the_example_is_right_to_the_last_comment() {
    let text = fs::read_to_string(project::root().join(EXAMPLE)).unwrap();
    assert!(text.starts_with(&format!("#:schema ./{SCHEMA}\n")));
    let (before, scopes) = text.split_once("# [[scopes]]").unwrap();
    let uncommented = |text: &str| -> String {
        let lines = text.lines().map(|line| match line.strip_prefix("# ") {
            Some(rest) if rest.contains(" = ") && !rest.contains('`') || rest.starts_with('[') => {
                rest
            }
            _ => line,
        });
        lines.map(|line| format!("{line}\n")).collect()
    };
    let all = checked(&uncommented(before), "");
    let mut named: BTreeSet<String> = all.variables.keys().cloned().collect();
    named.extend(["SCOPES", "GITHUB_PUBLIC_KEYS", "UPSTREAM_URL", "ORDERS_URL"].map(str::to_owned));
    let mut known = check::known();
    known.extend(["UPSTREAM_URL", "ORDERS_URL"].map(str::to_owned));
    assert_eq!(named, known, "the example names every setting");
    let scopes = Document::parse("scopes", &format!("[[scopes]]{}", uncommented(scopes))).unwrap();
    let scopes: Vec<katalo_keys::http::DescribedScope> =
        serde_json::from_value(scopes.tree["scopes"].clone()).unwrap();
    assert_eq!(scopes.len(), 1);
    assert_eq!(json!(scopes[0].name), "create");
}

//! That the "Deploy to Cloudflare" button finds in the repository what it needs
//! (docs/operations.md): each binding that the code names, and words for each secret.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

use katalo_keys::key::{Brand, Keyring};
use std::collections::BTreeSet;
use std::path::Path;

const CODE: &str = include_str!("../src/settings/bindings.rs");
const WRANGLER: &str = include_str!("../wrangler.toml");
const CONTROL: &str = include_str!("../wrangler/control.toml");
const PACKAGE: &str = include_str!("../package.json");
const SECRETS: &str = include_str!("../.dev.vars.example");

/// The bindings of a kind, by what the code says of each.
fn of_kind(kind: &str) -> BTreeSet<&'static str> {
    let start = format!("/// {kind}: ");
    let documented = CODE.split(&start).skip(1);
    let found: BTreeSet<_> = documented
        .filter_map(|text| text.split('"').nth(1))
        .collect();
    assert!(!found.is_empty(), "{kind}");
    found
}

fn read(text: &str) -> toml::Table {
    text.parse().unwrap()
}

/// This member of each table of a list.
fn each<'a>(list: &'a toml::Value, member: &str) -> BTreeSet<&'a str> {
    let tables = list.as_array().unwrap().iter();
    tables
        .map(|table| table[member].as_str().unwrap())
        .collect()
}

#[test]
fn every_binding_of_the_code_is_there_with_its_resource() {
    for text in [WRANGLER, CONTROL] {
        let settings = read(text);
        let objects = &settings["durable_objects"]["bindings"];
        assert_eq!(each(objects, "name"), of_kind("Durable Object"));
        let migrations = settings["migrations"].as_array().unwrap().iter();
        let made: BTreeSet<_> = migrations
            .flat_map(|migration| migration["new_sqlite_classes"].as_array().unwrap())
            .map(|class| class.as_str().unwrap())
            .collect();
        assert_eq!(each(objects, "class_name"), made);
        assert_eq!(
            each(&settings["kv_namespaces"], "binding"),
            of_kind("Workers KV")
        );
    }
}

/// Workers Builds does not run what `[build]` says.
#[test]
fn the_script_builds_before_it_deploys() {
    let package: serde_json::Value = serde_json::from_str(PACKAGE).unwrap();
    let script = package["scripts"]["deploy"].as_str().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(script);
    let script = std::fs::read_to_string(script).unwrap();
    let settings = read(WRANGLER);
    let build = settings["build"]["command"].as_str().unwrap();
    let (before, _) = script.split_once("wrangler deploy\n").unwrap();
    assert!(before.lines().any(|line| line == build), "{script}");
}

#[test]
fn every_secret_is_described_and_no_example_is_taken() {
    let package: serde_json::Value = serde_json::from_str(PACKAGE).unwrap();
    let described = package["cloudflare"]["bindings"].as_object().unwrap();
    for secret in of_kind("Secret") {
        let words = described.get(secret).map(|binding| &binding["description"]);
        assert!(words.and_then(|words| words.as_str()).is_some(), "{secret}");
    }
    let known: BTreeSet<_> = CODE.split('"').skip(1).step_by(2).collect();
    for name in described.keys() {
        assert!(known.contains(name.as_str()), "{name}");
    }
    let asked: Vec<(&str, &str)> = SECRETS
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_once('=').unwrap())
        .map(|(name, value)| (name, value.trim_matches('\'')))
        .collect();
    let [("ROOT_KEYS", ring), ("BOOTSTRAP_TOKEN", token)] = asked[..] else {
        panic!("{SECRETS}")
    };
    assert!(Keyring::parse(Brand::parse("kat").unwrap(), ring).is_err());
    assert!(token.len() < 32, "long enough to be taken");
}

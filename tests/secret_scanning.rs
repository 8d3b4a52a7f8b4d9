//! The pattern that docs/secret-scanning.md publishes, tried on keys.
#![allow(missing_docs, reason = "tests")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that panics has failed"
)]

use katalo_keys::key::{Brand, Environment, Keyring, OrganizationId};
use katalo_keys::random::Seeded;
use regex::Regex;

const PAGE: &str = include_str!("../docs/secret-scanning.md");

/// The text of each code block in this language.
fn blocks(language: &str) -> Vec<&'static str> {
    PAGE.split("\n```")
        .filter_map(|part| part.strip_prefix(language)?.strip_prefix('\n'))
        .collect()
}

/// The pattern as gitleaks takes it.
fn rule() -> toml::Table {
    let rules: toml::Table = blocks("toml")[0].parse().unwrap();
    rules["rules"][0].as_table().unwrap().clone()
}

fn pattern() -> Regex {
    Regex::new(rule()["regex"].as_str().unwrap()).unwrap()
}

fn keyring() -> Keyring {
    let ring = r#"{"current":"z","keys":{"z":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}}"#;
    Keyring::parse(Brand::KATALO, ring).unwrap()
}

fn keys() -> Vec<String> {
    let keyring = keyring();
    let mut randomness = Seeded(5);
    let organizations = ["acme", "beta", "Z-_9"].map(|id| OrganizationId::parse(id).unwrap());
    let mut keys = Vec::new();
    for _ in 0..200 {
        for organization in &organizations {
            for environment in Environment::ALL {
                let key = keyring
                    .mint(environment, organization.tag(), &mut randomness)
                    .unwrap();
                keys.push(key.text().expose().to_owned());
            }
        }
    }
    keys
}

#[test]
fn every_issued_key_is_found_whole() {
    let (pattern, rule) = (pattern(), rule());
    let keywords: Vec<&str> = rule["keywords"]
        .as_array()
        .unwrap()
        .iter()
        .map(|word| word.as_str().unwrap())
        .collect();
    for key in keys() {
        for (before, after) in [
            ("", ""),
            ("KATALO_KEY=", "\n"),
            ("\"", "\""),
            ("Authorization: Bearer ", "' https://api"),
            ("https://x/?key=", "&a=b"),
            ("`", "`."),
        ] {
            let text = format!("{before}{key}{after}");
            let found: Vec<&str> = pattern
                .find_iter(&text)
                .map(|found| found.as_str())
                .collect();
            assert_eq!(found, [key.as_str()], "{text}");
        }
        assert!(keywords.iter().any(|word| key.starts_with(word)));
    }
}

#[test]
fn what_is_no_key_is_not_found() {
    let pattern = pattern();
    let key = keys().swap_remove(0);
    let (id, secret) = key.split_once('.').unwrap();
    let changed = |place: usize, to: char| {
        let mut text = key.clone();
        text.replace_range(place..=place, &to.to_string());
        text
    };
    let secret_begins = id.len() + 1;
    for text in [
        id.to_owned(),
        format!("{id}."),
        format!("{id} {secret}"),
        key.replace("kat_live_", "kat_prod_"),
        key.replace("kat_", "cat_"),
        key[1..].to_owned(),
        key[..key.len() - 1].to_owned(),
        format!("{key}A"),
        format!("x{key}"),
        changed(10, '1'),
        changed(11, 'M'),
        changed(22, 'z'),
        changed(secret_begins + 43, '5'),
        changed(secret_begins + 3, '-'),
        "kat_live_<publicKeyId>.<secret>".to_owned(),
        format!("kat_live_{}.{}", "x".repeat(30), "x".repeat(49)),
    ] {
        assert!(!pattern.is_match(&text), "{text}");
    }
}

/// The pattern cannot tell a typing error; the checksum can.
#[test]
fn a_match_is_told_from_a_chance_one_by_its_checksum() {
    let (pattern, keyring) = (pattern(), keyring());
    for key in keys() {
        assert!(keyring.read(&key).is_ok());
        let other = if key.ends_with('A') { "B" } else { "A" };
        let typed = format!("{}{other}", &key[..key.len() - 1]);
        assert!(pattern.is_match(&typed));
        assert!(keyring.read(&typed).is_err());
    }
}

#[test]
fn the_page_has_one_pattern() {
    let rule = rule();
    let regex = rule["regex"].as_str().unwrap();
    assert_eq!(PAGE.matches("(?:live|test|admin)").count(), 3);
    assert_eq!(PAGE.matches(regex).count(), 3);
    assert!(blocks("yaml")[1].contains(&format!("entry: '{regex}'\n")));
}

/// The page's own text, and the rest of the docs, hold no key.
#[test]
fn no_document_holds_a_key() {
    let pattern = pattern();
    let root = env!("CARGO_MANIFEST_DIR");
    let pages = std::fs::read_dir(format!("{root}/docs")).unwrap();
    let mut seen = 0;
    for page in pages.map(|entry| entry.unwrap().path()) {
        if page.extension().is_some_and(|end| end == "md") {
            assert!(!pattern.is_match(&std::fs::read_to_string(&page).unwrap()));
            seen += 1;
        }
    }
    assert!(seen >= 4);
}

//! Keys inside other text.

use super::super::*;
use super::{ROOT_KEYS, keyring, minted};
use crate::random::Seeded;

#[test]
fn the_shortest_key_is_read_and_found_in_a_text() {
    let ring = Keyring::parse(Brand::parse("ab").unwrap(), ROOT_KEYS).unwrap();
    let tag = OrganizationId::parse("acme").unwrap().tag();
    let key = ring.mint(Environment::Live, tag, &mut Seeded(1)).unwrap();
    let text = key.text().expose();
    assert_eq!(ring.sightings(text).collect::<Vec<_>>(), [text]);
}

#[test]
fn keys_are_found_wherever_they_stand() {
    let ring = keyring();
    let keys = Environment::ALL.map(|environment| {
        let key = minted(7, environment);
        key.text().expose().to_owned()
    });
    let sightings = |text: &str| -> Vec<String> {
        let found = ring.sightings(text);
        found.map(str::to_owned).collect()
    };
    for key in &keys {
        assert_eq!(sightings(key), [key.as_str()]);
        assert_eq!(sightings(&format!("?key={key}&x=1")), [key.as_str()]);
        // A brand that begins again, and one within another word.
        assert_eq!(
            sightings(&format!("kat_kat_live_katkat{key}")),
            [key.as_str()]
        );
        assert_eq!(sightings(&key[..key.len() - 1]), [""; 0]);
        assert_eq!(sightings(&key[1..]), [""; 0]);
    }
    let [live, test, admin] = &keys;
    let text = format!("{live}{test} é {admin}");
    assert_eq!(sightings(&text), [live.as_str(), test, admin]);
    assert_eq!(sightings(&"kat_live_".repeat(20)), [""; 0]);
    // Each part must be of its kind and length.
    let (id, secret) = live.split_once('.').unwrap();
    let broken_id = format!("{}-.{secret}", &id[..id.len() - 1]);
    let broken_secret = format!("{id}.{}-", &secret[..secret.len() - 1]);
    let no_dot = format!("{id}x{secret}");
    let other = live.replacen("_live_", "_prod_", 1);
    let joined = live.replacen("_live_", "_live", 1);
    let early = live.replacen("kat_live_", "kat-live_", 1);
    for broken in [broken_id, broken_secret, no_dot, other, joined, early] {
        assert_eq!(sightings(&broken), [""; 0], "{broken}");
    }
}

#[test]
fn of_what_looks_like_keys_the_first_made_here_counts() {
    let ring = keyring();
    let key = minted(7, Environment::Live);
    let text = key.text().expose();
    let look_alike = {
        let (id, secret) = text.split_once('.').unwrap();
        format!("{id}.{}", "x".repeat(secret.len()))
    };
    let found = ring.first_made_here(&format!("{look_alike} {text}"));
    assert_eq!(found.unwrap().id(), key.id());
    assert!(ring.first_made_here(&look_alike).is_none());
    assert!(ring.first_made_here("").is_none());
}

#[test]
fn a_key_is_found_however_its_text_is_cut_and_little_is_kept() {
    let ring = keyring();
    let key = minted(7, Environment::Admin);
    let before = format!("æ{}kat_live_", "kat_".repeat(50));
    let text = format!("{before}{}x", key.text().expose());
    for length in 1..=text.len() {
        let mut search = Search::new(&ring);
        let found = (text.as_bytes().chunks(length)).find_map(|piece| search.next(piece));
        assert_eq!(found.unwrap().id(), key.id(), "{length}");
        assert!(search.kept.len() < MAX_LENGTH);
    }
}

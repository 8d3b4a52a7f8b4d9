//! The ring: what it takes, and what each of its keys is for.

use super::super::*;
use super::{ROOT_KEYS, keyring, minted};
use crate::random::Seeded;

#[test]
fn a_key_of_another_brand_is_malformed() {
    let ring = Keyring::parse(Brand::parse("abc").unwrap(), ROOT_KEYS).unwrap();
    assert_eq!(ring.brand().to_string(), "abc");
    let tag = OrganizationId::parse("acme").unwrap().tag();
    let key = ring.mint(Environment::Live, tag, &mut Seeded(1)).unwrap();
    let read = keyring().read(key.text().expose());
    assert_eq!(read.err(), Some(Unreadable::Malformed));
    assert!(!keyring().made(key.id()));
    // Not even where its digits are in a key of ours.
    let own = KeyId {
        brand: Brand::KATALO,
        ..*key.id()
    };
    assert!(!keyring().made(&own));
    assert!(ring.made(key.id()));
}

#[test]
fn an_id_is_genuine_for_its_environment_alone() {
    let key = minted(3, Environment::Test);
    assert!(keyring().made(key.id()));
    let live = KeyId {
        environment: Environment::Live,
        ..*key.id()
    };
    assert!(!keyring().made(&live));
}

#[test]
fn the_tag_of_a_held_id_is_not_computed() {
    let ring = keyring();
    let forged = {
        let genuine = minted(3, Environment::Live);
        let fields = PublicKeyId::fields(b'2', genuine.id().public.organization_tag(), 9);
        let public = PublicKeyId::assemble(&fields, 9);
        let mut text = format!("kat_live_{public}.{}", "x".repeat(43)).into_bytes();
        let checksum = presented::checksum(&text);
        text.extend_from_slice(&checksum);
        String::from_utf8(text).unwrap()
    };
    assert!(ring.read_with(&forged, |_| true).is_ok());
    let read = ring.read_with(&forged, |_| false);
    assert_eq!(read.err(), Some(Unreadable::Forged));
    let read = ring.read_with("kat_live_x.y", |_| panic!("it did not parse"));
    assert_eq!(read.err(), Some(Unreadable::Malformed));
}

#[test]
fn a_ring_names_its_entries() {
    let ring = keyring();
    assert_eq!(ring.names().collect::<String>(), "12");
    assert_eq!(ring.current_name(), '2');
    assert_eq!(minted(1, Environment::Live).id().public.ring(), b'2');
}

#[test]
fn a_ring_is_read_strictly() {
    let parse = |text: &str| Keyring::parse(Brand::KATALO, text).err();
    let named = |name: &str| format!(r#"{{"current":"{name}","keys":{{}}}}"#);
    assert_eq!(parse(&named("-")), Some(KeyringError::Name));
    assert_eq!(parse(&named("")), Some(KeyringError::Name));
    assert_eq!(parse(&named("z")), Some(KeyringError::Current));
    assert_eq!(parse(&named("11")), Some(KeyringError::Name));
    // 33 bytes.
    let long = ROOT_KEYS.replace("Hh8=", "Hh8gIA==");
    assert_eq!(parse(&long), Some(KeyringError::Key));
    for error in [
        KeyringError::Form,
        KeyringError::Name,
        KeyringError::Key,
        KeyringError::Current,
    ] {
        assert!(error.to_string().contains("ROOT_KEYS"));
    }
}

/// Every purpose has a key of its own.
#[test]
fn no_output_of_one_purpose_is_anothers() {
    let ring = keyring();
    let sealed = ring.seal("audit", "head").unwrap();
    let (seal, _) = sealed.split_once('.').unwrap();
    assert!(!ring.verifies_audit_head("head", seal));
    let signature = ring.sign_audit_head("head").unwrap();
    assert!(ring.verifies_audit_head("head", &signature));
    assert_eq!(ring.open("audit", &format!("{signature}.head")), None);
    let mac = ring.session_mac('2', "audit", "head").unwrap();
    assert!(!ring.verifies_audit_head("head", &format!("2{mac}")));
    assert_eq!(ring.open("audit", &format!("2{mac}.head")), None);
}

#[test]
fn seals_and_signatures_are_made_under_the_current_entry() {
    let ring = keyring();
    let signature = ring.sign_audit_head("head").unwrap();
    assert_eq!(signature.len(), 44);
    assert!(signature.starts_with('2'));
    assert!(!ring.verifies_audit_head("another", &signature));
    for broken in ["", "2", "2AAAA", "9", "é", &signature[1..]] {
        assert!(!ring.verifies_audit_head("head", broken), "{broken}");
    }
    let older = signature.replacen('2', "1", 1);
    assert!(!ring.verifies_audit_head("head", &older));

    let sealed = ring.seal("key/x", "{}").unwrap();
    assert!(ring.is_sealed_by_current(&sealed));
    let current_is_older = ROOT_KEYS.replace(r#""current":"2""#, r#""current":"1""#);
    let older = Keyring::parse(Brand::KATALO, &current_is_older).unwrap();
    assert!(!older.is_sealed_by_current(&sealed));
    assert_eq!(older.open("key/x", &sealed), Some("{}"));
    for broken in ["", ".", "2.{}", "{}", "2AAAA.{}", "9A.{}", "é.{}"] {
        assert_eq!(ring.open("key/x", broken), None, "{broken}");
    }
}

#[test]
fn a_session_belongs_to_entry_purpose_and_token() {
    let ring = keyring();
    let mac = ring.session_mac('2', "session", "token").unwrap();
    assert_eq!(mac.len(), 43);
    assert_eq!(ring.session_mac('2', "session", "token"), Some(mac.clone()));
    for other in [
        ring.session_mac('1', "session", "token"),
        ring.session_mac('2', "csrf", "token"),
        ring.session_mac('2', "session", "other"),
        ring.session_mac('2', "sessiont", "oken"),
    ] {
        assert_ne!(other.unwrap(), mac);
    }
    assert_eq!(ring.session_mac('3', "session", "token"), None);
    assert_eq!(ring.session_mac('é', "session", "token"), None);
}

/// A source that gives each byte in turn.
struct Counting(u8);

impl crate::random::Randomness for Counting {
    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            *byte = self.0;
            self.0 = self.0.wrapping_add(1);
        }
    }
}

/// Of all bytes there are, each digit comes from four; the eight left over
/// give none.
#[test]
fn every_digit_is_as_likely_as_any_other() {
    let tag = OrganizationId::parse("acme").unwrap().tag();
    let mut counted = std::collections::BTreeMap::new();
    // From each byte on: the nonce takes eight, and a draw is 64 long.
    for start in 0..=255_u8 {
        let mut source = Counting(start);
        let key = keyring().mint(Environment::Live, tag, &mut source).unwrap();
        let text = key.text().expose();
        let (_, secret) = text.split_once('.').unwrap();
        *counted.entry(secret.as_bytes()[0]).or_insert(0) += 1;
        let values = secret.as_bytes()[..presented::SECRET_RANDOM]
            .windows(2)
            .filter(|pair| {
                let value = |digit| u32::from(base62::value(digit).unwrap());
                (value(pair[0]) + 1) % 62 != value(pair[1])
            });
        // In order but where the source passes over 248 to 255.
        assert!(values.count() <= 1, "{secret}");
        assert_eq!(secret.len(), presented::SECRET_LENGTH);
    }
    assert_eq!(counted.len(), 62);
    // The byte after the eight left over takes their place as the first.
    assert_eq!(counted.remove(&b'0'), Some(4 + 8));
    assert!(counted.values().all(|count| *count == 4), "{counted:?}");
}

use proptest::prelude::*;

use super::*;
use crate::random::Seeded;

mod record;
mod ring;
mod scope;
mod sighting;
mod text;

const ROOT_KEYS: &str = r#"{"current":"2","keys":{
    "1":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
    "2":"ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="}}"#;

fn keyring() -> Keyring {
    Keyring::parse(Brand::KATALO, ROOT_KEYS).unwrap()
}

fn minted(seed: u64, environment: Environment) -> PresentedKey {
    let tag = OrganizationId::parse("acme").unwrap().tag();
    keyring().mint(environment, tag, &mut Seeded(seed)).unwrap()
}

fn environments() -> impl Strategy<Value = Environment> {
    proptest::sample::select(&Environment::ALL)
}

proptest! {
    #[test]
    fn whatever_is_minted_parses(seed: u64, environment in environments()) {
        let key = minted(seed, environment);
        let text = key.text().expose();
        prop_assert_eq!(text.len(), "kat__".len() + environment.as_str().len() + 30 + 1 + 49);
        let read = keyring().read(text).map_err(|e| TestCaseError::fail(format!("{e:?}")))?;
        prop_assert_eq!(read.id(), key.id());
        prop_assert_eq!(KeyId::parse(&key.id().to_string()), Some(*key.id()));
        prop_assert_eq!(read.id().public.organization_tag(), OrganizationId::parse("acme").unwrap().tag());
        prop_assert!(keyring().digest(&read).unwrap().matches(&keyring().digest(&key).unwrap()));
    }

    #[test]
    fn one_changed_character_is_refused(seed: u64, environment in environments(), place: prop::sample::Index, with in any::<char>()) {
        let text = minted(seed, environment).text().expose().to_owned();
        let mut chars: Vec<char> = text.chars().collect();
        let place = place.index(chars.len());
        prop_assume!(chars[place] != with);
        chars[place] = with;
        prop_assert!(keyring().read(&String::from_iter(chars)).is_err());
    }

    #[test]
    fn one_changed_digit_is_refused(seed: u64, place: prop::sample::Index, digit in 0_usize..62) {
        let mut text = minted(seed, Environment::Live).text().expose().as_bytes().to_vec();
        let place = place.index(text.len());
        let digit = base62::DIGITS[digit];
        prop_assume!(text[place] != digit);
        text[place] = digit;
        prop_assert!(keyring().read(std::str::from_utf8(&text).unwrap()).is_err());
    }

    #[test]
    fn one_dropped_or_added_character_is_refused(seed: u64, place: prop::sample::Index, with in any::<char>()) {
        let text = minted(seed, Environment::Live).text().expose().to_owned();
        let place = place.index(text.len());
        let mut shorter = text.clone();
        shorter.remove(place);
        prop_assert!(keyring().read(&shorter).is_err());
        let mut longer = text;
        longer.insert(place, with);
        prop_assert!(keyring().read(&longer).is_err());
    }

    #[test]
    fn swapped_neighbours_are_refused(seed: u64, place: prop::sample::Index) {
        let mut text = minted(seed, Environment::Live).text().expose().as_bytes().to_vec();
        let place = place.index(text.len() - 1);
        prop_assume!(text[place] != text[place + 1]);
        text.swap(place, place + 1);
        prop_assert!(keyring().read(std::str::from_utf8(&text).unwrap()).is_err());
    }

    #[test]
    fn arbitrary_text_never_panics(text in ".{0,200}") {
        prop_assert!(keyring().read(&text).is_err());
        let _ = KeyId::parse(&text);
        let _ = PublicKeyId::parse(text.as_bytes());
    }

    #[test]
    fn a_made_up_id_is_forged_however_right_its_checksum(seed: u64, nonce: u64) {
        let genuine = minted(seed, Environment::Live);
        let fields = PublicKeyId::fields(b'2', genuine.id().public.organization_tag(), nonce);
        let id = KeyId { public: PublicKeyId::assemble(&fields, nonce), ..*genuine.id() };
        let mut text = format!("{id}.{}", "x".repeat(43)).into_bytes();
        let checksum = presented::checksum(&text);
        text.extend_from_slice(&checksum);
        prop_assert_eq!(keyring().read(std::str::from_utf8(&text).unwrap()).err(), Some(Unreadable::Forged));
    }

    #[test]
    fn a_seal_holds_for_its_name_and_bytes_alone(value in "[ -~]{0,80}", other in "[ -~]{0,80}") {
        let sealed = keyring().seal("key/a", &value).unwrap();
        prop_assert_eq!(keyring().open("key/a", &sealed), Some(value.as_str()));
        prop_assert_eq!(keyring().open("key/b", &sealed), None);
        prop_assume!(value != other);
        let (seal, _) = sealed.split_once('.').unwrap();
        let moved = format!("{seal}.{other}");
        prop_assert_eq!(keyring().open("key/a", &moved), None);
    }
}

#[test]
fn a_field_beyond_its_range_is_refused() {
    let key = minted(1, Environment::Live);
    let id = key.id().public;
    for field in [2..13, 13..24] {
        let mut digits = id.as_str().as_bytes().to_vec();
        digits[field].fill(b'z');
        assert_eq!(PublicKeyId::parse(&digits), None);
    }
    let mut foreign = id.as_str().as_bytes().to_vec();
    foreign[1] = b'1';
    assert_eq!(
        PublicKeyId::parse(&foreign),
        None,
        "a reserved jurisdiction"
    );
}

#[test]
fn an_older_entry_works_while_it_stays() {
    let tag = OrganizationId::parse("acme").unwrap().tag();
    let old = Keyring::parse(
        Brand::KATALO,
        &ROOT_KEYS.replace(r#""current":"2""#, r#""current":"1""#),
    )
    .unwrap();
    let key = old.mint(Environment::Live, tag, &mut Seeded(5)).unwrap();
    assert!(keyring().read(key.text().expose()).is_ok());
    let alone = r#"{"current":"2","keys":{"2":"ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="}}"#;
    let removed = Keyring::parse(Brand::KATALO, alone).unwrap();
    assert_eq!(
        removed.read(key.text().expose()).err(),
        Some(Unreadable::Forged)
    );
}

#[test]
fn a_ring_that_cannot_work_says_why() {
    let parse = |text: &str| Keyring::parse(Brand::KATALO, text).err();
    assert_eq!(parse("{}"), Some(KeyringError::Form));
    assert_eq!(
        parse(r#"{"current":"1","keys":{"1":"c2hvcnQ="}}"#),
        Some(KeyringError::Key)
    );
    assert_eq!(
        parse(&ROOT_KEYS.replace(r#""1":"#, r#""10":"#)),
        Some(KeyringError::Name)
    );
    assert_eq!(
        parse(&ROOT_KEYS.replace(r#""current":"2""#, r#""current":"3""#)),
        Some(KeyringError::Current)
    );
}

/// Computed outside this crate, with Python's hmac, hashlib and zlib. Keys out
/// there and records stored depend on it: no change without a migration.
#[test]
fn the_format_is_pinned() {
    let key = minted(7, Environment::Live);
    assert_eq!(
        key.text().expose(),
        "kat_live_20BAssrdJ8UvAIT1O2QLItPK1RAMPk.ZhniGmipDrlJXml0X9TwmEO1hot7TdF2o6yF2OkEYKi0n2Jpl"
    );
    assert_eq!(
        keyring().digest(&key).unwrap().to_text(),
        "ApiYs9N4F7Lq13NAGCIirl0YwEljoPJBtSVQlnZuQ7c"
    );
    assert_eq!(
        keyring().seal("key/x", "{}").unwrap(),
        "2VTJo9xsFiz72QuVoAvbU8h1INvMlu4y7T6CPSeLO3qM.{}"
    );
}

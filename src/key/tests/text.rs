//! Digits and text forms.

use super::super::*;
use super::{ROOT_KEYS, keyring, minted};
use crate::random::Seeded;

#[test]
fn digits_have_the_values_of_their_order() {
    for (place, digit) in base62::DIGITS.iter().enumerate() {
        assert_eq!(base62::value(*digit), Some(place as u8));
    }
    for other in [b'/', b':', b'@', b'[', b'`', b'{', b'-', b'_', 0, 0xff] {
        assert_eq!(base62::value(other), None);
    }
    assert_eq!(base62::encode::<3>(62 * 62 + 61), *b"10z");
    assert_eq!(base62::decode(b"10z", u64::MAX), Some(62 * 62 + 61));
    assert_eq!(base62::decode(b"10z", 62 * 62 + 61), Some(62 * 62 + 61));
    assert_eq!(base62::decode(b"10z", 62 * 62 + 60), None);
}

/// The longest there is: a brand of eight letters and `admin`.
#[test]
fn the_longest_key_is_read_and_nothing_longer() {
    let brand = Brand::parse("abcdefgh").unwrap();
    let ring = Keyring::parse(brand, ROOT_KEYS).unwrap();
    let tag = OrganizationId::platform().tag();
    let key = ring.mint(Environment::Admin, tag, &mut Seeded(1)).unwrap();
    let text = key.text().expose();
    assert_eq!(text.len(), MAX_LENGTH);
    assert!(text.starts_with("abcdefgh_admin_20"));
    let id = key.id().to_string();
    assert_eq!(id.len(), KeyId::MAX_LENGTH);
    assert!(ring.read(text).is_ok());
    assert_eq!(KeyId::parse(&id), Some(*key.id()));
    // One letter more is no brand.
    assert_eq!(KeyId::parse(&format!("x{id}")), None);
    let whole = text.to_owned();
    assert_eq!(key.into_text().expose(), whole);
    assert!(SecretText::new(&[b'x'; MAX_LENGTH]).is_some());
    assert!(SecretText::new(&[b'x'; MAX_LENGTH + 1]).is_none());
}

#[test]
fn what_is_secret_does_not_show() {
    let key = minted(7, Environment::Live);
    let digest = keyring().digest(&key).unwrap();
    assert_eq!(format!("{digest:?}"), "KeyDigest(…)");
    let public = key.id().public;
    assert_eq!(format!("{public:?}"), public.as_str());
    assert_eq!(public.to_string(), public.as_str());
}

#[test]
fn a_digest_is_its_43_characters_and_compares_whole() {
    let digest = keyring().digest(&minted(7, Environment::Live)).unwrap();
    let json = serde_json::to_string(&digest).unwrap();
    assert_eq!(json, format!("{:?}", digest.to_text()));
    let read: KeyDigest = serde_json::from_str(&json).unwrap();
    assert!(read.matches(&digest));
    let other = keyring().digest(&minted(8, Environment::Live)).unwrap();
    assert!(!other.matches(&digest));
    for broken in [
        "",
        "AAAA",
        &"A".repeat(42),
        &"A".repeat(44),
        &"-".repeat(50),
    ] {
        assert!(KeyDigest::from_text(broken).is_none(), "{broken}");
        assert!(serde_json::from_str::<KeyDigest>(&format!("{broken:?}")).is_err());
    }
}

/// Text forms are what JSON holds.
#[test]
fn texts_go_through_json_unchanged() {
    fn through<T>(value: &T, text: &str)
    where
        T: serde::Serialize + for<'a> serde::Deserialize<'a> + PartialEq + std::fmt::Debug,
    {
        let json = format!("{text:?}");
        assert_eq!(serde_json::to_string(value).unwrap(), json);
        assert_eq!(&serde_json::from_str::<T>(&json).unwrap(), value);
        assert!(serde_json::from_str::<T>(r#""no such thing ""#).is_err());
    }
    let id = *minted(7, Environment::Live).id();
    through(&id, &id.to_string());
    through(&id.public, id.public.as_str());
    let organization = OrganizationId::parse("acme").unwrap();
    assert_eq!(organization.to_string(), "acme");
    through(&organization, "acme");
    through(&Scope::parse("read").unwrap(), "read");
    let tag = organization.tag();
    assert_eq!(tag.to_string(), "BAssrdJ8UvA");
    assert_eq!(format!("{tag:?}"), "BAssrdJ8UvA");
}

#[test]
fn every_place_of_an_id_holds_a_digit() {
    let id = minted(7, Environment::Live).id().public;
    for place in 0..PublicKeyId::LENGTH {
        let mut digits = id.as_str().as_bytes().to_vec();
        digits[place] = b'-';
        assert_eq!(PublicKeyId::parse(&digits), None, "{place}");
    }
}

#[test]
fn a_secret_part_has_its_length_and_digits_also_where_the_checksum_is_right() {
    let id = minted(7, Environment::Live).id().public;
    let read = |secret: &str| {
        let mut text = format!("kat_live_{id}.{secret}").into_bytes();
        let checksum = presented::checksum(&text);
        text.extend_from_slice(&checksum);
        keyring().read(std::str::from_utf8(&text).unwrap()).err()
    };
    assert_eq!(read(&"x".repeat(43)), None);
    for bad in ["x".repeat(42), "x".repeat(44), "-".repeat(43)] {
        assert_eq!(read(&bad), Some(Unreadable::Malformed), "{bad}");
    }
}

#[test]
fn other_texts_are_no_tags() {
    for bad in [
        "",
        "BAssrdJ8Uv",
        "BAssrdJ8UvAA",
        "BAssrdJ8Uv-",
        "zzzzzzzzzzz",
    ] {
        assert_eq!(OrganizationTag::parse(bad), None, "{bad}");
    }
}

#[test]
fn the_platform_is_one_organization() {
    assert!(OrganizationId::platform().is_platform());
    assert_eq!(
        OrganizationId::parse("_platform"),
        Some(OrganizationId::platform())
    );
    assert!(!OrganizationId::parse("platform").unwrap().is_platform());
}

#[test]
fn who_a_key_is_for() {
    for (environment, text, clients) in [
        (Environment::Live, "live", true),
        (Environment::Test, "test", true),
        (Environment::Admin, "admin", false),
    ] {
        assert_eq!(environment.to_string(), text);
        assert_eq!(environment.is_for_clients(), clients);
    }
}

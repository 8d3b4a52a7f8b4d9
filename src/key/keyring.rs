//! The root keys and everything derived from them.
//!
//! `ROOT_KEYS` is a ring: `{"current":"2","keys":{"1":"…","2":"…"}}`, each 32
//! random bytes in base64. Every purpose has its own key, derived from the root
//! as HKDF-Expand does (RFC 5869 section 2.3, one block; the root is already
//! uniform, so there is nothing to extract). Keys made under an older entry work
//! while the entry stays; taking an entry out kills what was made under it.

use std::collections::BTreeMap;
use std::fmt;

use base64ct::{Base64, Base64UrlUnpadded, Encoding as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Deserialize;
use sha2::Sha256;
use zeroize::{Zeroize as _, Zeroizing};

use super::base62;
use super::brand::{Brand, Environment};
use super::digest::KeyDigest;
use super::id::{KeyId, PublicKeyId};
use super::organization::OrganizationTag;
use super::presented::{self, PresentedKey, SecretText};
use crate::json;
use crate::random::Randomness;

type HmacSha256 = Hmac<Sha256>;

/// What a derived key is for. Each purpose's name is in the derivation, so no
/// output of one can be used as another's.
#[derive(Clone, Copy)]
enum Purpose {
    IdTag,
    Pepper,
    KvSeal,
    Session,
    AuditHead,
}

impl Purpose {
    const fn info(self) -> &'static [u8] {
        match self {
            Self::IdTag => b"katalo-keys/1/id-tag",
            Self::Pepper => b"katalo-keys/1/pepper",
            Self::KvSeal => b"katalo-keys/1/kv-seal",
            Self::Session => b"katalo-keys/1/session",
            Self::AuditHead => b"katalo-keys/1/audit-head",
        }
    }
}

/// One root key's derived keys, each as an HMAC that has already taken its key
/// in: a use costs two blocks less.
struct Entry {
    name: u8,
    id_tag: HmacSha256,
    pepper: HmacSha256,
    kv_seal: HmacSha256,
    session: HmacSha256,
    audit_head: HmacSha256,
}

impl Entry {
    fn derive(name: u8, root: &[u8; 32]) -> Option<Self> {
        let derived = |purpose: Purpose| {
            let mut expand = HmacSha256::new_from_slice(root).ok()?;
            expand.update(purpose.info());
            expand.update(&[1]);
            let mut key: [u8; 32] = expand.finalize().into_bytes().into();
            let keyed = HmacSha256::new_from_slice(&key).ok();
            key.zeroize();
            keyed
        };
        Some(Self {
            name,
            id_tag: derived(Purpose::IdTag)?,
            pepper: derived(Purpose::Pepper)?,
            kv_seal: derived(Purpose::KvSeal)?,
            session: derived(Purpose::Session)?,
            audit_head: derived(Purpose::AuditHead)?,
        })
    }
}

/// Why `ROOT_KEYS` cannot be used. Never carries any of its text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyringError {
    /// Not JSON of the form `{"current":"1","keys":{"1":"…"}}`.
    Form,
    /// The name of an entry is not one base62 digit.
    Name,
    /// A key is not 32 bytes in base64.
    Key,
    /// `current` names no entry.
    Current,
}

impl fmt::Display for KeyringError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => {
                r#"ROOT_KEYS is not JSON of the form {"current":"1","keys":{"1":"<base64>"}}"#
            }
            Self::Name => "ROOT_KEYS: the name of an entry is one of 0-9 A-Z a-z",
            Self::Key => "ROOT_KEYS: a key is 32 random bytes in base64",
            Self::Current => "ROOT_KEYS: `current` names no entry of `keys`",
        })
    }
}

/// Why a presented key was refused before anything was looked up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unreadable {
    /// Not of the form, or the checksum is wrong: a typing error.
    Malformed,
    /// Of the form, but no root key of the ring ever made this id.
    Forged,
}

/// Where a seal or a signature is bound to: domain and name before the bytes.
fn absorb(keyed: &HmacSha256, name: &[u8], bytes: &[u8]) -> HmacSha256 {
    let mut mac = keyed.clone();
    // The length first: no pair of name and bytes reads as another pair.
    mac.update(&(name.len() as u64).to_be_bytes());
    mac.update(name);
    mac.update(bytes);
    mac
}

/// The ring, ready for use. No `Debug`: it is made of secrets.
pub struct Keyring {
    brand: Brand,
    entries: Vec<Entry>,
    current: u8,
}

impl Keyring {
    /// Reads `ROOT_KEYS`.
    ///
    /// # Errors
    /// What is wrong with it, without any of its text.
    pub fn parse(brand: Brand, text: &str) -> Result<Self, KeyringError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Ring {
            current: String,
            keys: BTreeMap<String, Zeroizing<String>>,
        }
        let ring: Ring = json::from_str(text).map_err(|_| KeyringError::Form)?;
        let name_of = |name: &str| match name.as_bytes() {
            [digit] if base62::value(*digit).is_some() => Ok(*digit),
            _ => Err(KeyringError::Name),
        };
        let current = name_of(&ring.current)?;
        let mut entries = Vec::with_capacity(ring.keys.len());
        for (name, key) in &ring.keys {
            let mut root = Zeroizing::new([0; 32]);
            let length = Base64::decode(key.as_bytes(), root.as_mut_slice())
                .map_err(|_| KeyringError::Key)?
                .len();
            if length != 32 {
                return Err(KeyringError::Key);
            }
            entries.push(Entry::derive(name_of(name)?, &root).ok_or(KeyringError::Key)?);
        }
        if !entries.iter().any(|entry| entry.name == current) {
            return Err(KeyringError::Current);
        }
        Ok(Self {
            brand,
            entries,
            current,
        })
    }

    /// The brand of this installation's keys.
    #[must_use]
    pub const fn brand(&self) -> Brand {
        self.brand
    }

    /// The name of the entry that new keys are made under.
    #[must_use]
    pub const fn current_name(&self) -> char {
        self.current as char
    }

    /// The names of all entries.
    pub fn names(&self) -> impl Iterator<Item = char> {
        self.entries.iter().map(|entry| char::from(entry.name))
    }

    fn entry(&self, name: u8) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    fn id_tag(&self, entry: &Entry, environment: Environment, fields: &[u8]) -> u64 {
        let mut mac = entry.id_tag.clone();
        for part in [
            self.brand.as_str().as_bytes(),
            b"_",
            environment.as_str().as_bytes(),
            b"_",
            fields,
        ] {
            mac.update(part);
        }
        let tag: [u8; 32] = mac.finalize().into_bytes().into();
        let mut first = [0; 8];
        for (place, byte) in first.iter_mut().zip(tag) {
            *place = byte;
        }
        u64::from_be_bytes(first)
    }

    /// Whether one of the ring's root keys made this id. A filter that saves
    /// look-ups (a guess passes once in 57 thousand million), not an
    /// authentication.
    #[must_use]
    pub fn made(&self, id: &KeyId) -> bool {
        id.brand == self.brand
            && self.entry(id.public.ring()).is_some_and(|entry| {
                let fields = id.public.tagged();
                PublicKeyId::assemble(fields, self.id_tag(entry, id.environment, fields))
                    == id.public
            })
    }

    /// Reads a presented key: form, checksum, id tag. No look-up.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn read(&self, text: &str) -> Result<PresentedKey, Unreadable> {
        self.read_with(text, |_| false)
    }

    /// The same; the id tag of an id for which `is_held` is true is not computed.
    /// It must be so only of ids that were found genuine before: then there is a
    /// record, and nothing is looked up.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn read_with(
        &self,
        text: &str,
        is_held: impl FnOnce(&PublicKeyId) -> bool,
    ) -> Result<PresentedKey, Unreadable> {
        let id = presented::parse(text).ok_or(Unreadable::Malformed)?;
        if id.brand != self.brand {
            return Err(Unreadable::Malformed);
        }
        if !is_held(&id.public) && !self.made(&id) {
            return Err(Unreadable::Forged);
        }
        let text = SecretText::new(text.as_bytes()).ok_or(Unreadable::Malformed)?;
        Ok(PresentedKey { id, text })
    }

    /// Makes a key under the current entry.
    pub fn mint(
        &self,
        environment: Environment,
        organization: OrganizationTag,
        randomness: &mut dyn Randomness,
    ) -> Option<PresentedKey> {
        let entry = self.entry(self.current)?;
        let mut nonce = [0; 8];
        randomness.fill(&mut nonce);
        let fields = PublicKeyId::fields(entry.name, organization, u64::from_be_bytes(nonce));
        let public = PublicKeyId::assemble(&fields, self.id_tag(entry, environment, &fields));
        let id = KeyId {
            brand: self.brand,
            environment,
            public,
        };
        let mut text = Zeroizing::new(Vec::with_capacity(presented::MAX_LENGTH));
        text.extend_from_slice(id.to_string().as_bytes());
        text.push(b'.');
        draw_digits(presented::SECRET_RANDOM, &mut text, randomness);
        let checksum = presented::checksum(&text);
        text.extend_from_slice(&checksum);
        Some(PresentedKey {
            id,
            text: SecretText::new(&text)?,
        })
    }

    /// The digest to store or compare, under the pepper of the entry that made
    /// the key.
    #[must_use]
    pub fn digest(&self, key: &PresentedKey) -> Option<KeyDigest> {
        let mut mac = self.entry(key.id.public.ring())?.pepper.clone();
        mac.update(key.text.expose().as_bytes());
        Some(KeyDigest::new(mac.finalize().into_bytes().into()))
    }

    /// Seals a value for Workers KV under its name, so that whoever can write KV
    /// cannot make a key: ring entry, 43 characters of HMAC, a dot, the value.
    #[must_use]
    pub fn seal(&self, name: &str, value: &str) -> Option<String> {
        let entry = self.entry(self.current)?;
        let mac = absorb(&entry.kv_seal, name.as_bytes(), value.as_bytes())
            .finalize()
            .into_bytes();
        Some(format!(
            "{}{}.{value}",
            char::from(entry.name),
            Base64UrlUnpadded::encode_string(&mac)
        ))
    }

    /// The value behind a seal, if the seal holds for this name.
    #[must_use]
    pub fn open<'a>(&self, name: &str, sealed: &'a str) -> Option<&'a str> {
        let (seal, value) = sealed.split_once('.')?;
        let (ring, mac) = seal.split_at_checked(1)?;
        let entry = self.entry(*ring.as_bytes().first()?)?;
        let mac = decode_mac(mac)?;
        absorb(&entry.kv_seal, name.as_bytes(), value.as_bytes())
            .verify_slice(&mac)
            .ok()?;
        Some(value)
    }

    /// Whether a value is sealed under the current entry, in whose place it
    /// stays readable when older ones are taken out.
    #[must_use]
    pub fn is_sealed_by_current(&self, sealed: &str) -> bool {
        sealed.as_bytes().first() == Some(&self.current)
    }

    /// Signs a head of an audit chain: `<ring><43 characters>`.
    #[must_use]
    pub fn sign_audit_head(&self, head: &str) -> Option<String> {
        let entry = self.entry(self.current)?;
        let mac = absorb(&entry.audit_head, b"audit", head.as_bytes())
            .finalize()
            .into_bytes();
        Some(format!(
            "{}{}",
            char::from(entry.name),
            Base64UrlUnpadded::encode_string(&mac)
        ))
    }

    /// Whether a head's signature is one of this ring's.
    #[must_use]
    pub fn verifies_audit_head(&self, head: &str, signature: &str) -> bool {
        let verified = || {
            let (ring, mac) = signature.split_at_checked(1)?;
            let entry = self.entry(*ring.as_bytes().first()?)?;
            absorb(&entry.audit_head, b"audit", head.as_bytes())
                .verify_slice(&decode_mac(mac)?)
                .ok()
        };
        verified().is_some()
    }

    /// HMAC under the key for sessions of the entry of this name.
    pub(super) fn session_bytes(
        &self,
        entry: char,
        purpose: &str,
        token: &str,
    ) -> Option<[u8; 32]> {
        let entry = self.entry(u8::try_from(entry).ok()?)?;
        let mac = absorb(&entry.session, purpose.as_bytes(), token.as_bytes());
        Some(mac.finalize().into_bytes().into())
    }
}

fn decode_mac(text: &str) -> Option<[u8; 32]> {
    let mut mac = [0; 32];
    let read = Base64UrlUnpadded::decode(text.as_bytes(), &mut mac).ok()?;
    (read.len() == 32).then_some(mac)
}

/// Appends `count` digits, each as likely as any other: bytes from 248 (= 4 × 62)
/// on are drawn again, since keeping them would favour the first digits.
fn draw_digits(count: usize, text: &mut Vec<u8>, randomness: &mut dyn Randomness) {
    let mut drawn = 0;
    while drawn < count {
        let mut bytes = Zeroizing::new([0; 64]);
        randomness.fill(bytes.as_mut_slice());
        for &byte in bytes.iter().filter(|&&byte| byte < 248) {
            if drawn == count {
                break;
            }
            if let Some(&digit) = base62::DIGITS.get(usize::from(byte % 62)) {
                text.push(digit);
                drawn += 1;
            }
        }
    }
}

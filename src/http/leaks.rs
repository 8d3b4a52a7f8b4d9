//! `POST /leaks/github`: the messages of GitHub's secret scanning partner
//! programme. Who signed a report, what it says, and the answer to it.
//!
//! The signature is ECDSA over P-256 with SHA-256, of the exact bytes of the
//! body. Here it is only put into the form that WebCrypto takes.

use base64ct::{Base64, Encoding as _};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::answer::Answer;
use super::problem::Problem;
use crate::json;

/// Which of GitHub's keys signed the report.
pub const KEY_IDENTIFIER: &str = "github-public-key-identifier";
/// The signature: base64 of DER.
pub const SIGNATURE: &str = "github-public-key-signature";
/// Where GitHub publishes its keys.
pub const PUBLIC_KEYS: &str = "https://api.github.com/meta/public_keys/secret_scanning";
/// Longest report, in bytes.
pub const REPORT_LIMIT: usize = 1 << 20;

/// A public key that signs reports.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SigningKey {
    /// Its name in [`KEY_IDENTIFIER`].
    pub identifier: String,
    /// `SubjectPublicKeyInfo` in DER (RFC 5280 section 4.1).
    pub spki: Vec<u8>,
}

impl SigningKey {
    /// Reads [`PUBLIC_KEYS`]'s answer; `None` where it has another form or none
    /// of its keys can be read.
    #[must_use]
    pub fn read_all(text: &str) -> Option<Vec<Self>> {
        let published: Value = json::from_str(text).ok()?;
        let keys: Vec<Self> = published
            .get("public_keys")?
            .as_array()?
            .iter()
            .filter_map(|key| {
                Some(Self {
                    identifier: key.get("key_identifier")?.as_str()?.to_owned(),
                    spki: spki_of(key.get("key")?.as_str()?)?,
                })
            })
            .collect();
        (!keys.is_empty()).then_some(keys)
    }
}

/// The DER in a PEM text (RFC 7468 section 13).
fn spki_of(pem: &str) -> Option<Vec<u8>> {
    let body = pem
        .trim()
        .strip_prefix("-----BEGIN PUBLIC KEY-----")?
        .strip_suffix("-----END PUBLIC KEY-----")?;
    let base64: String = body.split_ascii_whitespace().collect();
    Base64::decode_vec(&base64).ok()
}

/// A signature as WebCrypto takes it, both numbers in 32 bytes each, from base64
/// of its DER form (RFC 3279 section 2.2.3). `None` where it has another form.
#[must_use]
pub fn signature(text: &str) -> Option<[u8; 64]> {
    let der = Base64::decode_vec(text).ok()?;
    let (numbers, rest) = element(&der, 0x30)?;
    let (r, numbers) = element(numbers, 0x02)?;
    let (s, numbers) = element(numbers, 0x02)?;
    if !(rest.is_empty() && numbers.is_empty()) {
        return None;
    }
    let mut signature = [0; 64];
    let (first, second) = signature.split_at_mut(32);
    number(r, first)?;
    number(s, second)?;
    Some(signature)
}

/// The content of the first element, if its tag is this one, and what follows.
/// Lengths here are below 128: one byte.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, length], rest) = der.split_first_chunk()?;
    (found == tag && length < 0x80)
        .then(|| rest.split_at_checked(length.into()))
        .flatten()
}

/// Writes a positive INTEGER's bytes to the end of `place`.
fn number(mut bytes: &[u8], place: &mut [u8]) -> Option<()> {
    if bytes.first()? & 0x80 != 0 {
        return None;
    }
    while let [0, rest @ ..] = bytes {
        bytes = rest;
    }
    let from = place.len().checked_sub(bytes.len())?;
    place.get_mut(from..)?.copy_from_slice(bytes);
    Some(())
}

/// One match of a report. GitHub may tell more of it.
pub struct Found {
    /// What was found.
    pub token: Zeroizing<String>,
    /// The name that GitHub has for our keys' form.
    pub kind: String,
    /// Where it was found; may be empty.
    pub url: String,
}

impl Found {
    fn read(mut value: Value) -> Option<Self> {
        let mut text = |name: &str| match value.get_mut(name)?.take() {
            Value::String(text) => Some(text),
            _ => None,
        };
        Some(Self {
            token: Zeroizing::new(text("token")?),
            kind: text("type")?,
            url: text("url").unwrap_or_default(),
        })
    }
}

/// Reads a report.
///
/// # Errors
/// `invalid_request`.
pub fn report(body: &[u8]) -> Result<Vec<Found>, Problem> {
    let read = || match json::from_slice(body).ok()? {
        Value::Array(matches) => matches.into_iter().map(Found::read).collect(),
        _ => None,
    };
    read().ok_or_else(|| {
        Problem::invalid(
            "",
            "A report is a list of matches with `token`, `type` and `url`.",
        )
    })
}

/// The answer: for each match whether it was a key of ours. It names a match by
/// its SHA-256, not by itself.
#[must_use]
pub fn feedback(judged: &[(Found, bool)]) -> Answer {
    let items: Vec<_> = judged
        .iter()
        .map(|(found, is_ours)| {
            serde_json::json!({
                "token_hash": base16ct::lower::encode_string(&Sha256::digest(found.token.as_bytes())),
                "token_type": found.kind,
                "label": if *is_ours { "true_positive" } else { "false_positive" },
            })
        })
        .collect();
    Answer::json(200, &items).with("cache-control", "no-store")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoded(der: &[u8]) -> String {
        Base64::encode_string(der)
    }

    fn integer(bytes: &[u8]) -> Vec<u8> {
        let mut der = vec![0x02, u8::try_from(bytes.len()).unwrap()];
        der.extend(bytes);
        der
    }

    fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
        let content = parts.concat();
        let mut der = vec![0x30, u8::try_from(content.len()).unwrap()];
        der.extend(content);
        der
    }

    /// A signature that GitHub shows in its documentation.
    #[test]
    fn a_signature_is_two_numbers_of_32_bytes() {
        let shown = "MEUCIQDKZokqnCjrRtw0tni+2Ltvl/uiMJ1EGumEsp1BsNr32AIgQY1YXD2nlj+XNfGK4rBfkMJ1JDOQcYXxa2sY8FNkrKc=";
        let read = signature(shown).unwrap();
        assert_eq!(read[..4], [0xca, 0x66, 0x89, 0x2a]);
        assert_eq!(read[32..36], [0x41, 0x8d, 0x58, 0x5c]);
        let short = sequence(&[integer(&[1]), integer(&[0, 0xff])]);
        let read = signature(&encoded(&short)).unwrap();
        assert_eq!((read[30], read[31], read[62], read[63]), (0, 1, 0, 0xff));
    }

    #[test]
    fn another_form_is_no_signature() {
        let one = integer(&[1]);
        let long: Vec<u8> = std::iter::once(0).chain([1; 33]).collect();
        for der in [
            vec![],
            vec![0x30, 0],
            sequence(std::slice::from_ref(&one)),
            sequence(&[one.clone(), one.clone(), one.clone()]),
            sequence(&[one.clone(), integer(&[0x80])]),
            sequence(&[one.clone(), integer(&[])]),
            sequence(&[one.clone(), integer(&long)]),
            [sequence(&[one.clone(), one.clone()]), vec![0]].concat(),
            vec![0x31, 6, 2, 1, 1, 2, 1, 1],
            vec![0x30, 0x81, 6, 2, 1, 1, 2, 1, 1],
            vec![0x30, 7, 2, 1, 1, 2, 1, 1],
        ] {
            assert_eq!(signature(&encoded(&der)), None, "{der:?}");
        }
        assert_eq!(signature("not base64"), None);
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(bytes: Vec<u8>) {
            let _ = signature(&encoded(&bytes));
        }
    }

    #[test]
    fn keys_are_read_as_github_publishes_them() {
        let text = r#"{"public_keys":[
            {"key_identifier":"a1","key":"-----BEGIN PUBLIC KEY-----\nAQID\nBA==\n-----END PUBLIC KEY-----\n","is_current":true},
            {"key_identifier":"b2","key":"no key","is_current":false}]}"#;
        let keys = SigningKey::read_all(text).unwrap();
        assert_eq!(keys.len(), 1);
        assert_eq!(keys[0].identifier, "a1");
        assert_eq!(keys[0].spki, [1, 2, 3, 4]);
        for bad in [
            "",
            "{}",
            r#"{"public_keys":[]}"#,
            r#"{"message":"rate limited"}"#,
        ] {
            assert!(SigningKey::read_all(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn the_answer_holds_no_token() {
        let found = report(
            br#"[{"token":"kat_live_x.y","type":"t","url":"u","source":"content"},{"token":"b","type":"t"}]"#,
        )
        .unwrap();
        let judged: Vec<_> = found.into_iter().zip([true, false]).collect();
        let answer = feedback(&judged);
        let super::super::answer::Body::Text(_, text) = answer.body else {
            panic!("no body")
        };
        assert!(!text.contains("kat_live_x"), "{text}");
        assert_eq!(
            text,
            format!(
                r#"[{{"label":"true_positive","token_hash":"{}","token_type":"t"}},{{"label":"false_positive","token_hash":"3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d","token_type":"t"}}]"#,
                base16ct::lower::encode_string(&Sha256::digest(b"kat_live_x.y"))
            )
        );
        assert!(report(br#"{"token":"x"}"#).is_err());
    }
}

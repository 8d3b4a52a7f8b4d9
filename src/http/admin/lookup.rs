//! `POST /admin/v1/keys/lookup`: whose a key is.

use serde::Deserialize;
use zeroize::Zeroizing;

use super::body::{RequestBody, parse_body};
use crate::http::problem::{Code, Problem};
use crate::key::{KeyId, Keyring, PresentedKey, Unreadable};

/// What it takes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lookup {
    key: Zeroizing<String>,
}

impl RequestBody for Lookup {
    const REQUIRED: &'static [&'static str] = &["key"];
}

/// What is looked up. Its id was made here, so that a registry may be asked.
pub enum LookedUp {
    /// A key id.
    Id(KeyId),
    /// A whole key, whose secret is not proven yet.
    Key(PresentedKey),
}

impl LookedUp {
    /// Reads the body. No problem quotes it: it may hold a secret.
    ///
    /// # Errors
    /// `invalid_request` for what is neither a key nor a key id, `not_found` for an id
    /// that was not made here.
    pub fn read(body: &[u8], keyring: &Keyring) -> Result<Self, Problem> {
        let shown: Lookup = parse_body(body)?;
        let text = shown.key.trim();
        if text.contains('.') {
            return match keyring.read(text) {
                Ok(key) => Ok(Self::Key(key)),
                Err(Unreadable::Malformed) => Err(Problem::invalid(
                    "key",
                    "`key` is not a whole key: a character is wrong or missing. The key id, the part before the dot, is enough.",
                )),
                Err(Unreadable::Forged) => Err(not_made_here()),
            };
        }
        let id = KeyId::parse(text).ok_or_else(|| {
            Problem::invalid(
                "key",
                "`key` must be a key id, such as `kat_live_…`, or a whole key.",
            )
        })?;
        if keyring.made(&id) {
            Ok(Self::Id(id))
        } else {
            Err(not_made_here())
        }
    }

    /// The key id.
    #[must_use]
    pub const fn id(&self) -> &KeyId {
        match self {
            Self::Id(id) => id,
            Self::Key(key) => key.id(),
        }
    }
}

fn not_made_here() -> Problem {
    Problem::from(Code::NotFound)
        .because("This service never made a key with this id: check it for typing errors.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{Brand, Environment, OrganizationId};
    use crate::random::Seeded;

    const ROOT_KEYS: &str =
        r#"{"current":"1","keys":{"1":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}}"#;
    const OTHERS: &str =
        r#"{"current":"1","keys":{"1":"ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="}}"#;

    fn keyring(text: &str) -> Keyring {
        Keyring::parse(Brand::KATALO, text).unwrap()
    }

    fn looked_up(text: &str) -> Result<LookedUp, Problem> {
        let body = serde_json::json!({ "key": text }).to_string();
        LookedUp::read(body.as_bytes(), &keyring(ROOT_KEYS))
    }

    fn minted(text: &str) -> (String, String) {
        let tag = OrganizationId::parse("acme").unwrap().tag();
        let key = keyring(text)
            .mint(Environment::Live, tag, &mut Seeded(1))
            .unwrap();
        (key.id().to_string(), key.into_text().expose().to_owned())
    }

    #[test]
    fn an_id_or_a_whole_key_leads_to_the_id() {
        let (id, whole) = minted(ROOT_KEYS);
        assert!(matches!(looked_up(&id).unwrap(), LookedUp::Id(_)));
        assert!(matches!(looked_up(&whole).unwrap(), LookedUp::Key(_)));
        for text in [id.clone(), whole.clone(), format!(" {whole}\n")] {
            assert_eq!(looked_up(&text).unwrap().id().to_string(), id);
        }
    }

    #[test]
    fn what_was_not_made_here_asks_nobody() {
        let (id, whole) = minted(OTHERS);
        for text in [id, whole] {
            assert_eq!(looked_up(&text).err().unwrap().code, Code::NotFound);
        }
    }

    #[test]
    fn no_problem_quotes_what_was_sent() {
        let (id, whole) = minted(ROOT_KEYS);
        let (_, secret) = whole.split_once('.').unwrap();
        let cut = &whole[..whole.len() - 1];
        for text in [cut, secret, &format!("{id}."), "nonsense", ""] {
            let problem = looked_up(text).err().unwrap();
            assert_eq!(problem.code, Code::InvalidRequest, "{text}");
            assert_eq!(problem.field.as_deref(), Some("key"));
            let detail = problem.detail.unwrap();
            assert!(!detail.contains(&secret[..8]), "{detail}");
        }
    }
}

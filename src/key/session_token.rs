//! Tokens of dashboard sessions: 48 random hexadecimal digits (192 bits), and 16
//! of a tag, a truncated HMAC over those before it. A made-up token is thus
//! refused without a look-up, as a made-up key id is; whether there is such a
//! session, its registry says.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::keyring::Keyring;
use crate::random::Randomness;

/// Digits of a token.
const LENGTH: usize = 64;
/// How many of them are random.
const RANDOM: usize = 48;

impl Keyring {
    /// A new token, under the current entry.
    pub fn session_token(&self, randomness: &mut dyn Randomness) -> Option<Zeroizing<String>> {
        let mut bytes = Zeroizing::new([0; RANDOM / 2]);
        randomness.fill(bytes.as_mut_slice());
        let mut token = Zeroizing::new(String::with_capacity(LENGTH));
        token.push_str(&Zeroizing::new(base16ct::lower::encode_string(
            bytes.as_slice(),
        )));
        let tag = self.session_tag(self.current_name(), &token)?;
        token.push_str(&tag);
        Some(token)
    }

    /// Whether one of the ring's root keys made this token: a filter that saves
    /// look-ups (a guess passes once in 2⁶⁴), not an authentication.
    #[must_use]
    pub fn made_session(&self, token: &str) -> bool {
        let Some((random, tag)) = token.split_at_checked(RANDOM) else {
            return false;
        };
        self.names().any(|entry| {
            self.session_tag(entry, random)
                .is_some_and(|made| made.as_bytes().ct_eq(tag.as_bytes()).into())
        })
    }

    fn session_tag(&self, entry: char, random: &str) -> Option<String> {
        let mac = self.session_bytes(entry, "tag", random)?;
        mac.first_chunk::<{ (LENGTH - RANDOM) / 2 }>()
            .map(|tag| base16ct::lower::encode_string(tag))
    }

    /// What is stored of a session's token, or derived from it (the CSRF token),
    /// under the entry of this name: new sessions under the current one, and a
    /// removed one ends its sessions.
    #[must_use]
    pub fn session_mac(&self, entry: char, purpose: &str, token: &str) -> Option<String> {
        let mac = self.session_bytes(entry, purpose, token)?;
        Some(Base64UrlUnpadded::encode_string(&mac))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Brand;
    use crate::random::Seeded;

    const OLD: &str = r#""1":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=""#;
    const NEW: &str = r#""2":"ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=""#;

    fn ring(current: &str, entries: &str) -> Keyring {
        let text = format!(r#"{{"current":"{current}","keys":{{{entries}}}}}"#);
        Keyring::parse(Brand::KATALO, &text).unwrap()
    }

    #[test]
    fn a_made_up_token_is_told_whatever_its_digits() {
        let ring = ring("1", OLD);
        let token = ring.session_token(&mut Seeded(1)).unwrap();
        assert_eq!(token.len(), LENGTH);
        assert!(ring.made_session(&token));
        for at in 0..LENGTH {
            let other = if token.as_bytes()[at] == b'0' {
                "1"
            } else {
                "0"
            };
            let mut changed = token.to_string();
            changed.replace_range(at..=at, other);
            assert!(!ring.made_session(&changed), "{at}");
        }
        for bad in [
            "",
            "a",
            &token[..63],
            &token[..48],
            &format!("{}0", *token),
            &"æ".repeat(32),
        ] {
            assert!(!ring.made_session(bad), "{bad}");
        }
        // No output of another purpose is a tag.
        let (random, _) = token.split_at(RANDOM);
        assert_ne!(
            ring.session_mac('1', "csrf", random),
            ring.session_mac('1', "tag", random)
        );
    }

    #[test]
    fn a_token_is_genuine_while_its_entry_is_in_the_ring() {
        let both = format!("{OLD},{NEW}");
        let old = ring("1", OLD).session_token(&mut Seeded(1)).unwrap();
        let new = ring("2", &both).session_token(&mut Seeded(2)).unwrap();
        assert!(ring("2", &both).made_session(&old) && ring("2", &both).made_session(&new));
        assert!(!ring("2", NEW).made_session(&old) && ring("2", NEW).made_session(&new));
    }
}

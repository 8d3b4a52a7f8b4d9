//! The token of a dashboard session.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// What the dashboard's cookie carries: 64 hexadecimal digits, of which the last
/// 16 are a tag ([`Keyring::made_session`](crate::key::Keyring::made_session)).
/// The registry keeps a MAC of it. No `Debug` of its digits, wiped on drop.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SessionToken(Zeroizing<String>);

impl SessionToken {
    /// The digits, for the one cookie that carries them and for their MAC.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken(…)")
    }
}

impl TryFrom<String> for SessionToken {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let text = Zeroizing::new(text);
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() == 64 && text.bytes().all(is_digit) {
            Ok(Self(text))
        } else {
            Err("not a session token")
        }
    }
}

impl From<SessionToken> for String {
    fn from(token: SessionToken) -> Self {
        token.0.as_str().to_owned()
    }
}

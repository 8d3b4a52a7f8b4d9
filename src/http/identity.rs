//! Who is calling, told to the API behind: the headers we set, and those that
//! never pass.

/// The identity headers, in lower case. Every granted answer carries all of
/// them: a proxy that copies those it finds would else let a client's own
/// through (CVE-2026-30851). The assertion is empty where none is made.
pub const IDENTITY: [&str; 5] = [
    "katalo-organization",
    "katalo-key-id",
    "katalo-environment",
    "katalo-scopes",
    "katalo-assertion",
];

/// The values of [`IDENTITY`] but for the assertion, in its order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// The organization's id.
    pub organization: String,
    /// `kat_live_<publicKeyId>`.
    pub key_id: String,
    /// `live`, `test` or `admin`.
    pub environment: &'static str,
    /// With single spaces between.
    pub scopes: String,
}

impl Identity {
    /// Names and values, with the assertion made of them.
    #[must_use]
    pub fn headers(self, assertion: Option<String>) -> [(&'static str, String); 5] {
        let [organization, key_id, environment, scopes, signed] = IDENTITY;
        [
            (organization, self.organization),
            (key_id, self.key_id),
            (environment, self.environment.to_owned()),
            (scopes, self.scopes),
            (signed, assertion.unwrap_or_default()),
        ]
    }
}

/// Whether `name` belongs to us, in any spelling: CGI and WSGI make
/// `Katalo_Key_Id` and `Katalo-Key-Id` the same variable.
fn is_ours(name: &str) -> bool {
    name.get(..6)
        .is_some_and(|start| start.eq_ignore_ascii_case("katalo"))
        && matches!(name.as_bytes().get(6), Some(b'-' | b'_'))
}

fn is_one_of(name: &str, names: &[&str]) -> bool {
    names.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// Whether a client's header stays behind: the key itself, our own names,
/// headers that would change the method behind the check, and those that hold
/// for one connection only (RFC 9110 section 7.6.1). What `Connection` names is
/// dropped by the caller.
#[must_use]
pub fn is_stripped_from_request(name: &str) -> bool {
    is_ours(name)
        || is_one_of(name, HOP_BY_HOP)
        || is_one_of(
            name,
            &[
                "authorization",
                "x-http-method",
                "x-http-method-override",
                "x-method-override",
                "x-original-url",
                "x-rewrite-url",
            ],
        )
}

/// Whether an upstream's header stays behind: what would open the API to
/// browsers, what claims to come from us, and what holds for one connection.
#[must_use]
pub fn is_stripped_from_response(name: &str) -> bool {
    is_ours(name)
        || name
            .get(..15)
            .is_some_and(|start| start.eq_ignore_ascii_case("access-control-"))
        || is_one_of(name, HOP_BY_HOP)
        || is_one_of(name, &["set-cookie", "set-cookie2"])
}

const HOP_BY_HOP: &[&str] = &[
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_spelling_gets_through() {
        for name in [
            "Katalo-Key-Id",
            "katalo_key_id",
            "KATALO-ANYTHING",
            "Katalo-",
            "Authorization",
            "X-HTTP-Method-Override",
            "TE",
        ] {
            assert!(is_stripped_from_request(name), "{name}");
        }
        for name in [
            "Katalogue",
            "Content-Type",
            "Accept",
            "X-Request-Id",
            "Cookie",
        ] {
            assert!(!is_stripped_from_request(name), "{name}");
        }
        for name in [
            "Access-Control-Allow-Origin",
            "set-cookie",
            "Katalo-Decision",
            "Connection",
        ] {
            assert!(is_stripped_from_response(name), "{name}");
        }
        assert!(!is_stripped_from_response("etag"));
    }
}

//! Problem documents (RFC 9457) and the challenges that go with them
//! (RFC 9110 section 11.6.1, RFC 6750 section 3).

use super::answer::{Answer, Body, PROBLEM};
use crate::verify::Denial;

/// One kind of problem. Its page is `/problems/<code>`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Code {
    /// No bearer token.
    MissingCredentials,
    /// Not of the form, or the checksum is wrong.
    MalformedKey,
    /// Forged, unknown, or wrong secret.
    InvalidKey,
    /// Revoked for ever.
    RevokedKey,
    /// Past its end.
    ExpiredKey,
    /// Paused.
    DisabledKey,
    /// The organization is switched off.
    ApiAccessDisabled,
    /// The key lacks the route's scope.
    InsufficientScope,
    /// The key is for other routes.
    WrongEnvironment,
    /// The key is tied to other networks.
    AddressNotAllowed,
    /// A browser sent it.
    BrowserCallRefused,
    /// No keys are issued while API access is off.
    IssuingDisabled,
    /// This key cannot be rotated.
    NotRotatable,
    /// Revocation is final.
    AlreadyRevoked,
    /// The bootstrap token was used.
    AlreadyBootstrapped,
    /// The change would leave no usable administrator.
    LastAdmin,
    /// Another organization has the same tag.
    OrganizationIdTaken,
    /// The request was done before; its secret is gone.
    SecretAlreadyShown,
    /// The request is wrong; `detail` says where.
    InvalidRequest,
    /// There is no such thing.
    NotFound,
    /// The thing does not do that.
    MethodNotAllowed,
    /// The object changed meanwhile.
    RevisionMismatch,
    /// More than 64 KiB.
    BodyTooLarge,
    /// Not JSON.
    UnsupportedMediaType,
    /// One idempotency key, two requests.
    IdempotencyKeyReused,
    /// Too many.
    RateLimited,
    /// Nobody could prove how the key stands.
    FreshnessUnavailable,
    /// The registry did not answer.
    RegistryUnavailable,
    /// The upstream did not answer properly.
    UpstreamUnavailable,
    /// The upstream took too long.
    UpstreamTimeout,
    /// A report is not signed by whom it names.
    InvalidSignature,
    /// Our own fault.
    InternalError,
}

/// Code, status, title, and what a person does next.
type Entry = (Code, &'static str, u16, &'static str, &'static str);

#[rustfmt::skip]
const TABLE: [Entry; 32] = [
    (Code::MissingCredentials, "missing_credentials", 401, "No API key was sent",
     "Send the key in the header `Authorization: Bearer <key>`."),
    (Code::MalformedKey, "malformed_key", 401, "This is not an API key",
     "Send the whole key exactly as it was shown when it was issued, in one `Authorization` header."),
    (Code::InvalidKey, "invalid_key", 401, "The API key is not valid",
     "Check that the key belongs to this service; if its secret was lost, have a new key issued."),
    (Code::RevokedKey, "revoked_key", 401, "The API key was revoked",
     "Revocation is final: ask your administrator for a new key."),
    (Code::ExpiredKey, "expired_key", 401, "The API key has expired",
     "Use the key that replaced it, or ask your administrator for a new one."),
    (Code::DisabledKey, "disabled_key", 401, "The API key is disabled",
     "Ask your administrator to enable it again."),
    (Code::ApiAccessDisabled, "api_access_disabled", 403, "API access is off for this organization",
     "An administrator can enable API access for the organization."),
    (Code::InsufficientScope, "insufficient_scope", 403, "The API key lacks the required scope",
     "Ask your administrator to add the scope to the key, or use a key that has it."),
    (Code::WrongEnvironment, "wrong_environment", 403, "The API key is for another environment",
     "Client routes take `live` keys (and `test` keys where an API for them is set up); admin routes take `admin` keys."),
    (Code::AddressNotAllowed, "address_not_allowed", 403, "The API key may not be used from this address",
     "Call from one of the networks the key is tied to, or have an administrator change them."),
    (Code::BrowserCallRefused, "browser_call_refused", 403, "API keys do not belong in a browser",
     "Call from a server. If this key was in a web page, treat it as leaked and rotate it."),
    (Code::IssuingDisabled, "issuing_disabled", 409, "No keys are issued while API access is off",
     "Enable API access for the organization first."),
    (Code::NotRotatable, "not_rotatable", 409, "This key cannot be rotated",
     "A key that is revoked, expired, disabled or already replaced has no successor: issue a new key."),
    (Code::AlreadyRevoked, "already_revoked", 409, "The key was revoked, which is final",
     "Issue a new key."),
    (Code::AlreadyBootstrapped, "already_bootstrapped", 409, "This bootstrap token was used",
     "Sign in with an admin key; if none is left, the operator sets a new BOOTSTRAP_TOKEN."),
    (Code::LastAdmin, "last_admin", 409, "No administrator would be left",
     "First issue another admin key with `admins:write` that does not expire and is not tied."),
    (Code::OrganizationIdTaken, "organization_id_taken", 409, "This organization id cannot be used",
     "Another organization has the same tag: choose another id."),
    (Code::SecretAlreadyShown, "secret_already_shown", 409, "This request was done before",
     "The secret was in the first answer and is not stored. If it was lost, rotate the key."),
    (Code::InvalidRequest, "invalid_request", 400, "The request is not valid",
     "Correct the request and send it again."),
    (Code::NotFound, "not_found", 404, "Not found",
     "Check the address and the ids in it."),
    (Code::MethodNotAllowed, "method_not_allowed", 405, "This address does not take that method",
     "Use one of the methods in the `Allow` header."),
    (Code::RevisionMismatch, "revision_mismatch", 412, "The object changed meanwhile",
     "Read it again and repeat the change with its new revision in `If-Match`."),
    (Code::BodyTooLarge, "body_too_large", 413, "The body is too large",
     "Admin and OAuth requests carry at most 64 KiB."),
    (Code::UnsupportedMediaType, "unsupported_media_type", 415, "Unsupported media type",
     "Send `Content-Type: application/json`."),
    (Code::IdempotencyKeyReused, "idempotency_key_reused", 422, "This Idempotency-Key was used for another request",
     "Use a new Idempotency-Key for a new request."),
    (Code::RateLimited, "rate_limited", 429, "Too many requests",
     "Wait as long as `Retry-After` says."),
    (Code::FreshnessUnavailable, "freshness_unavailable", 503, "The key's status cannot be verified right now",
     "The key was not judged. Try again after `Retry-After` seconds."),
    (Code::RegistryUnavailable, "registry_unavailable", 503, "The registry does not answer right now",
     "Try again after `Retry-After` seconds."),
    (Code::UpstreamUnavailable, "upstream_unavailable", 502, "The API behind the gateway does not answer",
     "The key was accepted; the fault is behind it. Try again later."),
    (Code::UpstreamTimeout, "upstream_timeout", 504, "The API behind the gateway took too long",
     "The key was accepted; the request may or may not have been done."),
    (Code::InvalidSignature, "invalid_signature", 403, "The report is not signed by GitHub",
     "Sign the exact bytes of the body with the key that `Github-Public-Key-Identifier` names."),
    (Code::InternalError, "internal_error", 500, "Something went wrong on our side",
     "Try again; report the request id if it stays."),
];

impl Code {
    fn entry(self) -> &'static Entry {
        // The table is in the order of the variants; a test holds it there.
        TABLE.get(self as usize).unwrap_or(&TABLE[31])
    }

    /// As it stands in `code` and in the page's address.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.entry().1
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(self) -> u16 {
        self.entry().2
    }

    /// One line for people.
    #[must_use]
    pub fn title(self) -> &'static str {
        self.entry().3
    }

    /// What to do next, in general.
    #[must_use]
    pub fn advice(self) -> &'static str {
        self.entry().4
    }

    /// Every code, in the order of the contract.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|entry| entry.0)
    }

    /// Whether a refusal is worth a line in the log: one of a key whose secret
    /// proved, or a fault of ours or of what is behind. Strangers get the others
    /// as often as they like.
    #[must_use]
    pub const fn is_notable(self) -> bool {
        match self {
            Self::RevokedKey
            | Self::ExpiredKey
            | Self::DisabledKey
            | Self::ApiAccessDisabled
            | Self::InsufficientScope
            | Self::WrongEnvironment
            | Self::AddressNotAllowed
            | Self::LastAdmin
            | Self::FreshnessUnavailable
            | Self::RegistryUnavailable
            | Self::UpstreamUnavailable
            | Self::UpstreamTimeout
            | Self::InternalError => true,
            Self::MissingCredentials
            | Self::MalformedKey
            | Self::InvalidKey
            | Self::BrowserCallRefused
            | Self::IssuingDisabled
            | Self::NotRotatable
            | Self::AlreadyRevoked
            | Self::AlreadyBootstrapped
            | Self::OrganizationIdTaken
            | Self::SecretAlreadyShown
            | Self::InvalidRequest
            | Self::NotFound
            | Self::MethodNotAllowed
            | Self::RevisionMismatch
            | Self::BodyTooLarge
            | Self::UnsupportedMediaType
            | Self::IdempotencyKeyReused
            | Self::RateLimited
            | Self::InvalidSignature => false,
        }
    }

    /// Reads `as_str` back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::all().find(|code| code.as_str() == text)
    }
}

/// A problem on its way out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// Its kind.
    pub code: Code,
    /// The status where it is not the code's own: proxies know 401 and 403 alone.
    pub status: Option<u16>,
    /// What is wrong here and what to do; the code's advice where not said.
    pub detail: Option<String>,
    /// The dotted path of the wrong field, for `invalid_request`.
    pub field: Option<String>,
    /// The scope that was missing, for `insufficient_scope`.
    pub scope: Option<String>,
    /// The methods there are, for `method_not_allowed`.
    pub allow: Option<String>,
    /// Seconds to wait, for 429 and 503.
    pub retry_after: Option<u64>,
    /// Further members of the document (RFC 9457 section 3.2), such as the key
    /// object of `secret_already_shown`.
    pub extension: Option<(&'static str, serde_json::Value)>,
    /// The caller tried HTTP Basic, and is challenged by the same scheme.
    pub is_basic: bool,
    /// The caller proved no secret, whatever the code says of others.
    pub is_unproven: bool,
}

/// All that sets a problem without words of its own apart from another.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ProblemKind {
    code: Code,
    status: Option<u16>,
    retry_after: Option<u64>,
    is_basic: bool,
}

impl From<Code> for Problem {
    fn from(code: Code) -> Self {
        let retry_after = matches!(code.status(), 429 | 503).then_some(1);
        Self {
            code,
            status: None,
            detail: None,
            field: None,
            scope: None,
            allow: None,
            retry_after,
            extension: None,
            is_basic: false,
            is_unproven: false,
        }
    }
}

impl From<&Denial> for Problem {
    fn from(denial: &Denial) -> Self {
        let code = match denial {
            Denial::MissingCredentials => Code::MissingCredentials,
            Denial::MalformedKey => Code::MalformedKey,
            Denial::InvalidKey => Code::InvalidKey,
            Denial::RevokedKey => Code::RevokedKey,
            Denial::ExpiredKey => Code::ExpiredKey,
            Denial::DisabledKey => Code::DisabledKey,
            Denial::ApiAccessDisabled => Code::ApiAccessDisabled,
            Denial::InsufficientScope(_) | Denial::RestrictedKey(_) => Code::InsufficientScope,
            Denial::WrongEnvironment | Denial::TestKey => Code::WrongEnvironment,
            Denial::AddressNotAllowed => Code::AddressNotAllowed,
            Denial::BrowserCallRefused => Code::BrowserCallRefused,
        };
        let mut problem = Self::from(code);
        if let Denial::InsufficientScope(scope) = denial {
            problem.detail = Some(format!(
                "This route needs the scope `{scope}`, which the key does not have. {}",
                code.advice()
            ));
            problem.scope = Some(scope.clone());
        }
        if *denial == Denial::TestKey {
            problem.detail =
                Some("No API for `test` keys is set up here: use a `live` key.".to_owned());
        }
        if let Denial::RestrictedKey(scope) = denial {
            problem.detail = Some(format!(
                "This key leaked, and is held to a few scopes: `{scope}` is not among them. Ask your administrator for a new key."
            ));
            problem.scope = Some(scope.clone());
            problem.extension = Some(("restriction", "leak".into()));
        }
        problem
    }
}

/// A JSON object in the making. Refusals are the one thing that strangers make a
/// Worker do, so that theirs is put together by hand.
struct Document(String);

impl Document {
    /// A member whose value is text.
    fn text(&mut self, name: &str, value: &str) {
        let plain = |byte: &u8| !matches!(byte, 0..0x20 | b'"' | b'\\');
        if value.as_bytes().iter().all(plain) {
            self.name(name);
            self.0.extend(["\"", value, "\""]);
        } else {
            self.raw(name, &serde_json::Value::from(value).to_string());
        }
    }

    /// A member whose value is JSON already.
    fn raw(&mut self, name: &str, json: &str) {
        self.name(name);
        self.0.push_str(json);
    }

    fn name(&mut self, name: &str) {
        let before = if self.0.is_empty() { "{\"" } else { ",\"" };
        self.0.extend([before, name, "\":"]);
    }

    fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

impl Problem {
    /// A wrong field of a request, or a wrong request where `field` is empty.
    #[must_use]
    pub fn invalid(field: &str, detail: impl Into<String>) -> Self {
        Self {
            detail: Some(detail.into()),
            field: (!field.is_empty()).then(|| field.to_owned()),
            ..Self::from(Code::InvalidRequest)
        }
    }

    /// The same problem with its own words.
    #[must_use]
    pub fn because(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// A method that the address does not take.
    #[must_use]
    pub fn method_not_allowed(allow: impl Into<String>) -> Self {
        Self {
            allow: Some(allow.into()),
            ..Self::from(Code::MethodNotAllowed)
        }
    }

    /// Whether it is worth a line in the log.
    #[must_use]
    pub const fn is_notable(&self) -> bool {
        !self.is_unproven && self.code.is_notable()
    }

    /// The status that it is answered with.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status.unwrap_or_else(|| self.code.status())
    }

    /// Two problems of one kind are answered alike but for the request's id, which
    /// is the document's last member. `None` where it has words of its own.
    #[must_use]
    pub const fn kind(&self) -> Option<ProblemKind> {
        let is_plain = self.detail.is_none()
            && self.field.is_none()
            && self.scope.is_none()
            && self.allow.is_none()
            && self.extension.is_none();
        if is_plain {
            Some(ProblemKind {
                code: self.code,
                status: self.status,
                retry_after: self.retry_after,
                is_basic: self.is_basic,
            })
        } else {
            None
        }
    }

    /// The `WWW-Authenticate` value: a bare challenge where nothing was
    /// presented (RFC 6750 section 3.1), else with its error.
    fn challenge(&self) -> Option<String> {
        let error = match (self.code, self.status()) {
            (_, 401) if self.is_basic => return Some(r#"Basic realm="katalo""#.to_owned()),
            (Code::MissingCredentials, _) => return Some(r#"Bearer realm="katalo""#.to_owned()),
            (Code::InsufficientScope, _) => {
                let scope = self.scope.as_deref().unwrap_or_default();
                format!(r#"error="insufficient_scope", scope="{scope}""#)
            }
            (_, 401) => r#"error="invalid_token""#.to_owned(),
            _ => return None,
        };
        Some(format!(
            r#"Bearer realm="katalo", {error}, error_description="{}""#,
            self.code.title()
        ))
    }

    /// The answer. `origin` is the service's own, without a trailing slash.
    #[must_use]
    pub fn into_answer(self, origin: &str, request_id: &str) -> Answer {
        let status = self.status();
        let code = self.code.as_str();
        let detail = self.detail.as_deref().unwrap_or_else(|| self.code.advice());
        let mut document = Document(String::with_capacity(512));
        document.text("type", &[origin, "/problems/", code].concat());
        document.text("title", self.code.title());
        document.raw("status", &status.to_string());
        document.text("detail", detail);
        document.text("code", code);
        document.text("request_id", request_id);
        for (name, value) in [("field", &self.field), ("scope", &self.scope)] {
            if let Some(value) = value {
                document.text(name, value);
            }
        }
        if let Some((name, value)) = &self.extension {
            document.raw(name, &value.to_string());
        }
        let body = document.end();
        let mut answer =
            Answer::new(status, Body::Text(PROBLEM, body)).with("cache-control", "no-store");
        if let Some(challenge) = self.challenge() {
            answer = answer.with("www-authenticate", challenge);
        }
        if let Some(allow) = self.allow {
            answer = answer.with("allow", allow);
        }
        if let Some(seconds) = self.retry_after {
            answer = answer.with("retry-after", seconds.to_string());
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_variants() {
        for (place, entry) in TABLE.iter().enumerate() {
            assert_eq!(entry.0 as usize, place, "{}", entry.1);
            assert_eq!(Code::parse(entry.1), Some(entry.0));
            assert!(!entry.3.contains('"'), "titles stand in a quoted-string");
        }
    }

    #[test]
    fn challenges() {
        let header = |problem: Problem| {
            problem
                .into_answer("https://keys.example", "r1")
                .header("www-authenticate")
                .map(str::to_owned)
        };
        assert_eq!(
            header(Code::MissingCredentials.into()).unwrap(),
            r#"Bearer realm="katalo""#
        );
        assert!(
            header(Code::RevokedKey.into())
                .unwrap()
                .contains(r#"error="invalid_token""#)
        );
        let scope = header(Problem::from(&Denial::InsufficientScope("billing".into()))).unwrap();
        assert!(scope.contains(r#"error="insufficient_scope", scope="billing""#));
        assert_eq!(header(Code::WrongEnvironment.into()), None);
    }

    #[test]
    fn strangers_get_no_line_of_the_log() {
        let denied = Problem::from(&Denial::WrongEnvironment);
        assert!(denied.is_notable(), "a key whose secret proved");
        let unproven = Problem {
            is_unproven: true,
            ..denied
        };
        assert!(!unproven.is_notable());
        assert!(!Problem::from(&Denial::InvalidKey).is_notable());
    }

    #[test]
    fn a_kind_is_answered_alike_but_for_the_id_at_the_end() {
        for code in Code::all() {
            let problem = Problem::from(code);
            assert!(problem.kind().is_some());
            let Body::Text(_, text) = problem.into_answer("https://keys.example", "").body else {
                panic!("no problem document")
            };
            assert!(text.ends_with(r#""request_id":""}"#), "{text}");
        }
        let plain = Problem::from(Code::InvalidRequest);
        for other in [
            plain.clone().because("another detail"),
            Problem::invalid("name", "`name` is empty"),
            Problem::method_not_allowed("GET"),
            Problem::from(&Denial::InsufficientScope("billing".into())),
            Problem::from(&Denial::RestrictedKey("billing".into())),
        ] {
            assert_eq!(other.kind(), None);
        }
        for other in [
            Problem {
                status: Some(401),
                ..plain.clone()
            },
            Problem {
                retry_after: Some(7),
                ..plain.clone()
            },
            Problem {
                is_basic: true,
                ..plain.clone()
            },
            Code::NotFound.into(),
        ] {
            assert_ne!(other.kind(), plain.kind());
        }
    }

    /// The shim writes this one where the crate cannot.
    #[test]
    fn the_shims_internal_error_is_the_same_document() {
        let shim = include_str!("../../shim/index.js");
        let (_, written) = shim.split_once("const problem = {").unwrap();
        let (written, _) = written.split_once("};").unwrap();
        let Body::Text(_, text) = Problem::from(Code::InternalError)
            .into_answer("https://keys.example", "r1")
            .body
        else {
            panic!("no problem document")
        };
        let document: serde_json::Map<_, _> = serde_json::from_str(&text).unwrap();
        let members: Vec<_> = written
            .lines()
            .filter_map(|line| line.trim().split_once(": "))
            .collect();
        assert_eq!(members.len(), document.len());
        for (name, value) in members {
            let value = value.trim_end_matches(',');
            match name {
                "type" => assert!(value.contains("\"/problems/internal_error\"")),
                "request_id" => {}
                _ => assert_eq!(value, document[name].to_string(), "{name}"),
            }
        }
    }

    #[test]
    fn a_document() {
        let answer =
            Problem::invalid("name", "`name` is empty").into_answer("https://keys.example", "r1");
        let Body::Text(PROBLEM, body) = &answer.body else {
            panic!("no problem document")
        };
        let document: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(
            document["type"],
            "https://keys.example/problems/invalid_request"
        );
        assert_eq!(document["status"], 400);
        assert_eq!(document["field"], "name");
        assert_eq!(document["request_id"], "r1");
    }
}

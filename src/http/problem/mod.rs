//! Problem documents (RFC 9457) and the challenges that go with them
//! (RFC 9110 section 11.6.1, RFC 6750 section 3).

mod code;

pub use code::Code;

use super::answer::{Answer, Body, PROBLEM};
use super::rate_limit::QUOTA_EXCEEDED;
use crate::json::ObjectWriter;
use crate::verify::Denial;

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
    /// A further member of the document (RFC 9457 section 3.2), as JSON: the key
    /// object of `secret_already_shown`.
    pub extension: Option<(&'static str, String)>,
    /// Further header fields of the answer.
    pub headers: Vec<(&'static str, String)>,
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
            headers: Vec::new(),
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
                "This route requires the scope `{scope}`, which the key does not have. {}",
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
                "This key has leaked and is restricted to a few scopes; `{scope}` is not among them. Ask your administrator for a new key."
            ));
            problem.scope = Some(scope.clone());
            problem.extension = Some(("restriction", r#""leak""#.to_owned()));
        }
        problem
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

    /// No key that is read. Says what was sent in its place, and no part of it: that
    /// may be a key.
    #[must_use]
    pub fn missing_credentials(authorization: &str, has_api_key: bool) -> Self {
        let sent = match authorization {
            "" if has_api_key => "The header `X-API-Key` is not read",
            "" => return Code::MissingCredentials.into(),
            other if has_scheme(other, "Basic ") => "`Authorization` has the scheme `Basic`",
            _ => "`Authorization` does not begin with `Bearer` and a space",
        };
        let detail = [sent, ": send `Authorization: Bearer <key>`."].concat();
        Self::from(Code::MissingCredentials).because(detail)
    }

    /// No address of ours.
    #[must_use]
    pub fn no_such_address(path: &str) -> Self {
        let problem = Self::from(Code::NotFound);
        if path.ends_with('/') {
            problem.because("There is nothing at this address: leave out the slash at its end.")
        } else {
            problem
        }
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
            && self.extension.is_none()
            && self.headers.is_empty();
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
        let mut document = ObjectWriter::new()
            .text("type", &self.code.problem_type(origin))
            .text("title", self.code.title())
            .number("status", status.into())
            .text("detail", detail)
            .text("code", code)
            .text("request_id", request_id);
        for (name, value) in [("field", &self.field), ("scope", &self.scope)] {
            if let Some(value) = value {
                document = document.text(name, value);
            }
        }
        if let Some((name, value)) = &self.extension {
            document = document.raw(name, value);
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
        answer.headers.extend(self.headers);
        answer
    }
}

impl Code {
    /// The URI that stands for it: its page, or that of a standard.
    fn problem_type(self, origin: &str) -> String {
        match self {
            Self::RateLimitExceeded | Self::QuotaExceeded => QUOTA_EXCEEDED.to_owned(),
            _ => [origin, "/problems/", self.as_str()].concat(),
        }
    }
}

fn has_scheme(authorization: &str, scheme: &str) -> bool {
    let start = authorization.get(..scheme.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let shim = include_str!("../../../shim/failed.js");
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

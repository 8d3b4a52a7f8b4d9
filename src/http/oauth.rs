//! RFC 7662 (introspection) and RFC 7009 (revocation): forms in, JSON out.

use base64ct::{Base64, Encoding as _};
use zeroize::Zeroizing;

use super::answer::{Answer, Body, JSON};
use super::path::Query;
use super::problem::{Code, Problem};
use crate::json::ObjectWriter;
use crate::key::{KeyId, KeyRecord, OrganizationRecord};

/// `application/x-www-form-urlencoded`
pub const FORM: &str = "application/x-www-form-urlencoded";

/// What both routes take. `token_type_hint` is read and, as RFC 7009 section
/// 2.1 allows, makes no difference: there is one type of token.
pub struct TokenForm {
    /// The presented key, if it is one.
    pub token: Zeroizing<String>,
    /// Extension: the address of the client that showed it, for keys that are
    /// tied to networks.
    pub client_address: Option<String>,
}

impl TokenForm {
    /// Reads the form. Unknown parameters are ignored (RFC 6749 section 3.2).
    ///
    /// # Errors
    /// `invalid_request` where a parameter is repeated, broken, or `token` is
    /// missing (RFC 6749 section 5.2).
    pub fn read(body: &[u8]) -> Result<Self, Problem> {
        let form = std::str::from_utf8(body).ok().and_then(Query::parse);
        let form = form.ok_or_else(|| {
            as_oauth(Problem::invalid(
                "",
                "The form cannot be read, has a parameter twice, or more than a hundred.",
            ))
        })?;
        let token = form.value("token").filter(|token| !token.is_empty());
        let token = token.ok_or_else(|| {
            as_oauth(Problem::invalid(
                "token",
                "`token` carries the key to look at.",
            ))
        })?;
        Ok(Self {
            token: Zeroizing::new(token.to_owned()),
            client_address: form.value("client_address").map(str::to_owned),
        })
    }
}

/// The same problem with the `error` that OAuth clients look for (RFC 6749
/// section 5.2, RFC 6750 section 3.1).
#[must_use]
pub fn as_oauth(mut problem: Problem) -> Problem {
    let error = match (problem.code, problem.status()) {
        (Code::InsufficientScope, _) => "insufficient_scope",
        (_, 401) => "invalid_client",
        (_, 403) => "access_denied",
        (_, 500..) => "temporarily_unavailable",
        _ => "invalid_request",
    };
    let error = [r#"""#, error, r#"""#].concat();
    problem.extension.get_or_insert(("error", error));
    problem
}

/// The refusal of one who asks about tokens: 401 where the credential is of no
/// use, whatever the reason, and where it is good for less (RFC 7662 section
/// 2.3), with the challenge of the scheme that was tried (RFC 6749 section 5.2).
#[must_use]
pub fn refused_caller(problem: Problem, authorization: Option<&str>) -> Problem {
    let status = match problem.status() {
        403 => Some(401),
        _ => problem.status,
    };
    let scheme = authorization.and_then(|value| value.split(' ').next());
    as_oauth(Problem {
        status,
        is_basic: scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("Basic")),
        ..problem
    })
}

/// The presented key of `Authorization: Basic` (RFC 7617): the key id as user,
/// the secret part as password. `None` for another scheme or a broken one.
#[must_use]
pub fn basic_key(authorization: &str) -> Option<Zeroizing<String>> {
    let (scheme, rest) = authorization.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("Basic") {
        return None;
    }
    let bytes = Zeroizing::new(Base64::decode_vec(rest.trim()).ok()?);
    let text = std::str::from_utf8(&bytes).ok()?;
    let (user, password) = text.split_once(':')?;
    Some(Zeroizing::new(format!("{user}.{password}")))
}

/// A key that is of no use, whatever the reason (RFC 7662 section 2.2: nothing
/// more is said of an inactive token).
#[must_use]
pub fn inactive() -> Answer {
    answer(r#"{"active":false}"#.to_owned())
}

/// A key that is good (RFC 7662 section 2.2).
#[must_use]
pub fn active(
    id: KeyId,
    key: &KeyRecord,
    organization: &OrganizationRecord,
    issuer: &str,
    limits: &str,
) -> Answer {
    let mut document = ObjectWriter::new()
        .raw("active", "true")
        .text("scope", &key.scopes.to_string())
        .text("client_id", &id.to_string())
        .text("sub", organization.id.as_str())
        .text("token_type", "Bearer")
        .text("iss", issuer)
        .text("environment", key.environment.as_str())
        .number("iat", key.issued_at.0 / 1_000);
    // The end of an overlap ends the key as well.
    if let Some(end) = key.expires_at.into_iter().chain(key.retires_at).min() {
        document = document.number("exp", end.0 / 1_000);
    }
    if key.restricted {
        document = document.text("restriction", "leak");
    }
    if limits != "[]" {
        document = document.raw("limits", limits);
    }
    answer(document.end())
}

fn answer(document: String) -> Answer {
    Answer::new(200, Body::Text(JSON, document)).with("cache-control", "no-store")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let read = |text: &str| TokenForm::read(text.as_bytes());
        let form = read("token=kat_live_x.y&token_type_hint=access_token&other=1").unwrap();
        assert_eq!(form.token.as_str(), "kat_live_x.y");
        for bad in ["", "token=", "other=1", "token=a&token=b", "token=%zz"] {
            let problem = read(bad).err().unwrap();
            assert_eq!(problem.code, Code::InvalidRequest, "{bad}");
            assert_eq!(
                problem.extension,
                Some(("error", r#""invalid_request""#.to_owned()))
            );
        }
        assert!(TokenForm::read(b"token=\xff").is_err());
    }

    #[test]
    fn basic_credentials_are_id_and_secret_part() {
        // kat_admin_a:b
        let key = basic_key("Basic a2F0X2FkbWluX2E6Yg==").unwrap();
        assert_eq!(key.as_str(), "kat_admin_a.b");
        for bad in [
            "Basic",
            "Basic !",
            "Bearer a2F0X2FkbWluX2E6Yg==",
            "Basic YQ==",
        ] {
            assert!(basic_key(bad).is_none(), "{bad}");
        }
    }
}

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

/// What becomes of a header on its way through the gateway.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Passage {
    /// It goes on, unless `Connection` names it (RFC 9110 section 7.6.1).
    GoesOn,
    /// It goes on even so.
    GoesOnAnyway,
    /// It stays behind.
    StaysBehind,
}

/// The name as CGI and what descends from it see it (RFC 3875 section 4.1.18): one
/// variable for `Katalo-Key-Id`, `katalo_key_id` and `Katalo.Key.Id`.
fn as_variable(name: &str) -> String {
    name.chars()
        .map(|c| match c {
            'A'..='Z' | 'a'..='z' | '0'..='9' => c.to_ascii_lowercase(),
            _ => '-',
        })
        .collect()
}

fn is_ours(variable: &str) -> bool {
    variable.starts_with("katalo-")
}

/// What becomes of a client's header.
#[must_use]
pub fn request_passage(name: &str) -> Passage {
    let variable = as_variable(name);
    let stays = is_ours(&variable)
        || HOP_BY_HOP.contains(&&*variable)
        || OVERRIDES.contains(&&*variable)
        || matches!(&*variable, "authorization" | "proxy");
    if stays {
        Passage::StaysBehind
    } else if !is_not_the_clients(&variable) {
        Passage::GoesOn
    } else if name.eq_ignore_ascii_case(&variable) {
        Passage::GoesOnAnyway
    } else {
        // The client's own version of it.
        Passage::StaysBehind
    }
}

/// What becomes of an upstream's header. What would open the API to browsers, what
/// claims to come from us and what holds for one connection stays behind.
#[must_use]
pub fn response_passage(name: &str) -> Passage {
    let variable = as_variable(name);
    if is_ours(&variable)
        || variable.starts_with("access-control-")
        || HOP_BY_HOP.contains(&&*variable)
        || matches!(&*variable, "set-cookie" | "set-cookie2")
    {
        Passage::StaysBehind
    } else {
        Passage::GoesOn
    }
}

/// What the platform says of the client, and what the message is made of: no client
/// takes it away, or says it in another spelling.
fn is_not_the_clients(variable: &str) -> bool {
    ["cf-", "x-forwarded-", "content-"]
        .iter()
        .any(|start| variable.starts_with(start))
        || matches!(
            variable,
            "cdn-loop" | "forwarded" | "host" | "true-client-ip" | "via" | "x-real-ip"
        )
}

/// What servers and frameworks take for the method or the target in place of those
/// that were checked, in lower case.
pub const OVERRIDES: &[&str] = &[
    "x-forwarded-method",
    "x-forwarded-uri",
    "x-http-method",
    "x-http-method-override",
    "x-method",
    "x-method-override",
    "x-original-method",
    "x-original-uri",
    "x-original-url",
    "x-rewrite-url",
];

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
            "Katalo.Key.Id",
            "Katalo-Key~Id",
            "KATALO-ANYTHING",
            "Katalo-",
            "Authorization",
            "X-HTTP-Method-Override",
            "X_HTTP_Method_Override",
            "x.http.method",
            "X-Method_Override",
            "X_Original-URL",
            "X-Forwarded-Uri",
            "TE",
            "Transfer_Encoding",
            "Proxy_Authorization",
            // The address of a proxy to CGI programs (CVE-2016-5385).
            "Proxy",
            // What the platform says, as others spell it.
            "CF_Connecting_IP",
            "X_Forwarded_For",
            "x.real.ip",
            "Content_Length",
        ] {
            assert_eq!(request_passage(name), Passage::StaysBehind, "{name}");
        }
        for name in [
            "Katalogue",
            "Accept",
            "X-Request-Id",
            "X_Request_Id",
            "Cookie",
            "X-Methodical",
        ] {
            assert_eq!(request_passage(name), Passage::GoesOn, "{name}");
        }
        for name in [
            "Access-Control-Allow-Origin",
            "Access_Control_Allow_Origin",
            "set-cookie",
            "Katalo-Decision",
            "Katalo_Decision",
            "Connection",
        ] {
            assert_eq!(response_passage(name), Passage::StaysBehind, "{name}");
        }
        assert_eq!(response_passage("etag"), Passage::GoesOn);
    }

    #[test]
    fn no_client_takes_away_what_the_platform_says() {
        for name in [
            "CF-Connecting-IP",
            "cf-ray",
            "X-Forwarded-For",
            "x-forwarded-proto",
            "X-Real-IP",
            "True-Client-IP",
            "CDN-Loop",
            "Host",
            "Content-Type",
        ] {
            assert_eq!(request_passage(name), Passage::GoesOnAnyway, "{name}");
        }
    }
}

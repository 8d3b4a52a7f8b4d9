//! What a proxy asks about: the method and path of the request it holds.

use super::path::checked_path;
use super::place::Dialect;
use super::problem::{Code, Problem};
use crate::verify::ClientAddress;

/// The request a proxy asks about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Original {
    /// In capitals.
    pub method: String,
    /// As the proxy's own question names it (`?host=`); empty where it does not.
    pub host: String,
    /// Checked, without its query.
    pub path: String,
}

/// The methods of a proxy's question. Which it is makes no difference, but for
/// Envoy, whose question has the method of the request it holds.
pub const PROXIES_ASK: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Headers that carry method and target, by dialect.
const NGINX: [&str; 2] = ["x-original-method", "x-original-uri"];
const FORWARDED: [&str; 2] = ["x-forwarded-method", "x-forwarded-uri"];

/// The headers that carry a target, of all dialects.
pub const TARGETS: [&str; 2] = [NGINX[1], FORWARDED[1]];

/// Reads the request a proxy asks about. `method` is that of the question
/// itself, which counts for Envoy alone; `query` is the question's, in which the proxy
/// says the host: a header for that could be the client's own. Envoy's question has
/// the client's query.
///
/// # Errors
/// 403 (proxies know no other refusal) where a header is missing, repeated, or
/// belongs to another dialect: whoever mixes them lets the client choose.
pub fn original(
    dialect: Dialect<'_>,
    method: &str,
    query: &str,
    header: &dyn Fn(&str) -> Option<String>,
) -> Result<Original, Problem> {
    let foreign: &[&str] = match dialect {
        Dialect::Nginx => &FORWARDED,
        Dialect::Forwarded => &NGINX,
        Dialect::Envoy(_) => &[
            "x-original-method",
            "x-original-uri",
            "x-forwarded-method",
            "x-forwarded-uri",
        ],
    };
    if let Some(name) = foreign.iter().find(|name| header(name).is_some()) {
        return Err(refused(
            name,
            "belongs to another proxy's dialect; have the proxy remove it",
        ));
    }
    let own = |name: &'static str| header(name).ok_or_else(|| refused(name, "is missing"));
    let (method, target) = match dialect {
        Dialect::Nginx => (own(NGINX[0])?, own(NGINX[1])?),
        Dialect::Forwarded => (own(FORWARDED[0])?, own(FORWARDED[1])?),
        Dialect::Envoy(appended) => (method.to_owned(), appended.to_owned()),
    };
    let host = match dialect {
        Dialect::Nginx | Dialect::Forwarded => query.strip_prefix("host="),
        Dialect::Envoy(_) => None,
    };
    // One parameter that somebody appended makes it unknown.
    let host = host.filter(|host| !host.contains('&')).unwrap_or_default();
    // Two headers of one name reach us joined by ", ": no method and no target
    // has a space or, for methods, a comma.
    if method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Err(refused("method", "is not one method in capitals"));
    }
    let path = target.split(['?', '#']).next().unwrap_or_default();
    match checked_path(path) {
        Some(path) if !target.contains(' ') => Ok(Original {
            method,
            host: host.to_owned(),
            path: path.to_owned(),
        }),
        _ => Err(refused(
            "target",
            "is not one path that can mean only one thing",
        )),
    }
}

fn refused(name: &str, reason: &str) -> Problem {
    Problem {
        status: Some(403),
        ..Problem::invalid(name, format!("`{name}` {reason}."))
    }
}

/// The status that a refusal has of itself, where its proxy takes another one: an
/// `error_page` of nginx can give it back.
const STATUS: &str = "katalo-status";

/// A problem as a proxy takes it: nginx turns any refusal but 401 and 403 into
/// a 500 of its own. The others pass any on; of those a client waits for (429) they do.
#[must_use]
pub fn for_proxy(problem: Problem, is_nginx: bool) -> Problem {
    let status = problem.status();
    match status {
        401 | 403 | 500.. => problem,
        429 if !is_nginx => problem,
        _ => {
            let mut problem = Problem {
                status: Some(403),
                ..problem
            };
            problem.headers.push((STATUS, status.to_string()));
            problem
        }
    }
}

/// Carries the client's address, from a proxy that proves itself. A name of our
/// own: on the way here the platform appends the proxy's address to
/// `X-Forwarded-For` and may write `X-Real-IP` anew.
const CLIENT_ADDRESS: &str = "katalo-client-address";

/// The client's address as a proxy tells it, once the proxy has proven itself.
#[must_use]
pub fn address_behind(proven: bool, header: &dyn Fn(&str) -> Option<String>) -> ClientAddress {
    if !proven {
        return ClientAddress::Unproven;
    }
    ClientAddress::parse(header(CLIENT_ADDRESS).as_deref())
}

/// An unknown route, as a proxy takes it.
#[must_use]
pub fn unknown_route() -> Problem {
    Problem {
        status: Some(403),
        ..Problem::from(Code::NotFound).because("No route of the API has this method and path.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(dialect: Dialect<'_>, headers: &[(&str, &str)]) -> Result<Original, u16> {
        let header = |name: &str| {
            headers
                .iter()
                .find(|(n, _)| *n == name)
                .map(|(_, value)| (*value).to_owned())
        };
        original(dialect, "GET", "host=api.example", &header)
            .map_err(|problem| problem.status.unwrap_or(0))
    }

    #[test]
    fn each_dialect_reads_its_own_headers_alone() {
        let nginx = [
            ("x-original-method", "POST"),
            ("x-original-uri", "/v1/x?y=1"),
        ];
        let forwarded = [
            ("x-forwarded-method", "POST"),
            ("x-forwarded-uri", "/v1/x?y=1"),
        ];
        let expected = Ok(Original {
            method: "POST".into(),
            host: "api.example".into(),
            path: "/v1/x".into(),
        });
        assert_eq!(ask(Dialect::Nginx, &nginx), expected);
        assert_eq!(ask(Dialect::Forwarded, &forwarded), expected);
        assert_eq!(
            ask(Dialect::Envoy("/v1/x"), &[]),
            Ok(Original {
                method: "GET".into(),
                // The query is the client's.
                host: String::new(),
                path: "/v1/x".into()
            })
        );
        assert_eq!(ask(Dialect::Nginx, &forwarded), Err(403));
        assert_eq!(ask(Dialect::Forwarded, &nginx), Err(403));
        let both: Vec<_> = nginx.iter().chain(&forwarded).copied().collect();
        for dialect in [Dialect::Nginx, Dialect::Forwarded, Dialect::Envoy("/v1/x")] {
            assert_eq!(ask(dialect, &both), Err(403));
        }
    }

    #[test]
    fn the_host_is_the_one_parameter_of_the_question() {
        let header = |name: &str| match name {
            "x-original-method" => Some("GET".to_owned()),
            "x-original-uri" => Some("/v1/x".to_owned()),
            _ => None,
        };
        let host = |query| {
            original(Dialect::Nginx, "GET", query, &header)
                .unwrap()
                .host
        };
        assert_eq!(host("host=api.example"), "api.example");
        for unknown in ["", "hos=x", "x=1&host=x", "host=x&y", "host=x&host=y"] {
            assert_eq!(host(unknown), "", "{unknown}");
        }
    }

    #[test]
    fn only_a_proven_proxy_tells_the_address() {
        let told = |name: &str| (name == "katalo-client-address").then(|| "192.0.2.7".to_owned());
        let others = |name: &str| {
            ["x-real-ip", "x-forwarded-for"]
                .contains(&name)
                .then(|| "192.0.2.7".to_owned())
        };
        let known = ClientAddress::parse(Some("192.0.2.7"));
        assert_eq!(address_behind(true, &told), known);
        assert_eq!(address_behind(false, &told), ClientAddress::Unproven);
        assert_ne!(address_behind(true, &others), known);
    }

    #[test]
    fn what_is_missing_repeated_or_confusing_is_refused() {
        for headers in [
            &[("x-original-method", "GET")][..],
            &[("x-original-uri", "/v1/x")],
            &[
                ("x-original-method", "GET, POST"),
                ("x-original-uri", "/v1/x"),
            ],
            &[
                ("x-original-method", "GET"),
                ("x-original-uri", "/v1/x, /v1/y"),
            ],
            &[
                ("x-original-method", "GET"),
                ("x-original-uri", "/v1/../admin"),
            ],
            &[
                ("x-original-method", "GET"),
                ("x-original-uri", "http://host/v1/x"),
            ],
            &[("x-original-method", "get"), ("x-original-uri", "/v1/x")],
        ] {
            assert_eq!(ask(Dialect::Nginx, headers), Err(403), "{headers:?}");
        }
    }
}

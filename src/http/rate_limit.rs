//! What a caller learns of its limits: `RateLimit-Policy` and `RateLimit`
//! (draft-ietf-httpapi-ratelimit-headers), and the problem of one that is used up.

use super::problem::{Code, Problem};
use crate::json::ObjectWriter;
use crate::limits::allowance::Standing;
use crate::limits::policy::Policy;
use crate::limits::spending::Limit;
use crate::time::Timestamp;

/// The problem type of the draft, section 6, which all its readers know.
pub const QUOTA_EXCEEDED: &str = "https://iana.org/assignments/http-problem-types#quota-exceeded";

/// The greatest integer of RFC 9651, section 3.3.1.
const GREATEST: u64 = 999_999_999_999_999;

/// What the fields call a policy: the organization's own stand apart from its keys'.
fn name(limit: &Limit<'_>) -> String {
    let prefix = if limit.meter.is_organization() {
        "organization."
    } else {
        ""
    };
    [prefix, &limit.policy.name].concat()
}

fn member(list: &mut String, name: &str, parameters: &[(&str, Option<u64>)]) {
    if !list.is_empty() {
        list.push_str(", ");
    }
    list.extend(["\"", name, "\""]);
    for (parameter, value) in parameters {
        if let Some(value) = value {
            list.extend([";", parameter, "=", &value.min(&GREATEST).to_string()]);
        }
    }
}

/// `RateLimit-Policy`: a list of RFC 9651, such as `"burst";q=100;w=60`.
#[must_use]
pub fn policy_field(limits: &[Limit<'_>]) -> String {
    let mut list = String::new();
    for limit in limits {
        let Policy {
            limit: q,
            window_ms,
            ..
        } = limit.policy;
        let window = limit.policy.is_rate().then_some(window_ms / 1_000);
        member(&mut list, &name(limit), &[("q", Some(*q)), ("w", window)]);
    }
    list
}

/// `RateLimit`: how these policies stand, such as `"burst";r=50;t=30`.
#[must_use]
pub fn limit_field(limits: &[Limit<'_>], standings: &[Standing]) -> String {
    let mut list = String::new();
    for (limit, standing) in limits.iter().zip(standings) {
        // A quota for ever has no such instant.
        let resets = Some(standing.resets_ms.div_ceil(1_000)).filter(|it| *it < GREATEST);
        let left = Some(standing.left);
        member(&mut list, &name(limit), &[("r", left), ("t", resets)]);
    }
    list
}

/// How policies stand as members of our own documents, in JSON; without numbers where
/// nobody could be asked.
#[must_use]
pub fn limits_member(
    limits: &[Limit<'_>],
    standings: Option<&[Standing]>,
    now: Timestamp,
) -> String {
    let members = limits.iter().enumerate().map(|(place, limit)| {
        let standing = standings.and_then(|all| all.get(place));
        let mut member = ObjectWriter::new()
            .text("name", &name(limit))
            .number("limit", limit.policy.limit);
        if limit.policy.is_rate() {
            member = member.number("window_seconds", limit.policy.window_ms / 1_000);
        }
        if let Some(standing) = standing {
            member = member.number("remaining", standing.left);
            if standing.resets_ms < u64::MAX {
                let at = now.plus(standing.resets_ms).to_rfc3339();
                member = member.text("resets_at", &at);
            }
        }
        member.end()
    });
    ["[", &Vec::from_iter(members).join(","), "]"].concat()
}

/// A request that a policy does not let through until `retry_ms` have passed. `chance` is
/// random: those that were refused together do not come back together.
#[must_use]
pub fn exceeded(limit: &Limit<'_>, retry_ms: u64, standing: Standing, chance: u8) -> Problem {
    let code = if limit.policy.is_rate() {
        Code::RateLimitExceeded
    } else {
        Code::QuotaExceeded
    };
    let seconds = retry_ms.div_ceil(1_000).max(1);
    let spread = (seconds / 10).clamp(1, 60);
    let retry_after = seconds.saturating_add(u64::from(chance) * spread / 256);
    let name = name(limit);
    let limits = [*limit];
    Problem {
        retry_after: (seconds < GREATEST).then_some(retry_after),
        extension: Some(("violated-policies", format!(r#"["{name}"]"#))),
        headers: vec![
            ("ratelimit-policy", policy_field(&limits)),
            ("ratelimit", limit_field(&limits, &[standing])),
        ],
        ..Problem::from(code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{OrganizationId, Subject};
    use crate::limits::policy::Precision;

    fn policy(window_ms: u64) -> Policy {
        Policy {
            name: "burst".into(),
            revision: 1,
            meter: None,
            limit: 100,
            window_ms,
            burst: 50,
            resets: String::new(),
            precision: Precision::Leased,
        }
    }

    #[test]
    fn fields_are_lists_of_strings_with_parameters() {
        let (rate, quota) = (policy(60_000), policy(0));
        let organization: Subject = OrganizationId::parse("acme").unwrap().tag().into();
        let key = Subject::parse(&"1".repeat(30)).unwrap();
        let limits = [
            Limit {
                meter: key,
                policy: &rate,
            },
            Limit {
                meter: organization,
                policy: &quota,
            },
        ];
        assert_eq!(
            policy_field(&limits),
            r#""burst";q=100;w=60, "organization.burst";q=100"#
        );
        let standings = [
            Standing {
                left: 7,
                resets_ms: 1_001,
            },
            Standing {
                left: 0,
                resets_ms: u64::MAX,
            },
        ];
        assert_eq!(
            limit_field(&limits, &standings),
            r#""burst";r=7;t=2, "organization.burst";r=0"#
        );
    }

    #[test]
    fn a_retry_is_never_too_early() {
        let rate = policy(60_000);
        let limit = Limit {
            meter: Subject::parse(&"1".repeat(30)).unwrap(),
            policy: &rate,
        };
        let standing = Standing {
            left: 0,
            resets_ms: 99_001,
        };
        for chance in [0, 128, 255] {
            let problem = exceeded(&limit, 99_001, standing, chance);
            let seconds = problem.retry_after.unwrap();
            assert!((100..=110).contains(&seconds), "{seconds}");
            assert_eq!(problem.code, Code::RateLimitExceeded);
        }
        let for_ever = exceeded(&limit, u64::MAX, standing, 255);
        assert_eq!(for_ever.retry_after, None);
    }
}

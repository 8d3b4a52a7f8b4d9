//! Conditional requests (RFC 9110 section 13).

use crate::http::problem::Problem;
use crate::key::Revision;

/// What must be true of an object before it is changed: its revision, and
/// whether it must be there. `If-Match` (RFC 9110 section 13.1.1) is one strong
/// entity tag that is a revision, or `*`; `If-None-Match` (section 13.1.2) of a
/// change is `*`, which only what has no revision fulfils. Both together nothing
/// fulfils.
pub(super) fn precondition(
    if_match: Option<&str>,
    if_none_match: Option<&str>,
) -> Result<(Option<Revision>, bool), Problem> {
    let absent = match if_none_match.map(str::trim) {
        None => None,
        Some("*") => Some(0),
        Some(_) => {
            return Err(Problem::invalid(
                "If-None-Match",
                "`If-None-Match` of a change must be `*`: only where there is none yet.",
            ));
        }
    };
    match if_match.map(str::trim) {
        None => Ok((absent, false)),
        Some("*") => Ok((absent, true)),
        Some(tag) => Ok((absent.or(Some(revision(tag)?)), true)),
    }
}

fn revision(tag: &str) -> Result<Revision, Problem> {
    tag.strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        // `parse` alone would take a sign.
        .filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|number| number.parse().ok())
        .ok_or_else(|| {
            Problem::invalid(
                "If-Match",
                r#"`If-Match` must be a revision in quotes, such as "7": the `ETag` of the object as it was read."#,
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preconditions() {
        assert_eq!(precondition(None, None), Ok((None, false)));
        assert_eq!(precondition(Some("*"), None), Ok((None, true)));
        assert_eq!(precondition(None, Some(" * ")), Ok((Some(0), false)));
        assert_eq!(precondition(Some("\"7\""), None), Ok((Some(7), true)));
        for contradiction in ["*", "\"7\""] {
            assert_eq!(
                precondition(Some(contradiction), Some("*")),
                Ok((Some(0), true))
            );
        }
        for bad in [
            "7",
            "W/\"7\"",
            "\"7\", \"8\"",
            "\"x\"",
            "\"+7\"",
            "\"\"",
            "",
        ] {
            assert!(precondition(Some(bad), None).is_err(), "{bad}");
        }
        assert!(precondition(None, Some("\"7\"")).is_err());
    }
}

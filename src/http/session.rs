//! The dashboard's session: its cookie, and what a write by cookie must show.

/// The cookie's name. `__Host-` (RFC 6265bis section 4.1.3.2) binds it to this
/// host, to `Path=/` and to `Secure`.
const COOKIE: &str = "__Host-katalo-session";

/// `Set-Cookie` for a new session of `seconds`; strictly necessary, so no
/// consent is asked.
#[must_use]
pub fn set_session_cookie(token: &str, seconds: u64) -> String {
    format!("{COOKIE}={token}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age={seconds}")
}

/// `Set-Cookie` that takes it away.
#[must_use]
pub fn clear_session_cookie() -> String {
    format!("{COOKIE}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0")
}

/// The session's token in a `Cookie` header.
#[must_use]
pub fn session_cookie(header: &str) -> Option<&str> {
    header.split(';').find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == COOKIE).then_some(value)
    })
}

/// Whether `Origin` names this service itself.
#[must_use]
pub fn same_origin(origin: &str, own: &str) -> bool {
    origin.eq_ignore_ascii_case(own)
}

/// Whether a write by cookie comes from a page of ours: `Origin` is ours, and
/// fetch metadata, where the browser sends it, says the same.
#[must_use]
pub fn is_write_from_own_page(
    origin: Option<&str>,
    sec_fetch_site: Option<&str>,
    own: &str,
) -> bool {
    origin.is_some_and(|origin| same_origin(origin, own))
        && sec_fetch_site.is_none_or(|site| site == "same-origin")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_is_found_among_others() {
        assert_eq!(
            session_cookie("a=1; __Host-katalo-session=abc; b=2"),
            Some("abc")
        );
        assert_eq!(session_cookie("katalo-session=abc"), None);
        assert_eq!(session_cookie(""), None);
    }

    #[test]
    fn a_write_needs_its_own_origin() {
        let own = "https://keys.example";
        assert!(is_write_from_own_page(Some(own), Some("same-origin"), own));
        assert!(is_write_from_own_page(Some(own), None, own));
        assert!(!is_write_from_own_page(None, Some("same-origin"), own));
        assert!(!is_write_from_own_page(
            Some("https://evil.example"),
            None,
            own
        ));
        assert!(!is_write_from_own_page(Some(own), Some("cross-site"), own));
        assert!(!is_write_from_own_page(Some("null"), None, own));
    }
}

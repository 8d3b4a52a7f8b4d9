//! Keys never belong in a browser: how a browser's request is told.

/// What showed that a request comes from a web page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BrowserSign {
    /// `Origin` (RFC 6454 section 7), sent by pages across and within origins.
    Origin,
    /// `Sec-Fetch-Site` or `Sec-Fetch-Dest` (W3C Fetch Metadata): only browsers
    /// send them, and no page can leave them out or set them. `Sec-Fetch-Mode`
    /// is no sign: Node's fetch sends it as well.
    FetchMetadata,
}

/// The sign, if there is one. Each argument: whether the request has the header.
#[must_use]
pub const fn browser_sign(
    origin: bool,
    sec_fetch_site: bool,
    sec_fetch_dest: bool,
) -> Option<BrowserSign> {
    if origin {
        Some(BrowserSign::Origin)
    } else if sec_fetch_site || sec_fetch_dest {
        Some(BrowserSign::FetchMetadata)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sign_of_a_page_is_told() {
        let metadata = Some(BrowserSign::FetchMetadata);
        assert_eq!(browser_sign(false, false, false), None);
        assert_eq!(browser_sign(true, true, true), Some(BrowserSign::Origin));
        assert_eq!(browser_sign(false, true, false), metadata);
        assert_eq!(browser_sign(false, false, true), metadata);
    }
}

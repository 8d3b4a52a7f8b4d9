//! Paths and queries, before anything is matched against them.

/// The path of a request target, if it can mean only one thing to everyone who
/// reads it after us. Dot segments (RFC 3986 section 5.2.4), an encoded dot,
/// slash or backslash, a backslash and an empty segment are read differently by
/// different servers; a route that was checked here could be another one there.
#[must_use]
pub fn checked_path(path: &str) -> Option<&str> {
    let rest = path.strip_prefix('/')?;
    let last = rest.split('/').count();
    for (place, segment) in rest.split('/').enumerate() {
        let is_trailing_slash = segment.is_empty() && place + 1 == last;
        if (segment.is_empty() && !is_trailing_slash) || segment == "." || segment == ".." {
            return None;
        }
    }
    let bytes = path.as_bytes();
    let confusing = path.contains('\\')
        || bytes.windows(3).any(|three| {
            matches!(
                three,
                [b'%', b'2', b'e' | b'E' | b'f' | b'F'] | [b'%', b'5', b'c' | b'C']
            )
        })
        || bytes.iter().any(|&byte| byte <= b' ' || byte == 0x7f);
    (!confusing).then_some(path)
}

/// The query of an admin route, its parameters decoded.
#[derive(Debug)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Decodes `a=1&b=2` (application/x-www-form-urlencoded). `None` where the
    /// percent-encoding is broken, is no UTF-8, or a name comes twice.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parameters: Vec<(String, String)> = Vec::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(name)?;
            if parameters.iter().any(|(known, _)| *known == name) {
                return None;
            }
            parameters.push((name, decode(value)?));
        }
        Some(Self(parameters))
    }

    /// A parameter's value.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// A parameter that is not among `known`.
    #[must_use]
    pub fn unknown(&self, known: &[&str]) -> Option<&str> {
        self.0
            .iter()
            .map(|(name, _)| name.as_str())
            .find(|name| !known.contains(name))
    }
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                let digits = std::str::from_utf8(&digits)
                    .ok()
                    .filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
                u8::from_str_radix(digits, 16).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_could_mean_two_things_are_refused() {
        for good in [
            "/",
            "/v1/catalogs",
            "/v1/catalogs/",
            "/v1/a.b",
            "/v1/%20x",
            "/v1/..x",
            "/v1/%C3%A5",
        ] {
            assert_eq!(checked_path(good), Some(good));
        }
        for bad in [
            "",
            "v1",
            "/v1/../admin",
            "/v1/./x",
            "/v1/..",
            "/v1//x",
            "//v1",
            "/v1/%2e%2e/x",
            "/v1/%2E",
            "/v1/a%2fb",
            "/v1/a%5Cb",
            "/v1\\x",
            "/v1/a b",
            "/v1/\u{1}",
        ] {
            assert_eq!(checked_path(bad), None, "{bad}");
        }
    }

    #[test]
    fn queries() {
        let query = Query::parse("state=active&name=Shop+%C3%A6&limit=").unwrap();
        assert_eq!(query.value("name"), Some("Shop æ"));
        assert_eq!(query.value("limit"), Some(""));
        assert_eq!(query.value("cursor"), None);
        assert_eq!(query.unknown(&["state", "name"]), Some("limit"));
        for bad in ["a=1&a=2", "a=%", "a=%g1", "a=%ff", "a=%+1"] {
            assert!(Query::parse(bad).is_none(), "{bad}");
        }
    }
}

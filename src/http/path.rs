//! Paths and queries, before anything is matched against them.

use std::borrow::Cow;
use std::collections::BTreeMap;

/// The path of a request target, if it can mean only one thing to everyone who
/// reads it after us: a route that was checked here could be another one there.
/// Refused is
///
/// - what is not visible ASCII (RFC 3986 section 2), and a backslash, which some
///   take for a slash;
/// - an empty segment, which some drop, and a dot segment (section 5.2.4), also
///   with what some cut off first: parameters behind a `;` (`..;x`), and spaces or
///   further dots at the end (`..%20`, `...`);
/// - an escape that is none (`%u002e`, `%2`);
/// - an encoded dot, slash, backslash or control character, however often it was
///   encoded (`%2e`, `%252e`, `%25%32%65`): some decode before they match, some
///   decode twice, and a NUL ends the paths of others. Before anything else `%25`
///   is a per cent sign like any other;
/// - bytes that are no UTF-8, such as an overlong dot (`%c0%ae`).
#[must_use]
pub fn checked_path(path: &str) -> Option<&str> {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'\\';
    let rest = path
        .strip_prefix('/')
        .filter(|rest| rest.bytes().all(is_plain))?;
    let decoded = decoded(rest)?;
    let mut segments = decoded.split(|&byte| byte == b'/');
    // The one that may be empty: behind a slash at the end.
    let last = segments.next_back().unwrap_or_default();
    let is_clear = segments.all(names_something) && (last.is_empty() || names_something(last));
    is_clear.then_some(path)
}

/// Whether anything is left of a segment where parameters, dots and spaces are cut
/// off its end.
fn names_something(segment: &[u8]) -> bool {
    let name = segment.split(|&byte| byte == b';').next();
    name.is_some_and(|name| name.iter().any(|byte| !matches!(byte, b'.' | b' ')))
}

/// The path decoded for as long as there is something to decode. `None` where that
/// makes other segments of it, or where the first decoding fails.
fn innermost(path: &str) -> Option<Vec<u8>> {
    let allowed = |byte: &u8| !matches!(byte, b'.' | b'/' | b'\\' | 0..0x20 | 0x7f);
    let (mut once, mut innermost) = (Vec::new(), Vec::new());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        let byte = match byte {
            b'%' => escaped(rest.next()?, rest.next()?).filter(allowed)?,
            plain => plain,
        };
        once.push(byte);
        innermost.push(byte);
        // What an escape stands for may complete another one. Each takes two bytes
        // away, so all of them take as long as the path is.
        while let [.., b'%', high, low] = *innermost
            && let Some(byte) = escaped(high, low)
        {
            innermost.truncate(innermost.len() - 3);
            innermost.push(Some(byte).filter(allowed)?);
        }
    }
    std::str::from_utf8(&once).ok()?;
    Some(innermost)
}

/// The path decoded for as long as there is something to decode; there always is such
/// a form of a [checked](checked_path) one.
pub(super) fn decoded(path: &str) -> Option<Cow<'_, [u8]>> {
    Some(if path.contains('%') {
        Cow::from(innermost(path)?)
    } else {
        Cow::from(path.as_bytes())
    })
}

/// What `%` before these two stands for, where they are hexadecimal digits.
fn escaped(high: u8, low: u8) -> Option<u8> {
    let digit = |byte| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? << 4 | digit(low)?).ok()
}

/// Most parameters of a query or form; no route takes more than six.
const MOST_PARAMETERS: usize = 100;

/// The parameters of a query or a form, decoded.
#[derive(Debug)]
pub struct Query(BTreeMap<String, String>);

impl Query {
    /// Decodes `a=1&b=2` (application/x-www-form-urlencoded). `None` where the
    /// percent-encoding is broken, is no UTF-8, a name comes twice, or there are
    /// more than [`MOST_PARAMETERS`]: strangers post forms of any shape.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parameters = BTreeMap::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let repeated = parameters.insert(decode(name)?, decode(value)?).is_some();
            if repeated || parameters.len() > MOST_PARAMETERS {
                return None;
            }
        }
        Some(Self(parameters))
    }

    /// A parameter's value.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A parameter that is not among `known`.
    #[must_use]
    pub fn unknown(&self, known: &[&str]) -> Option<&str> {
        self.0
            .keys()
            .map(String::as_str)
            .find(|name| !known.contains(name))
    }
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => escaped(rest.next()?, rest.next()?)?,
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paths_that_could_mean_two_things_are_refused() {
        for good in [
            "/",
            "/v1/catalogs",
            "/v1/catalogs/",
            "/v1/a.b",
            "/v1/..x",
            "/v1/.x",
            "/v1/x..",
            "/v1/a;b=..",
            "/v1/%20x",
            "/v1/%C3%A5",
            "/v1/a%3Fb%23c",
            // Per cent signs that are meant: `50%`, `50%off`, `50%ff`, `%3d`, `%25`.
            "/v1/50%25",
            "/v1/50%25off",
            "/v1/50%25ff",
            "/v1/%253d",
            "/v1/%2525",
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
            "/v1//",
            "/v1\\x",
            "/v1/a b",
            "/v1/\u{1}",
            "/v1/\u{7f}",
            "/v1/å",
        ] {
            assert_eq!(checked_path(bad), None, "{bad}");
        }
    }

    #[test]
    fn no_spelling_hides_a_segment() {
        for bad in [
            // What some servers cut off before they resolve dot segments.
            "/v1/..;/admin",
            "/v1/..;x=y/admin",
            "/v1/.;x/admin",
            "/v1/;x/admin",
            "/v1/..%3b/admin",
            "/v1/..%253b/admin",
            "/v1/..%20/admin",
            "/v1/.../admin",
            "/v1/%20/x",
            "/v1/..;",
            "/v1/;",
            // Encoded once, twice, three times, in part.
            "/v1/%2e%2e/x",
            "/v1/%2E",
            "/v1/a%2fb",
            "/v1/a%5Cb",
            "/v1/%252e%252E/x",
            "/v1/a%252fb",
            "/v1/a%255cb",
            "/v1/%25252e",
            "/v1/%25%32%65",
            "/v1/%25%32e",
            "/v1/%252%65",
            "/v1/%%32%65",
            // What ends a path, or a line.
            "/v1/a%00",
            "/v1/a%2500.png",
            "/v1/a%0d%0aX:y",
            "/v1/a%7f",
            // No escapes, and no UTF-8.
            "/v1/%",
            "/v1/%2",
            "/v1/%zz",
            "/v1/%+f",
            "/v1/%u002e%u002e/x",
            "/v1/%c0%ae%c0%ae/x",
            "/v1/%e0%80%af",
            "/v1/%ff",
        ] {
            assert_eq!(checked_path(bad), None, "{bad}");
        }
    }

    /// What servers behind may do to a path: decode it, and cut parameters off.
    fn read_again(path: &[u8]) -> Vec<u8> {
        let mut read = Vec::new();
        let mut rest = path;
        while let [first, after @ ..] = rest {
            (read, rest) = match after {
                [high, low, after @ ..] if *first == b'%' && escaped(*high, *low).is_some() => {
                    read.extend(escaped(*high, *low));
                    (read, after)
                }
                _ => {
                    read.push(*first);
                    (read, after)
                }
            };
        }
        read
    }

    proptest! {
        #[test]
        fn however_often_it_is_decoded_it_has_the_same_segments(
            parts in prop::collection::vec(
                prop::sample::select(&["%", "25", "%25", "2e", "%2", "e", "f", "/", ".", ";", "a", "0", "%3b"][..]),
                0..12,
            ),
        ) {
            let path = format!("/v1/{}", parts.concat());
            if checked_path(&path).is_some() {
                let slashes = |path: &[u8]| path.iter().filter(|&&byte| byte == b'/').count();
                let mut read = path.clone().into_bytes();
                for _ in 0..parts.len() {
                    read = read_again(&read);
                    prop_assert_eq!(slashes(&read), slashes(path.as_bytes()));
                    prop_assert!(!read.contains(&0));
                    for segment in read.split(|&byte| byte == b'/') {
                        let name = segment.split(|&byte| byte == b';').next().unwrap();
                        prop_assert!(!matches!(name, b"." | b".."), "{}", path);
                    }
                }
            }
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

    #[test]
    fn a_form_has_a_hundred_parameters_at_most() {
        let form = |count: usize| -> String { (0..count).map(|n| format!("p{n}=&")).collect() };
        assert!(Query::parse(&form(MOST_PARAMETERS)).is_some());
        assert!(Query::parse(&form(MOST_PARAMETERS + 1)).is_none());
    }
}

//! Patterns of paths: literal segments, variables, and what lies below.

use super::path::{checked_path, decoded};

/// The path of a route. A segment is a literal, `{name}` for any one that is not
/// empty, or, as the last one, `*` for one or more of them. A slash at the end is
/// part of the path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Pattern {
    text: String,
    segments: Vec<Segment>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Segment {
    Literal(String),
    Any,
    Rest,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it, for the operator.
    pub(super) fn parse(path: &str) -> Result<Self, String> {
        if checked_path(path).is_none() {
            return Err(format!(
                "`path` starts with / and has no empty, dot or encoded segments; got {path:?}"
            ));
        }
        let mut segments = Vec::new();
        let mut written = path.split('/').skip(1).peekable();
        while let Some(text) = written.next() {
            let is_last = written.peek().is_none();
            let name = text
                .strip_prefix('{')
                .and_then(|name| name.strip_suffix('}'));
            segments.push(match name {
                _ if text == "*" && is_last => Segment::Rest,
                Some(name)
                    if !name.is_empty()
                        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') =>
                {
                    Segment::Any
                }
                None if !text.contains(['{', '}', '*', '?', '#', '%']) => {
                    Segment::Literal(text.to_owned())
                }
                _ => {
                    return Err(format!(
                        "`path`: {text:?} is neither a plain segment nor {{name}}, nor * at the end"
                    ));
                }
            });
        }
        Ok(Self {
            text: path.to_owned(),
            segments,
        })
    }

    /// As it was written.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a checked path fits, to the letter.
    pub(super) fn matches(&self, path: &str) -> bool {
        let mut given = path.split('/').skip(1);
        for segment in &self.segments {
            let fits = match (segment, given.next()) {
                // Only the last segment of a checked path can be empty.
                (Segment::Rest, Some(given)) => return !given.is_empty(),
                (Segment::Literal(literal), Some(given)) => literal == given,
                (Segment::Any, Some(given)) => !given.is_empty(),
                (_, None) => false,
            };
            if !fits {
                return false;
            }
        }
        given.next().is_none()
    }

    /// Whether an API could take a checked path for one that fits: because it decodes
    /// more than we do, ignores case or a slash at the end, or cuts parameters, dots,
    /// spaces or an extension off a segment.
    pub(super) fn resembles(&self, path: &str) -> bool {
        let path = decoded(path).unwrap_or_default();
        let path = path.strip_suffix(b"/").unwrap_or(&path);
        let mut given = path.split(|&byte| byte == b'/').skip(1);
        for segment in self.named() {
            let fits = match (segment, given.next()) {
                (Segment::Rest, Some(_)) => return true,
                (Segment::Literal(literal), Some(given)) => spells(literal, given),
                (Segment::Any, Some(_)) => true,
                (_, None) => false,
            };
            if !fits {
                return false;
            }
        }
        given.next().is_none()
    }

    /// Whether some path fits both.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        overlap(&self.segments, &other.segments)
    }

    /// The same, where a slash at the end makes no difference.
    pub(super) fn overlaps_but_for_a_slash(&self, other: &Self) -> bool {
        overlap(self.named(), other.named())
    }

    /// Whether every path that fits `other` fits this.
    pub(super) fn covers(&self, other: &Self) -> bool {
        for pair in self.segments.iter().zip(&other.segments) {
            match pair {
                (Segment::Rest, other) => return !other.is_end(),
                (Segment::Any, Segment::Literal(_) | Segment::Any) if !pair.1.is_end() => {}
                (Segment::Literal(one), Segment::Literal(other)) if one == other => {}
                _ => return false,
            }
        }
        self.segments.len() == other.segments.len()
    }

    /// The segments without what stands for a slash at the end.
    fn named(&self) -> &[Segment] {
        match self.segments.as_slice() {
            [named @ .., end] if end.is_end() => named,
            all => all,
        }
    }
}

impl Segment {
    /// Whether it is what follows a slash at the end.
    fn is_end(&self) -> bool {
        matches!(self, Self::Literal(literal) if literal.is_empty())
    }
}

fn overlap(one: &[Segment], other: &[Segment]) -> bool {
    for pair in one.iter().zip(other) {
        match pair {
            (Segment::Rest, other) | (other, Segment::Rest) => return !other.is_end(),
            (Segment::Literal(one), Segment::Literal(other)) if one == other => {}
            (Segment::Literal(_), Segment::Literal(_)) => return false,
            (one, other) if one.is_end() || other.is_end() => return false,
            _ => {}
        }
    }
    one.len() == other.len()
}

/// Whether a segment is the literal in another spelling.
fn spells(literal: &str, given: &[u8]) -> bool {
    given
        .split_at_checked(literal.len())
        .is_some_and(|(name, rest)| {
            name.eq_ignore_ascii_case(literal.as_bytes())
                && matches!(rest.first(), None | Some(b';' | b'.' | b' '))
        })
}

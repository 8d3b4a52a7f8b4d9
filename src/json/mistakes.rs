//! Every mistake of an object at once, where serde stops at the first.
//!
//! What is wrong is taken out of the tree and the rest is read again, until nothing
//! else is wrong: at most [`READINGS`] times.

use serde::de::DeserializeOwned;

use super::node::Node;
use super::reader::Reader;
use super::{Error, not_json, parse};

/// Most mistakes that are told; a text with more of them has no pattern to see.
pub const MOST_MISTAKES: usize = 16;

/// Most readings of one text. Some find nothing but what follows from a mistake that
/// is told already: a list that lacks an item, an object that lacks a member.
const READINGS: usize = 2 * MOST_MISTAKES;

/// Reads an object that must have the members of `required`.
///
/// # Errors
/// What is wrong with it, in the order of the text; what is missing comes last. Never
/// empty.
pub fn object_from_slice<T: DeserializeOwned>(
    text: &[u8],
    required: &[&'static str],
) -> Result<T, Vec<Error>> {
    let mut tree = parse(text).map_err(|error| vec![syntax(&error)])?;
    let first = match T::deserialize(Reader::of(tree.clone())) {
        Ok(object) => return Ok(object),
        Err(first) => first,
    };
    let mut again = |tree: Node<'_>| T::deserialize(Reader::of(tree)).err();
    Err(all(first, &mut tree, required, &mut again))
}

/// Said in full: here it is a person who wrote the text.
fn syntax(error: &serde_json::Error) -> Error {
    let what = if error.is_eof() {
        "the JSON ends too early: a bracket, a brace or a quotation mark is not closed"
    } else {
        "this is not well-formed JSON (RFC 8259), or nested more than 128 levels deep"
    };
    Error::new(&not_json(what, error))
}

/// The first mistake, and those that are found where the tree is read `again`. Not
/// generic: it would be compiled for each type of body.
fn all(
    first: Error,
    tree: &mut Node<'_>,
    required: &[&'static str],
    again: &mut dyn FnMut(Node<'_>) -> Option<Error>,
) -> Vec<Error> {
    let (mut mistakes, mut taken) = (Vec::new(), Vec::<String>::new());
    let mut found = Some(first);
    for _ in 0..READINGS {
        let Some(error) = found else {
            break;
        };
        let pointer = error.pointer.clone();
        // What is missing is reported by the object around it.
        let at = match pointer.rsplit_once('/') {
            Some((around, _)) if error.is_missing => around,
            _ => &pointer,
        };
        let follows = |taken: &String| {
            let within = taken.strip_prefix(&pointer);
            within.is_some_and(|within| within.is_empty() || within.starts_with('/'))
        };
        if !taken.iter().any(follows) {
            mistakes.push(error);
        }
        if at.is_empty() || mistakes.len() == MOST_MISTAKES {
            break;
        }
        tree.take_away(at);
        taken.push(at.to_owned());
        found = again(tree.clone());
    }
    mistakes.extend(missing(tree, required, &mistakes));
    mistakes.truncate(MOST_MISTAKES);
    mistakes
}

/// The members that are not there, and not told of yet.
fn missing(tree: &Node<'_>, required: &[&'static str], told: &[Error]) -> Vec<Error> {
    let Node::Object(members) = tree else {
        return Vec::new();
    };
    let is_there = |name: &str| members.iter().any(|(member, _)| member == name);
    required
        .iter()
        .filter(|name| !is_there(name))
        .map(|name| serde::de::Error::missing_field(name))
        .filter(|error| !told.contains(error))
        .collect()
}

impl Node<'_> {
    /// Takes away what a pointer points to, and leaves its name and place.
    fn take_away(&mut self, pointer: &str) {
        let Some(path) = pointer.strip_prefix('/') else {
            *self = Self::TakenAway;
            return;
        };
        let (step, rest) = path.split_at(path.find('/').unwrap_or(path.len()));
        match self {
            Self::Object(members) => {
                let name = step.replace("~1", "/").replace("~0", "~");
                for (_, value) in members.iter_mut().filter(|(member, _)| *member == name) {
                    value.take_away(rest);
                }
            }
            Self::List(items) => {
                if let Some(item) = step.parse().ok().and_then(|at: usize| items.get_mut(at)) {
                    item.take_away(rest);
                }
            }
            _ => {}
        }
    }
}

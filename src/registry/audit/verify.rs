//! Verifying an exported chain with nothing but the export, and its head where
//! one was kept.
//!
//! A line must be byte for byte what [`canonical`](super::canonical) writes, so
//! that any changed byte is found, a space too.

use std::fmt;

use serde_json::Value;

use super::{beginning, canonical, head_text, sha256};
use crate::key::{Keyring, OrganizationId};
use crate::registry::message::AuditHead;

/// A chain that holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verified {
    /// How many entries.
    pub count: u64,
    /// The last one's hash.
    pub hash: String,
}

/// Where a chain breaks first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Broken {
    /// The line, from 1; one past the last where the end is wrong.
    pub line: u64,
    /// Why.
    pub reason: Reason,
}

/// What is wrong with the first bad line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reason {
    /// Not a canonical JSON object with a `seq`, a `previous` and a `hash`.
    Form,
    /// Another entry belongs here: one is missing, swapped or there twice.
    Sequence {
        /// The `seq` it has.
        found: u64,
    },
    /// Its `previous` is not the hash of the entry before, or, for the first,
    /// not the beginning of this organization's chain.
    Previous,
    /// Its content does not have this hash.
    Hash,
    /// The export has more or fewer entries than the head, or another end.
    Head,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        match &self.reason {
            Reason::Form => f.write_str("not an audit entry in canonical form"),
            Reason::Sequence { found } => {
                write!(f, "entry {found} stands where entry {} belongs", self.line)
            }
            Reason::Previous => {
                f.write_str("does not follow the entry before, or is of another organization")
            }
            Reason::Hash => f.write_str("was altered: its hash is another"),
            Reason::Head => f.write_str("the export does not end where the head says"),
        }
    }
}

impl std::error::Error for Broken {}

/// Verifies an export, line by line, of `organization`'s whole chain. With a
/// `head` also that it ends there; `head` itself is verified by [`verify_head`].
/// Empty lines are skipped.
///
/// # Errors
/// The first line that is wrong.
pub fn verify_export<'a>(
    lines: impl IntoIterator<Item = &'a str>,
    organization: &OrganizationId,
    head: Option<&AuditHead>,
) -> Result<Verified, Broken> {
    let mut verified = Verified {
        count: 0,
        hash: beginning(organization),
    };
    for line in lines.into_iter().filter(|line| !line.is_empty()) {
        let place = verified.count + 1;
        verified.hash = verify_line(line, place, &verified.hash).map_err(|reason| Broken {
            line: place,
            reason,
        })?;
        verified.count = place;
    }
    let ends_there = head.is_none_or(|head| {
        head.organization == *organization
            && head.count == verified.count
            && head.hash == verified.hash
    });
    if ends_there {
        Ok(verified)
    } else {
        Err(Broken {
            line: verified.count + 1,
            reason: Reason::Head,
        })
    }
}

/// Whether a head was signed under one of the ring's keys.
#[must_use]
pub fn verify_head(head: &AuditHead, keyring: &Keyring) -> bool {
    let text = head_text(&head.organization, head.count, &head.hash);
    keyring.verifies_audit_head(&text, &head.signature)
}

/// The line's hash, if it is entry `seq` and follows `previous`.
fn verify_line(line: &str, seq: u64, previous: &str) -> Result<String, Reason> {
    let mut entry: Value = serde_json::from_str(line).map_err(|_| Reason::Form)?;
    if canonical(&entry).as_deref() != Ok(line) {
        return Err(Reason::Form);
    }
    let members = entry.as_object_mut().ok_or(Reason::Form)?;
    let Some(Value::String(hash)) = members.remove("hash") else {
        return Err(Reason::Form);
    };
    let found = members
        .get("seq")
        .and_then(Value::as_u64)
        .ok_or(Reason::Form)?;
    if found != seq {
        return Err(Reason::Sequence { found });
    }
    let follows = members.get("previous").and_then(Value::as_str);
    if follows.ok_or(Reason::Form)? != previous {
        return Err(Reason::Previous);
    }
    let bytes = canonical(&entry).map_err(|_| Reason::Form)?;
    if sha256(&bytes) != hash {
        return Err(Reason::Hash);
    }
    Ok(hash)
}

//! Verifying an exported chain with nothing but the export, its head where one was
//! kept, and the checkpoint that it begins after where its beginning was dropped.
//!
//! A line must be byte for byte what [`canonical`](super::canonical) writes, so
//! that any changed byte is found, a space too.

use std::fmt;

use serde_json::Value;

use super::retention::SEALED;
use super::{beginning, canonical, checkpoint_text, head_text, sha256};
use crate::key::{Keyring, OrganizationId};
use crate::registry::message::{AuditCheckpoint, AuditHead};

/// A chain that holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verified {
    /// The last entry's number: how many entries there are, dropped ones included.
    pub count: u64,
    /// The last one's hash.
    pub hash: String,
}

/// Where a chain breaks first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Broken {
    /// The number of the entry that belongs there; one past the last where the end is
    /// wrong.
    pub entry: u64,
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
    /// The chain passes the head's checkpoint with another hash, or of another
    /// organization.
    Checkpoint,
    /// No entry tells that what comes before the checkpoint was dropped.
    Unsealed,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            Reason::Form => f.write_str("not an audit entry in canonical form"),
            Reason::Sequence { found } => {
                write!(f, "entry {found} stands where entry {} belongs", self.entry)
            }
            Reason::Previous => {
                f.write_str("does not follow the entry before, or is of another organization")
            }
            Reason::Hash => f.write_str("was altered: its hash is another"),
            Reason::Head => f.write_str("the export does not end where the head says"),
            Reason::Checkpoint => f.write_str("the chain does not pass the checkpoint"),
            Reason::Unsealed => {
                f.write_str("no entry tells that what comes before the checkpoint was dropped")
            }
        }
    }
}

impl std::error::Error for Broken {}

/// Verifies an export, line by line, of `organization`'s whole chain. With a
/// `head` also that it ends there; `head` itself is verified by [`verify_head`].
/// Empty lines are skipped.
///
/// # Errors
/// The first entry that is wrong.
pub fn verify_export<'a>(
    lines: impl IntoIterator<Item = &'a str>,
    organization: &OrganizationId,
    head: Option<&AuditHead>,
) -> Result<Verified, Broken> {
    verify(lines, organization, None, head)
}

/// The same of a chain whose beginning was dropped: it follows `checkpoint`, which is
/// itself verified by [`verify_checkpoint`], and tells of it.
///
/// # Errors
/// The first entry that is wrong.
pub fn verify_kept<'a>(
    lines: impl IntoIterator<Item = &'a str>,
    checkpoint: &AuditCheckpoint,
    head: Option<&AuditHead>,
) -> Result<Verified, Broken> {
    verify(lines, &checkpoint.organization, Some(checkpoint), head)
}

fn verify<'a>(
    lines: impl IntoIterator<Item = &'a str>,
    organization: &OrganizationId,
    from: Option<&AuditCheckpoint>,
    head: Option<&AuditHead>,
) -> Result<Verified, Broken> {
    let mut verified = Verified {
        count: from.map_or(0, |from| from.seq),
        hash: from.map_or_else(|| beginning(organization), |from| from.hash.clone()),
    };
    let passed = head.and_then(|head| head.checkpoint.as_ref());
    let mut is_sealed = from.is_none();
    for line in lines.into_iter().filter(|line| !line.is_empty()) {
        let place = verified.count + 1;
        let broken = |reason| Broken {
            entry: place,
            reason,
        };
        let (hash, entry) = verify_line(line, place, &verified.hash).map_err(broken)?;
        let passes = |checkpoint: &AuditCheckpoint| {
            checkpoint.seq != place
                || (checkpoint.hash == hash && checkpoint.organization == *organization)
        };
        if !passed.is_none_or(passes) {
            return Err(broken(Reason::Checkpoint));
        }
        is_sealed = is_sealed || from.is_some_and(|from| tells_of(&entry, from));
        verified = Verified { count: place, hash };
    }
    let ends_there = head.is_none_or(|head| {
        head.organization == *organization
            && head.count == verified.count
            && head.hash == verified.hash
    });
    let reason = match (ends_there, is_sealed) {
        (true, true) => return Ok(verified),
        (false, _) => Reason::Head,
        (true, false) => Reason::Unsealed,
    };
    Err(Broken {
        entry: verified.count + 1,
        reason,
    })
}

/// Whether an entry puts on record that all up to a checkpoint was dropped.
fn tells_of(entry: &Value, checkpoint: &AuditCheckpoint) -> bool {
    let is = |place: &str, value: Value| entry.pointer(place) == Some(&value);
    is("/action", SEALED.into())
        && is("/after/seq", checkpoint.seq.into())
        && is("/after/hash", checkpoint.hash.as_str().into())
}

/// Whether a checkpoint was signed under one of the ring's keys.
#[must_use]
pub fn verify_checkpoint(checkpoint: &AuditCheckpoint, keyring: &Keyring) -> bool {
    let AuditCheckpoint {
        organization,
        seq,
        hash,
        at,
        signature,
    } = checkpoint;
    keyring.verifies_audit_head(&checkpoint_text(organization, *seq, hash, *at), signature)
}

/// Whether a head was signed under one of the ring's keys.
#[must_use]
pub fn verify_head(head: &AuditHead, keyring: &Keyring) -> bool {
    let text = head_text(&head.organization, head.count, &head.hash);
    keyring.verifies_audit_head(&text, &head.signature)
}

/// The line's hash and the entry without it, if it is entry `seq` and follows
/// `previous`.
fn verify_line(line: &str, seq: u64, previous: &str) -> Result<(String, Value), Reason> {
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
    Ok((hash, entry))
}

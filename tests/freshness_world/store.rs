//! The change log's storage as a map.

use std::collections::BTreeMap;
use std::convert::Infallible;

use katalo_keys::freshness::change_log::{KeysRevoked, LogMeta, LogStore};
use katalo_keys::freshness::sync::Requirement;
use katalo_keys::freshness::{Change, Incarnation, Revision, Subject};

use super::{Mutant, Setup};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MapStore {
    meta: Option<LogMeta>,
    rows: BTreeMap<Subject, Change>,
    keys_revoked: BTreeMap<Subject, KeysRevoked>,
    wait_lowered_at_once: bool,
}

impl MapStore {
    pub fn new(incarnation: Incarnation, setup: &Setup) -> Self {
        Self {
            meta: Some(LogMeta {
                incarnation,
                lease: setup.bound,
                wait_for: setup.bound,
            }),
            rows: BTreeMap::new(),
            keys_revoked: BTreeMap::new(),
            wait_lowered_at_once: setup.mutant == Some(Mutant::WaitLoweredAtOnce),
        }
    }

    /// Another life of the log that knows what this one knew, in the same order.
    pub fn reborn(mut self) -> Self {
        if let Some(meta) = &mut self.meta {
            meta.incarnation = Incarnation::from_stored(meta.incarnation.stored() + 1);
        }
        let mut rows: Vec<&mut Change> = self.rows.values_mut().collect();
        rows.sort_by_key(|row| row.seq);
        for (seq, row) in (1..).zip(rows) {
            row.seq = seq;
        }
        self
    }
}

impl LogStore for MapStore {
    type Error = Infallible;

    fn meta_and_head(&self) -> Result<Option<(LogMeta, u64)>, Infallible> {
        let head = self.rows.values().map(|row| row.seq).max().unwrap_or(0);
        Ok(self.meta.map(|meta| (meta, head)))
    }

    fn set_meta(&mut self, meta: &LogMeta) -> Result<(), Infallible> {
        let mut meta = *meta;
        if self.wait_lowered_at_once {
            meta.wait_for = meta.lease;
        }
        self.meta = Some(meta);
        Ok(())
    }

    fn upsert_subject(&mut self, change: &Change, _: Subject) -> Result<(), Infallible> {
        self.rows.insert(change.subject, *change);
        Ok(())
    }

    fn changes_since(&self, seq: u64, limit: usize) -> Result<Vec<Change>, Infallible> {
        let mut changes: Vec<Change> = self.rows.values().copied().collect();
        changes.retain(|change| change.seq > seq);
        changes.sort_by_key(|change| change.seq);
        changes.truncate(limit);
        Ok(changes)
    }

    fn last_change_of(&self, subject: Subject) -> Result<Option<Change>, Infallible> {
        Ok(self.rows.get(&subject).copied())
    }

    fn set_keys_revoked(
        &mut self,
        organization: Subject,
        said: KeysRevoked,
    ) -> Result<(), Infallible> {
        self.keys_revoked.insert(organization, said);
        Ok(())
    }

    fn keys_revoked(&self, organization: Subject) -> Result<Option<KeysRevoked>, Infallible> {
        Ok(self.keys_revoked.get(&organization).copied())
    }

    fn greatest_revision_of(&self, organization: Subject) -> Result<Revision, Infallible> {
        let rows = self.rows.values();
        let its = rows.filter(|row| row.subject.organization() == organization);
        Ok(its.map(|row| row.revision).max().unwrap_or_default())
    }

    fn beyond(
        &self,
        organization: Subject,
        revision: Revision,
        after: Option<Subject>,
        limit: usize,
    ) -> Result<Vec<Requirement>, Infallible> {
        let mut rows: Vec<&Change> = (self.rows.values())
            .filter(|row| row.subject.organization() == organization)
            .filter(|row| {
                let at_it = row.revision == revision;
                row.revision > revision || after.is_some_and(|after| at_it && row.subject > after)
            })
            .collect();
        rows.sort_by_key(|row| (row.revision, row.subject));
        rows.truncate(limit);
        let required = rows.into_iter().map(|row| Requirement {
            subject: row.subject,
            revision: row.revision,
        });
        Ok(required.collect())
    }
}

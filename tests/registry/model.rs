//! Random sequences of commands, on a real SQLite in a file and on a plain model
//! in memory. The two agree on every key's state, on what is enforced, on the
//! counts, on what is refused and on every entry of the audit, whose chain holds.
//!
//! On the way the storage fails at any statement: then nothing at all has
//! changed. And the object is dropped and opened again between two commands.

use std::path::PathBuf;

use katalo_keys::key::{Environment, KeyDigest, KeyId, KeyState, PublicKeyId, Subject};
use katalo_keys::random::Seeded;
use katalo_keys::registry::audit::verify_export;
use katalo_keys::registry::message::{
    Actor, Command, ExportedKey, KeyView, ListUsage, Object, Outcome, Refusal, Reply, Request, Span,
};
use katalo_keys::registry::{self, housekeeping, outbox};
use katalo_keys::time::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::sqlite::Sqlite;
use crate::usage::count;
use crate::world::{
    DAY, HOUR, SECOND, WAIT, World, body, disable, enable, issue, patch, revoke, revoke_all, rotate,
};

#[derive(Clone, Debug)]
enum Act {
    Put { access: Option<bool>, name: u8 },
    Issue { lives_hours: Option<u8> },
    Rename { key: u8, name: u8 },
    Expire { key: u8, hours: Option<u8> },
    Rotate { key: u8, overlap_seconds: u32 },
    Revoke { key: u8 },
    Disable { key: u8 },
    Enable { key: u8 },
    RevokeAll,
    RevokeSelf { key: u8 },
    MarkExposed { key: u8 },
    CountUsage { key: u8, allowed: bool, again: bool },
    ReportBehind { key: u8 },
    Export,
    Import { disabled: bool, revoked: bool },
    ImportAgain,
    Delete,
}

#[derive(Clone, Debug)]
enum Step {
    /// A command; before it, perhaps, the same on a storage that fails at this
    /// statement; and perhaps with a revision that is not the object's.
    Act {
        act: Act,
        fails_at: Option<u8>,
        stale: bool,
    },
    Later(u64),
    Settle,
    Reopen,
    Housekeeping,
}

fn acts() -> impl Strategy<Value = Act> {
    let key = any::<u8>;
    prop_oneof![
        2 => (proptest::option::of(any::<bool>()), 0..3_u8)
            .prop_map(|(access, name)| Act::Put { access, name }),
        5 => proptest::option::of(1..30_u8).prop_map(|lives_hours| Act::Issue { lives_hours }),
        2 => (key(), 0..3_u8).prop_map(|(key, name)| Act::Rename { key, name }),
        1 => (key(), proptest::option::of(1..30_u8))
            .prop_map(|(key, hours)| Act::Expire { key, hours }),
        4 => (key(), prop_oneof![Just(0), Just(1), Just(3_600), Just(86_400)])
            .prop_map(|(key, overlap_seconds)| Act::Rotate { key, overlap_seconds }),
        2 => key().prop_map(|key| Act::Revoke { key }),
        2 => key().prop_map(|key| Act::Disable { key }),
        2 => key().prop_map(|key| Act::Enable { key }),
        1 => Just(Act::RevokeAll),
        1 => key().prop_map(|key| Act::RevokeSelf { key }),
        2 => key().prop_map(|key| Act::MarkExposed { key }),
        3 => (key(), any::<bool>(), any::<bool>())
            .prop_map(|(key, allowed, again)| Act::CountUsage { key, allowed, again }),
        1 => key().prop_map(|key| Act::ReportBehind { key }),
        1 => Just(Act::Export),
        1 => (any::<bool>(), any::<bool>())
            .prop_map(|(disabled, revoked)| Act::Import { disabled, revoked }),
        1 => Just(Act::ImportAgain),
        1 => proptest::bool::weighted(0.2).prop_map(|delete| {
            if delete { Act::Delete } else { Act::RevokeAll }
        }),
    ]
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (acts(), proptest::option::weighted(0.3, 0..25_u8), proptest::bool::weighted(0.1))
            .prop_map(|(act, fails_at, stale)| Step::Act { act, fails_at, stale }),
        2 => prop_oneof![Just(1), Just(SECOND), Just(60 * SECOND), Just(HOUR), Just(DAY)]
            .prop_map(Step::Later),
        1 => Just(Step::Settle),
        1 => Just(Step::Reopen),
        1 => Just(Step::Housekeeping),
    ]
}

struct Key {
    id: KeyId,
    name: String,
    issued: u64,
    revision: u64,
    disabled: bool,
    revoked: bool,
    expires_at: Option<Timestamp>,
    retires_at: Option<Timestamp>,
    replaced_by: Option<KeyId>,
    exposed_at: Option<Timestamp>,
    last_used_at: Option<Timestamp>,
    pending: bool,
}

struct Model {
    name: String,
    access: bool,
    deleted: bool,
    through: u64,
    /// The counter, and the revision of the organization's own fields.
    revision: u64,
    own_revision: u64,
    pending: bool,
    keys: Vec<Key>,
    /// Action and subject.
    audit: Vec<(&'static str, String)>,
    counted: u64,
    /// When the last batch was counted.
    batch: Option<(u64, Timestamp)>,
    exported: Vec<ExportedKey>,
}

/// What the model makes of a command: refused, or what it says of itself.
type Verdict = Result<(), Refusal>;

impl Model {
    fn new() -> Self {
        Self {
            name: "n0".to_owned(),
            access: true,
            deleted: false,
            through: 0,
            revision: 1,
            own_revision: 1,
            pending: false,
            keys: Vec::new(),
            audit: vec![("organization.create", "acme".to_owned())],
            counted: 0,
            batch: None,
            exported: Vec::new(),
        }
    }

    fn place(&self, key: u8) -> Option<usize> {
        usize::from(key).checked_rem(self.keys.len())
    }

    /// The number of the next batch, and whether it was counted before.
    fn next_batch(&self, again: bool) -> (u64, bool) {
        match self.batch {
            Some((batch, _)) if again => (batch, true),
            last => (last.map_or(0, |(batch, _)| batch + 1), false),
        }
    }

    fn is_revoked(&self, key: &Key) -> bool {
        key.revoked || key.issued <= self.through
    }

    fn state(&self, key: &Key, now: Timestamp) -> KeyState {
        let over = |end: Option<Timestamp>| end.is_some_and(|end| end <= now);
        if self.is_revoked(key) {
            KeyState::Revoked
        } else if over(key.expires_at) || over(key.retires_at) {
            KeyState::Expired
        } else if key.disabled {
            KeyState::Disabled
        } else if key.retires_at.is_some() {
            KeyState::Retiring
        } else {
            KeyState::Active
        }
    }

    fn new_key(&mut self, id: KeyId, name: String, expires_at: Option<Timestamp>) {
        self.keys.push(Key {
            id,
            name,
            issued: self.revision,
            revision: self.revision,
            disabled: false,
            revoked: false,
            expires_at,
            retires_at: None,
            replaced_by: None,
            exposed_at: None,
            last_used_at: None,
            pending: false,
        });
    }

    /// Changes the key, if it may be and `change` finds anything to do.
    fn change_key(
        &mut self,
        place: usize,
        action: &'static str,
        decides: bool,
        change: impl FnOnce(&mut Key) -> bool,
    ) {
        let revision = self.revision + 1;
        let key = &mut self.keys[place];
        if change(key) {
            key.revision = revision;
            key.pending |= decides;
            self.revision = revision;
            self.audit.push((action, self.keys[place].id.to_string()));
        }
    }

    fn change_own(&mut self, action: &'static str, decides: bool) {
        self.revision += 1;
        self.own_revision = self.revision;
        self.pending |= decides;
        self.audit.push((action, "acme".to_owned()));
    }

    /// The revision that `If-Match` would have to name; `None` where it counts
    /// for nothing.
    fn current(&self, act: &Act) -> Option<u64> {
        match act {
            Act::Put { .. }
            | Act::Issue { .. }
            | Act::RevokeAll
            | Act::Import { .. }
            | Act::ImportAgain => Some(self.own_revision),
            Act::Delete => (!self.deleted).then_some(self.own_revision),
            Act::Rename { key, .. }
            | Act::Expire { key, .. }
            | Act::Rotate { key, .. }
            | Act::Revoke { key }
            | Act::Disable { key }
            | Act::Enable { key }
            | Act::RevokeSelf { key } => Some(self.keys[self.place(*key)?].revision),
            _ => None,
        }
    }

    fn is_refused_when_deleted(act: &Act) -> Option<Refusal> {
        match act {
            Act::Put { .. } => Some(Refusal::OrganizationIdTaken),
            Act::RevokeSelf { .. }
            | Act::CountUsage { .. }
            | Act::ReportBehind { .. }
            | Act::Delete => None,
            _ => Some(Refusal::NotFound),
        }
    }

    /// Follows a command. `made`: the id of a key that it made, if it did.
    fn follow(&mut self, act: &Act, stale: bool, made: Option<KeyId>, now: Timestamp) -> Verdict {
        if self.deleted
            && let Some(refusal) = Self::is_refused_when_deleted(act)
        {
            return Err(refusal);
        }
        if stale && let Some(current) = self.current(act) {
            return Err(Refusal::RevisionMismatch { current });
        }
        let hours = |hours: Option<u8>| hours.map(|hours| now.plus(u64::from(hours) * HOUR));
        match act {
            Act::Put { access, name } => {
                let access = access.unwrap_or(self.access);
                let name = format!("n{name}");
                let decides = access != self.access;
                if decides || name != self.name {
                    (self.access, self.name) = (access, name);
                    self.change_own("organization.change", decides);
                }
            }
            Act::Issue { lives_hours } => {
                if !self.access {
                    return Err(Refusal::IssuingDisabled);
                }
                let id = made.unwrap();
                self.revision += 1;
                self.new_key(id, "k".to_owned(), hours(*lives_hours));
                self.audit.push(("key.issue", id.to_string()));
            }
            Act::Rename { key, .. } | Act::Expire { key, .. } => {
                let Some(place) = self.place(*key) else {
                    return Ok(());
                };
                if self.is_revoked(&self.keys[place]) {
                    return Err(Refusal::AlreadyRevoked);
                }
                match act {
                    Act::Rename { name, .. } => {
                        self.change_key(place, "key.change", false, |key| {
                            let name = format!("k{name}");
                            std::mem::replace(&mut key.name, name.clone()) != name
                        });
                    }
                    Act::Expire { hours: end, .. } => {
                        let end = hours(*end);
                        self.change_key(place, "key.change", true, |key| {
                            std::mem::replace(&mut key.expires_at, end) != end
                        });
                    }
                    _ => unreachable!(),
                }
            }
            Act::Rotate {
                key,
                overlap_seconds,
            } => {
                let Some(place) = self.place(*key) else {
                    return Ok(());
                };
                let key = &self.keys[place];
                if self.state(key, now) != KeyState::Active || key.replaced_by.is_some() {
                    return Err(Refusal::NotRotatable);
                }
                if !self.access {
                    return Err(Refusal::IssuingDisabled);
                }
                let (name, end) = (key.name.clone(), key.expires_at);
                self.change_key(place, "key.rotate", true, |key| {
                    key.replaced_by = made;
                    let overlap = u64::from(*overlap_seconds) * SECOND;
                    // One of a second begins after the wait.
                    let wait = if overlap == SECOND { WAIT } else { 0 };
                    key.retires_at = Some(now.plus(overlap + wait));
                    true
                });
                self.new_key(made.unwrap(), name, end);
            }
            Act::Revoke { key } | Act::RevokeSelf { key } => {
                if let Some(place) = self.place(*key)
                    && !self.is_revoked(&self.keys[place])
                {
                    self.change_key(place, "key.revoke", true, |key| {
                        key.revoked = true;
                        true
                    });
                }
            }
            Act::Disable { key } | Act::Enable { key } => {
                let Some(place) = self.place(*key) else {
                    return Ok(());
                };
                if self.is_revoked(&self.keys[place]) {
                    return Err(Refusal::AlreadyRevoked);
                }
                let (action, disabled) = match act {
                    Act::Disable { .. } => ("key.disable", true),
                    _ => ("key.enable", false),
                };
                self.change_key(place, action, true, |key| {
                    std::mem::replace(&mut key.disabled, disabled) != disabled
                });
            }
            Act::RevokeAll => {
                if self.keys.iter().any(|key| key.issued > self.through) {
                    self.change_own("organization.revoke_all", true);
                    self.through = self.revision;
                }
            }
            Act::MarkExposed { key } => {
                if let Some(place) = self.place(*key) {
                    let key = &mut self.keys[place];
                    if key.exposed_at.is_none_or(|at| now.since(at) >= 60 * SECOND) {
                        key.exposed_at = Some(now);
                        self.audit.push(("key.exposed", key.id.to_string()));
                    }
                }
            }
            Act::CountUsage {
                key,
                allowed,
                again,
            } => {
                let (batch, is_known) = self.next_batch(*again);
                if let Some(place) = self.place(*key)
                    && !self.deleted
                    && !is_known
                {
                    self.batch = Some((batch, now));
                    self.counted += 1;
                    let key = &mut self.keys[place];
                    if *allowed {
                        key.last_used_at = key.last_used_at.max(Some(now));
                    }
                }
            }
            Act::ReportBehind { .. } => {}
            Act::Export => self.audit.push(("organization.export", "acme".to_owned())),
            Act::Import { disabled, revoked } => {
                self.revision += 1;
                self.new_key(made.unwrap(), "i".to_owned(), None);
                let key = self.keys.last_mut().unwrap();
                (key.disabled, key.revoked) = (*disabled, *revoked);
                self.audit.push(("organization.import", "acme".to_owned()));
            }
            Act::ImportAgain => {}
            Act::Delete => {
                if !self.deleted {
                    self.change_own("organization.delete", true);
                    self.deleted = true;
                    self.access = false;
                    self.through = self.revision;
                }
            }
        }
        Ok(())
    }
}

struct Both {
    world: World,
    model: Model,
    path: PathBuf,
    foreign: u64,
}

impl Both {
    fn new(path: PathBuf) -> Self {
        let _ = std::fs::remove_file(&path);
        let mut world = World::empty("acme");
        world.sql = Sqlite::at(&path);
        registry::migrate(&world.sql).unwrap();
        world.settings.transfer = true;
        world.put(json!({"name": "n0", "api_access": "enabled"}));
        Self {
            world,
            model: Model::new(),
            path,
            foreign: 1_000,
        }
    }

    fn reopen(&mut self) {
        self.world.sql = Sqlite::in_memory();
        self.world.sql = Sqlite::at(&self.path);
        registry::migrate(&self.world.sql).unwrap();
    }

    /// The command, who gives it, and the id of a key that it brings along.
    fn command(&mut self, act: &Act) -> Option<(Command, Actor, Option<KeyId>)> {
        let model = &self.model;
        let root = self.world.actor.clone();
        let of = |key: u8| model.place(key).map(|place| model.keys[place].id);
        let at = |hours: Option<u8>| {
            json!(hours.map(|h| self.world.now.plus(u64::from(h) * HOUR).to_rfc3339()))
        };
        let command = match act {
            Act::Put { access, name } => {
                let mut order = json!({"name": format!("n{name}")});
                if let Some(access) = access {
                    order["api_access"] = json!(if *access { "enabled" } else { "disabled" });
                }
                Command::PutOrganization(body(order))
            }
            Act::Issue { lives_hours } => {
                let mut order = json!({"name": "k", "environment": "live", "scopes": ["read"]});
                if lives_hours.is_some() {
                    order["expires_at"] = at(*lives_hours);
                }
                issue(order)
            }
            Act::Rename { key, name } => patch(of(*key)?, json!({"name": format!("k{name}")})),
            Act::Expire { key, hours } => patch(of(*key)?, json!({"expires_at": at(*hours)})),
            Act::Rotate {
                key,
                overlap_seconds,
            } => rotate(of(*key)?, u64::from(*overlap_seconds)),
            Act::Revoke { key } => revoke(of(*key)?, "unspecified"),
            Act::Disable { key } => disable(of(*key)?),
            Act::Enable { key } => enable(of(*key)?),
            Act::RevokeAll => revoke_all(),
            Act::RevokeSelf { key } => {
                let id = of(*key)?;
                let key = id.public;
                return Some((Command::RevokeSelf { key }, Actor::Holder { id }, None));
            }
            Act::MarkExposed { key } => {
                let (key, origin) = (of(*key)?.public, "https://page.example".to_owned());
                return Some((Command::MarkExposed { key, origin }, Actor::System, None));
            }
            Act::CountUsage {
                key,
                allowed,
                again,
            } => {
                let (batch, _) = model.next_batch(*again);
                let outcome = if *allowed { "allowed" } else { "disabled_key" };
                let rows = vec![count(of(*key)?.public, "read", outcome, 1, self.world.now)];
                let batch = format!("b{batch}");
                return Some((Command::CountUsage { batch, rows }, Actor::System, None));
            }
            Act::ReportBehind { key } => {
                let subject = Subject::from(of(*key)?.public);
                return Some((Command::ReportBehind { subject }, Actor::System, None));
            }
            Act::Export => Command::Export {
                cursor: None,
                limit: 200.try_into().unwrap(),
            },
            Act::Import { disabled, revoked } => {
                self.foreign += 1;
                let tag = self.world.organization.tag();
                let minted = self
                    .world
                    .keyring
                    .mint(Environment::Live, tag, &mut Seeded(self.foreign))
                    .unwrap();
                let id = *minted.id();
                let digest: KeyDigest = self.world.keyring.digest(&minted).unwrap();
                let line = json!({
                    "v": 1, "id": id, "digest": digest, "name": "i", "scopes": ["read"],
                    "created_at": "2026-01-01T00:00:00.000Z", "created_by": {"kind": "key"},
                    "disabled": disabled,
                    "revoked_at": revoked.then_some("2026-02-01T00:00:00.000Z"),
                    "revocation_reason": revoked.then_some("key_compromise"),
                });
                let order = Command::Import(body(json!({"keys": [line]})));
                return Some((order, root, Some(id)));
            }
            Act::ImportAgain => {
                let lines: Vec<Value> = model.exported.iter().map(|line| json!(line)).collect();
                Command::Import(body(json!({"keys": lines})))
            }
            Act::Delete => Command::DeleteOrganization(body(json!({}))),
        };
        Some((command, root, None))
    }

    fn act(&mut self, act: &Act, fails_at: Option<u8>, stale: bool) {
        let Some((command, actor, brought)) = self.command(act) else {
            return;
        };
        let mut request = self.world.request(command);
        request.actor = actor;
        request.if_match = stale.then_some(1 << 40);
        let before = registry::revision(&self.world.sql).unwrap();
        let reply = match fails_at.and_then(|at| self.fail(&request, at)) {
            Some(reply) => reply,
            None => self.world.send(&request),
        };
        self.is_appended(before);
        let made = brought.or_else(|| made(&reply));
        let verdict = self.model.follow(act, stale, made, self.world.now);
        match (&reply, &verdict) {
            (Ok(_), Ok(())) => {}
            // Until when it can be restored is another test's.
            (Err(Refusal::OrganizationDeleted { .. }), Err(Refusal::OrganizationIdTaken)) => {}
            (Err(refused), Err(expected)) => assert_eq!(refused, expected, "{act:?}"),
            _ => panic!("{act:?}: {reply:?}, and not {verdict:?}"),
        }
        if let Ok(Outcome::Export(page)) = reply {
            self.model.exported = page.items;
        }
    }

    /// What the change log will require of a record is where the record is: an
    /// edge that shows the registry more has found a change that was lost. And the
    /// log knows the registry's own revision.
    fn is_appended(&mut self, before: u64) {
        let rows = outbox::pending_appends(&self.world.sql, before).unwrap();
        let last = rows.iter().map(|row| row.revision).max();
        let now = registry::revision(&self.world.sql).unwrap();
        assert_eq!(last.unwrap_or(before), now);
        for row in rows {
            let held = match PublicKeyId::parse(row.subject.as_str().as_bytes()) {
                Some(key) => self.world.records(key).key.map(|key| key.revision),
                None => {
                    let view = self.world.ask(Command::GetOrganization {});
                    let Ok(Outcome::Organization(view)) = view else {
                        panic!("{view:?}")
                    };
                    Some(view.revision)
                }
            };
            assert_eq!(held, Some(row.revision), "{:?}", row.subject);
        }
    }

    /// The storage fails at a statement: nothing has changed. The reply, where
    /// the command came to its end before.
    fn fail(&mut self, request: &Request, at: u8) -> Option<Reply> {
        let before = self.world.sql.dump();
        self.world.sql.fail_after(u64::from(at));
        let reply = self.world.handle(request);
        self.world.sql.heal();
        if reply.is_err() {
            assert!(self.world.sql.dump() == before, "{:?}", request.command);
            self.reopen();
            assert!(self.world.sql.dump() == before, "opened again");
        }
        reply.ok()
    }

    fn agree(&mut self) {
        let now = self.world.now;
        let page = self
            .world
            .ask(Command::ListKeys(body(json!({"limit": 200}))));
        let Ok(Outcome::Keys(page)) = page else {
            panic!("{page:?}")
        };
        let model = &self.model;
        let expected: Vec<_> = model
            .keys
            .iter()
            .rev()
            .map(|key| {
                (
                    key.id,
                    key.name.clone(),
                    model.state(key, now),
                    key.revision,
                    (key.expires_at, key.retires_at, key.replaced_by),
                    (key.exposed_at, key.last_used_at),
                    !key.pending && !model.pending,
                )
            })
            .collect();
        let seen = |key: &KeyView| {
            (
                key.id,
                key.name.clone(),
                key.state,
                key.revision,
                (key.expires_at, key.retires_at, key.replaced_by),
                (key.exposed_at, key.last_used_at),
                key.enforced,
            )
        };
        assert_eq!(page.items.iter().map(seen).collect::<Vec<_>>(), expected);
        let reply = self.world.ask(Command::GetOrganization {});
        let Ok(Outcome::Organization(view)) = reply else {
            panic!("{reply:?}")
        };
        let model = &self.model;
        let counts = json!(view.keys);
        for state in ["active", "retiring", "disabled", "expired", "revoked"] {
            let stands = |key: &&Key| model.state(key, now).as_str() == state;
            let count = model.keys.iter().filter(stands).count();
            assert_eq!(counts[state], json!(count), "{state}");
        }
        assert_eq!(
            (
                view.name,
                view.revision,
                view.enforced,
                view.deleted_at.is_some()
            ),
            (
                model.name.clone(),
                model.own_revision,
                !model.pending,
                model.deleted
            )
        );
        assert_eq!(registry::revision(&self.world.sql).unwrap(), model.revision);
    }

    /// The audit, its chain and the counts, at the end.
    fn end(&mut self) {
        let lines = self.world.lines();
        verify_export(
            lines.iter().map(String::as_str),
            &self.world.organization,
            None,
        )
        .unwrap();
        let seen: Vec<(String, String)> = lines
            .iter()
            .map(|line| {
                let entry: Value = serde_json::from_str(line).unwrap();
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                (text(&entry["action"]), text(&entry["subject"]["id"]))
            })
            .collect();
        let expected: Vec<_> = self
            .model
            .audit
            .iter()
            .map(|(action, subject)| ((*action).to_owned(), subject.clone()))
            .collect();
        assert_eq!(seen, expected);
        let usage = self.world.ask(Command::ListUsage(ListUsage {
            from: Timestamp(0),
            to: Timestamp(1 << 50),
            by: Span::Day,
            key: None,
            cursor: None,
            limit: 200.try_into().unwrap(),
        }));
        let Ok(Outcome::Usage(page)) = usage else {
            panic!("{usage:?}")
        };
        let total: u64 = page.items.iter().map(|row| row.count).sum();
        assert_eq!(total, self.model.counted);
    }
}

/// The id of the key that a reply brings.
fn made(reply: &Reply) -> Option<KeyId> {
    match reply {
        Ok(Outcome::Changed(changed)) => match &changed.object {
            Object::Issued(issued) => Some(issued.key.id),
            _ => None,
        },
        _ => None,
    }
}

fn run(steps: &[Step]) {
    let name = format!("model-{}.sqlite", std::process::id());
    let mut both = Both::new(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name));
    for step in steps {
        match step {
            Step::Act {
                act,
                fails_at,
                stale,
            } => both.act(act, *fails_at, *stale),
            Step::Later(milliseconds) => both.world.later(*milliseconds),
            Step::Settle => {
                both.world.settle();
                both.model.pending = false;
                for key in &mut both.model.keys {
                    key.pending = false;
                }
            }
            Step::Reopen => both.reopen(),
            Step::Housekeeping => {
                let now = both.world.now;
                housekeeping(
                    &both.world.sql,
                    &both.world.keyring,
                    &both.world.settings,
                    now,
                )
                .unwrap();
                // Batches of an hour ago are forgotten, and would count again.
                if let Some((_, at)) = both.model.batch
                    && now.since(at) >= HOUR
                {
                    both.model.batch = None;
                }
            }
        }
        both.agree();
    }
    both.end();
    drop(both.world);
    let _ = std::fs::remove_file(both.path);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_registry_and_a_plain_model_agree(
        steps in proptest::collection::vec(steps(), 1..60)
    ) {
        run(&steps);
    }
}

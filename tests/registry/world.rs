//! A registry with a clock, and short words for what tests say often.

use std::collections::BTreeSet;

use katalo_keys::key::{
    Brand, KeyId, Keyring, OrganizationId, PublicKeyId, Scope, Scopes, Subject,
};
use katalo_keys::random::Seeded;
use katalo_keys::registry::message::{
    Actor, Admin, Changed, Command, Idempotency, Issued, KeyView, MESSAGE_VERSION, Object, Outcome,
    Records, Refusal, Reply, Request, RequiredRevisions,
};
use katalo_keys::registry::{self, ADMIN_SCOPES, RegistrySettings, outbox};
use katalo_keys::sql::SqlError;
use katalo_keys::time::Timestamp;
use serde_json::{Value, json};

use crate::sqlite::Sqlite;

pub const ROOT_KEYS: &str = r#"{"current":"2","keys":{
    "1":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
    "2":"ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="}}"#;

pub const SECOND: u64 = 1_000;
/// What a change waits once the change log has it.
pub const WAIT: u64 = 5_151;
pub const HOUR: u64 = 3_600 * SECOND;
pub const DAY: u64 = 24 * HOUR;
pub const START: Timestamp = Timestamp(1_795_478_400_000);

pub fn keyring() -> Keyring {
    Keyring::parse(Brand::KATALO, ROOT_KEYS).unwrap()
}

pub fn organization(id: &str) -> OrganizationId {
    OrganizationId::parse(id).unwrap()
}

pub fn scopes(names: &[&str]) -> Scopes {
    Scopes::new(
        names
            .iter()
            .map(|name| Scope::parse(name).unwrap())
            .collect(),
    )
    .unwrap()
}

/// The scopes there are for clients' keys.
pub fn client_scopes(names: &[&str]) -> BTreeSet<Scope> {
    scopes(names).iter().cloned().collect()
}

/// An admin key that is nowhere, for organizations of clients.
pub fn admin(names: &[&str]) -> Actor {
    let tag = OrganizationId::platform().tag();
    let key = keyring()
        .mint(katalo_keys::key::Environment::Admin, tag, &mut Seeded(99))
        .unwrap();
    Actor::Key(Admin {
        id: *key.id(),
        name: "Ops".to_owned(),
        scopes: scopes(names),
        bound_organization: None,
    })
}

pub fn root() -> Actor {
    admin(&ADMIN_SCOPES)
}

/// An admin as the edge would prove it from this key.
pub fn admin_of(key: &KeyView) -> Actor {
    Actor::Key(Admin {
        id: key.id,
        name: key.name.clone(),
        scopes: key.scopes.clone(),
        bound_organization: key.bound_organization.clone(),
    })
}

pub fn body<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

pub struct World {
    pub sql: Sqlite,
    pub keyring: Keyring,
    pub settings: RegistrySettings,
    pub now: Timestamp,
    pub randomness: Seeded,
    pub organization: OrganizationId,
    pub actor: Actor,
    requests: u64,
}

impl World {
    /// A registry that holds nothing.
    pub fn empty(id: &str) -> Self {
        let sql = Sqlite::in_memory();
        registry::migrate(&sql).unwrap();
        Self {
            sql,
            keyring: keyring(),
            settings: RegistrySettings {
                client_scopes: client_scopes(&["billing", "create", "read", "regenerate", "usage"]),
                ..RegistrySettings::default()
            },
            now: START,
            randomness: Seeded(1),
            organization: organization(id),
            actor: root(),
            requests: 0,
        }
    }

    /// `acme` with access on.
    pub fn acme() -> Self {
        let mut world = Self::empty("acme");
        world.put(json!({"name": "Acme", "api_access": "enabled"}));
        world
    }

    /// `_platform` with its first admin, who acts.
    pub fn platform() -> (Self, KeyView) {
        let mut world = Self::empty("_platform");
        world.actor = Actor::Bootstrap;
        let first = world.issued(Command::Bootstrap {
            token_digest: "t1".to_owned(),
        });
        world.actor = admin_of(&first.key);
        (world, first.key)
    }

    pub fn request(&mut self, command: Command) -> Request {
        self.requests += 1;
        Request {
            v: MESSAGE_VERSION,
            organization: Some(self.organization.clone()),
            actor: self.actor.clone(),
            request_id: format!("r{}", self.requests),
            if_match: None,
            must_exist: false,
            idempotency: None,
            command,
        }
    }

    /// Through JSON both ways, as between Worker and object.
    pub fn send(&mut self, request: &Request) -> Reply {
        let request: Request =
            serde_json::from_str(&serde_json::to_string(request).unwrap()).unwrap();
        let reply = self.handle(&request).unwrap();
        serde_json::from_str(&serde_json::to_string(&reply).unwrap()).unwrap()
    }

    /// Where the storage may fail.
    pub fn handle(&mut self, request: &Request) -> Result<Reply, SqlError> {
        registry::handle(
            &self.sql,
            &self.keyring,
            &self.settings,
            request,
            self.now,
            &mut self.randomness,
        )
    }

    pub fn ask(&mut self, command: Command) -> Reply {
        let request = self.request(command);
        self.send(&request)
    }

    pub fn ask_if(&mut self, revision: u64, command: Command) -> Reply {
        let mut request = self.request(command);
        request.if_match = Some(revision);
        self.send(&request)
    }

    pub fn ask_once(&mut self, key: &str, body_digest: &str, command: Command) -> Reply {
        let mut request = self.request(command);
        request.idempotency = Some(Idempotency {
            key: key.to_owned(),
            body_digest: body_digest.to_owned(),
        });
        self.send(&request)
    }

    pub fn ask_as(&mut self, actor: Actor, command: Command) -> Reply {
        let before = std::mem::replace(&mut self.actor, actor);
        let reply = self.ask(command);
        self.actor = before;
        reply
    }

    pub fn refused(&mut self, command: Command) -> Refusal {
        self.ask(command).unwrap_err()
    }

    pub fn changed(&mut self, command: Command) -> Changed {
        changed(self.ask(command))
    }

    pub fn put(&mut self, order: Value) -> Changed {
        self.changed(Command::PutOrganization(body(order)))
    }

    pub fn issued(&mut self, command: Command) -> Issued {
        issued(self.ask(command))
    }

    /// A key for `read`.
    pub fn key(&mut self, name: &str) -> KeyView {
        self.issued(issue(json!({
            "name": name, "environment": "live", "scopes": ["read"]
        })))
        .key
    }

    /// The id of a key of this organization, made by itself.
    pub fn key_elsewhere(mut self) -> KeyId {
        self.put(json!({"name": "Other", "api_access": "enabled"}));
        self.key("elsewhere").id
    }

    pub fn get(&mut self, id: KeyId) -> KeyView {
        match self.ask(Command::GetKey { id }) {
            Ok(Outcome::Key(key)) => *key,
            other => panic!("{other:?}"),
        }
    }

    pub fn changed_key(&mut self, command: Command) -> KeyView {
        match self.changed(command).object {
            Object::Key(key) => *key,
            other => panic!("{other:?}"),
        }
    }

    pub fn records(&mut self, key: PublicKeyId) -> Records {
        match self.ask_as(Actor::System, read(key)) {
            Ok(Outcome::Records(records)) => *records,
            other => panic!("{other:?}"),
        }
    }

    /// Every audit line so far.
    pub fn audit(&mut self) -> Vec<Value> {
        self.lines()
            .iter()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    pub fn lines(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut after = Some(0);
        while let Some(from) = after {
            let asked = body(json!({"after": from, "limit": 200}));
            match self.ask(Command::ListAudit(asked)) {
                Ok(Outcome::Audit(page)) => {
                    lines.extend(page.lines);
                    after = page.next_after;
                }
                other => panic!("{other:?}"),
            }
        }
        lines
    }

    /// The change log and Workers KV take all there is.
    pub fn settle(&mut self) {
        for row in outbox::pending_appends(&self.sql, 0).unwrap() {
            assert!(outbox::mark_enforced(&self.sql, row.subject, row.revision, self.now).unwrap());
        }
        for row in outbox::pending_publications(&self.sql, Timestamp(1 << 52), 10_000).unwrap() {
            assert!(
                outbox::mark_published(&self.sql, row.subject, row.revision, self.now).unwrap()
            );
        }
    }

    pub fn later(&mut self, milliseconds: u64) {
        self.now = self.now.plus(milliseconds);
    }

    pub fn subject(&self) -> Subject {
        Subject::from(self.organization.tag())
    }
}

pub fn changed(reply: Reply) -> Changed {
    match reply {
        Ok(Outcome::Changed(changed)) => *changed,
        other => panic!("{other:?}"),
    }
}

pub fn issued(reply: Reply) -> Issued {
    match changed(reply).object {
        Object::Issued(issued) => *issued,
        other => panic!("{other:?}"),
    }
}

pub fn issue(order: Value) -> Command {
    Command::IssueKey(body(order))
}

pub fn read(key: PublicKeyId) -> Command {
    Command::Records {
        key,
        required: RequiredRevisions::default(),
    }
}

pub fn patch(id: KeyId, order: Value) -> Command {
    Command::PatchKey {
        id,
        patch: body(order),
    }
}

pub fn rotate(id: KeyId, overlap_seconds: u64) -> Command {
    Command::RotateKey {
        id,
        rotation: body(json!({"overlap_seconds": overlap_seconds})),
    }
}

pub fn revoke(id: KeyId, reason: &str) -> Command {
    Command::RevokeKey {
        id,
        revocation: body(json!({"reason": reason})),
    }
}

pub fn revoke_all() -> Command {
    Command::RevokeAll(body(json!({"reason": "unspecified"})))
}

pub fn disable(id: KeyId) -> Command {
    Command::DisableKey {
        id,
        body: body(json!({})),
    }
}

pub fn enable(id: KeyId) -> Command {
    Command::EnableKey {
        id,
        body: body(json!({})),
    }
}

//! As `model`, for what only `_platform` has: admin keys and the last-admin rule,
//! bootstrap tokens, sessions, notes.

use std::collections::{BTreeMap, BTreeSet};

use katalo_keys::key::KeyId;
use katalo_keys::registry::audit::verify_export;
use katalo_keys::registry::housekeeping;
use katalo_keys::registry::message::{
    Actor, Admin, Command, FailedAuthentication, KeyView, Outcome, Refusal, Reply, SessionToken,
};
use katalo_keys::time::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::notes::status;
use crate::world::{
    HOUR, SECOND, World, admin_of, changed, disable, enable, issue, organization, revoke, root,
    scopes,
};

#[derive(Clone, Debug)]
enum Act {
    Bootstrap(u8),
    Issue(Kind),
    Disable(u8),
    Enable(u8),
    Revoke(u8),
    RevokeSelf(u8),
    Open(u8),
    Read(u8),
    Close(u8),
    Preflight(u8),
    Failure,
    Deletion(u8),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// It may read, and no more.
    Reader,
    /// It keeps the last-admin rule.
    Steward,
    /// It is tied to `acme`.
    Tied,
}

#[derive(Clone, Debug)]
enum Step {
    Act(Act, Option<u8>),
    Failures(u8),
    Later(u64),
    Housekeeping,
}

fn steps() -> impl Strategy<Value = Step> {
    let some = any::<u8>;
    let act = prop_oneof![
        1 => (0..4_u8).prop_map(Act::Bootstrap),
        3 => prop_oneof![Just(Kind::Reader), Just(Kind::Steward), Just(Kind::Tied)]
            .prop_map(Act::Issue),
        2 => some().prop_map(Act::Disable),
        2 => some().prop_map(Act::Enable),
        1 => some().prop_map(Act::Revoke),
        1 => some().prop_map(Act::RevokeSelf),
        8 => some().prop_map(Act::Open),
        4 => some().prop_map(Act::Read),
        2 => some().prop_map(Act::Close),
        2 => (0..5_u8).prop_map(Act::Preflight),
        1 => Just(Act::Failure),
        1 => (0..3_u8).prop_map(Act::Deletion),
    ];
    prop_oneof![
        10 => (act, proptest::option::weighted(0.3, 0..20_u8))
            .prop_map(|(act, fails_at)| Step::Act(act, fails_at)),
        1 => (0..250_u8).prop_map(Step::Failures),
        2 => prop_oneof![Just(SECOND), Just(HOUR / 2), Just(HOUR)].prop_map(Step::Later),
        1 => Just(Step::Housekeeping),
    ]
}

struct Key {
    view: KeyView,
    kind: Kind,
    disabled: bool,
    revoked: bool,
}

impl Key {
    fn is_usable(&self) -> bool {
        !self.disabled && !self.revoked
    }
}

struct Session {
    token: SessionToken,
    key: usize,
    expires_at: Timestamp,
}

#[derive(Default)]
struct Model {
    keys: Vec<Key>,
    sessions: Vec<Session>,
    /// Every token that there was.
    tokens: Vec<SessionToken>,
    bootstrapped: BTreeSet<u8>,
    preflights: BTreeMap<String, u64>,
    deletions: BTreeSet<u8>,
    /// How many there ever were.
    failed: u64,
    failures: Failures,
    audit: Vec<&'static str>,
}

/// Failed authentications of an hour.
#[derive(Default)]
struct Failures {
    hour: u64,
    /// On record by class.
    noted: [u64; 2],
    /// On record by class and key.
    by_key: BTreeMap<(u64, u64), u64>,
    /// Only counted.
    suppressed: u64,
}

impl Model {
    fn key(&self, place: u8) -> Option<usize> {
        usize::from(place).checked_rem(self.keys.len())
    }

    fn is_last_admin(&self, place: usize) -> bool {
        let steward = |key: &Key| key.kind == Kind::Steward && key.is_usable();
        let others = self.keys.iter().enumerate();
        steward(&self.keys[place])
            && !others
                .filter(|(at, _)| *at != place)
                .any(|(_, key)| steward(key))
    }

    fn drop_expired(&mut self, now: Timestamp) {
        self.sessions.retain(|session| session.expires_at > now);
    }

    /// What an hour that is over left out is on record, once.
    fn tell_suppressed(&mut self, now: Timestamp) {
        if self.failures.hour != now.0 / HOUR && self.failures.suppressed > 0 {
            self.audit.push("authentication.failures_suppressed");
            self.failures.suppressed = 0;
        }
    }

    fn fail(&mut self, now: Timestamp) {
        let hour = now.0 / HOUR;
        if self.failures.hour != hour {
            self.tell_suppressed(now);
            self.failures = Failures {
                hour,
                ..Failures::default()
            };
        }
        let (class, key) = (self.failed % 2, self.failed % FAILING_KEYS);
        self.failed += 1;
        let of_class = &mut self.failures.noted[class as usize];
        let of_key = self.failures.by_key.entry((class, key)).or_default();
        if *of_class < 100 && *of_key < 20 {
            *of_class += 1;
            *of_key += 1;
            self.audit.push("authentication.failed");
        } else {
            self.failures.suppressed += 1;
        }
    }

    fn follow(&mut self, act: &Act, reply: &Reply, now: Timestamp) -> Result<(), Refusal> {
        match act {
            Act::Bootstrap(token) => {
                if !self.bootstrapped.insert(*token) {
                    return Err(Refusal::AlreadyBootstrapped);
                }
                self.audit.push("platform.bootstrap");
                self.made(reply, Kind::Steward);
            }
            Act::Issue(kind) => {
                if self.keys.is_empty() {
                    return Err(Refusal::NotFound);
                }
                self.audit.push("key.issue");
                self.made(reply, *kind);
            }
            Act::Disable(place) | Act::Enable(place) => {
                let Some(place) = self.key(*place) else {
                    return Ok(());
                };
                let disabled = matches!(act, Act::Disable(_));
                if self.keys[place].revoked {
                    return Err(Refusal::AlreadyRevoked);
                }
                if disabled && self.is_last_admin(place) {
                    return Err(Refusal::LastAdmin);
                }
                let key = &mut self.keys[place];
                if std::mem::replace(&mut key.disabled, disabled) != disabled {
                    self.audit.push(if disabled {
                        "key.disable"
                    } else {
                        "key.enable"
                    });
                }
            }
            Act::Revoke(place) | Act::RevokeSelf(place) => {
                let Some(place) = self.key(*place) else {
                    return Ok(());
                };
                if self.keys[place].revoked {
                    return Ok(());
                }
                if matches!(act, Act::Revoke(_)) && self.is_last_admin(place) {
                    return Err(Refusal::LastAdmin);
                }
                self.keys[place].revoked = true;
                self.audit.push("key.revoke");
            }
            Act::Open(place) => {
                let Some(key) = self.key(*place) else {
                    return Ok(());
                };
                if !self.keys[key].is_usable() {
                    return Err(Refusal::NoSession);
                }
                let Ok(Outcome::Session(session)) = reply else {
                    panic!("{reply:?}")
                };
                let token = session.token.clone().unwrap();
                self.tokens.push(token.clone());
                self.drop_expired(now);
                self.sessions.push(Session {
                    token,
                    key,
                    expires_at: now.plus(HOUR),
                });
                let of_key = |session: &Session| session.key == key;
                if self
                    .sessions
                    .iter()
                    .filter(|session| of_key(session))
                    .count()
                    > 10
                {
                    let oldest = self.sessions.iter().position(of_key).unwrap();
                    self.sessions.remove(oldest);
                }
                self.audit.push("session.open");
            }
            Act::Read(place) => {
                let Some(token) = self.token(*place) else {
                    return Ok(());
                };
                let session = self.session(&token).map(|place| &self.sessions[place]);
                let holds = session.is_some_and(|session| {
                    session.expires_at > now && self.keys[session.key].is_usable()
                });
                return if holds {
                    Ok(())
                } else {
                    Err(Refusal::NoSession)
                };
            }
            Act::Close(place) => {
                let Some(token) = self.token(*place) else {
                    return Ok(());
                };
                if let Some(place) = self.session(&token) {
                    self.sessions.remove(place);
                    self.audit.push("session.close");
                }
            }
            Act::Preflight(origin) => {
                *self.preflights.entry(format!("o{origin}")).or_default() += 1;
            }
            Act::Failure => self.fail(now),
            Act::Deletion(which) => {
                if self.deletions.insert(*which) {
                    self.audit.push("organization.delete");
                    let tied = |key: &&mut Key| key.kind == Kind::Tied && !key.revoked;
                    for key in self.keys.iter_mut().filter(tied) {
                        key.revoked = true;
                        self.audit.push("key.revoke");
                    }
                }
            }
        }
        Ok(())
    }

    fn made(&mut self, reply: &Reply, kind: Kind) {
        let Ok(Outcome::Changed(changed)) = reply else {
            panic!("{reply:?}")
        };
        let katalo_keys::registry::message::Object::Issued(issued) = &changed.object else {
            panic!("{reply:?}")
        };
        self.keys.push(Key {
            view: issued.key.clone(),
            kind,
            disabled: false,
            revoked: false,
        });
    }

    fn token(&self, place: u8) -> Option<SessionToken> {
        let place = usize::from(place).checked_rem(self.tokens.len())?;
        Some(self.tokens[place].clone())
    }

    fn session(&self, token: &SessionToken) -> Option<usize> {
        let is = |session: &Session| session.token.expose() == token.expose();
        self.sessions.iter().position(is)
    }
}

/// Failures are of one key after the other: an even number, so that each is of one
/// class, and enough to use up the room of both.
const FAILING_KEYS: u64 = 12;

/// The nth failure there ever is, as an older edge and as a newer one tells it.
fn failure(nth: u64) -> Command {
    let classes = ["invalid_key", "revoked_key"];
    let problem = classes[(nth % 2) as usize].to_owned();
    let key = format!("kat_admin_200000000000000000{:012}", nth % FAILING_KEYS);
    let (key, route) = (KeyId::parse(&key), "GET /admin/v1/status".to_owned());
    if nth.is_multiple_of(3) {
        return Command::NoteFailedAuthentication {
            problem,
            key,
            route,
            address: None,
        };
    }
    let failure = FailedAuthentication {
        problem,
        key,
        route,
        address: None,
        count: 1,
    };
    Command::NoteFailures {
        failures: vec![failure],
        beyond_proven: 0,
        beyond_unproven: 0,
    }
}

fn command(model: &Model, act: &Act) -> Option<(Command, Actor)> {
    let of = |place: u8| model.key(place).map(|place| model.keys[place].view.id);
    let by_system = |command| Some((command, Actor::System));
    // Whose key it is, the last-admin rule does not ask.
    let first = model.keys.first();
    let by_root = |command| Some((command, first.map_or_else(root, |key| admin_of(&key.view))));
    match act {
        Act::Bootstrap(token) => {
            let token_digest = format!("t{token}");
            Some((Command::Bootstrap { token_digest }, Actor::Bootstrap))
        }
        Act::Issue(kind) => {
            let (scope, tied) = match kind {
                Kind::Reader => ("keys:read", None),
                Kind::Steward => ("admins:write", None),
                Kind::Tied => ("keys:read", Some("acme")),
            };
            by_root(issue(
                json!({"name": "k", "environment": "admin", "scopes": [scope],
                "bound_organization": tied}),
            ))
        }
        Act::Disable(place) => by_root(disable(of(*place)?)),
        Act::Enable(place) => by_root(enable(of(*place)?)),
        Act::Revoke(place) => by_root(revoke(of(*place)?, "unspecified")),
        Act::RevokeSelf(place) => {
            let id: KeyId = of(*place)?;
            let key = id.public;
            Some((Command::RevokeSelf { key }, Actor::Holder { id }))
        }
        Act::Open(place) => {
            let admin = Admin {
                id: of(*place)?,
                name: "k".to_owned(),
                scopes: scopes(&["keys:read"]),
                bound_organization: None,
            };
            Some((Command::OpenSession {}, Actor::Key(admin)))
        }
        Act::Read(place) => {
            let token = model.token(*place)?;
            by_system(Command::ReadSession { token })
        }
        Act::Close(place) => {
            let token = model.token(*place)?;
            by_system(Command::CloseSession { token })
        }
        Act::Preflight(origin) => {
            let origin = format!("o{origin}");
            by_system(Command::NotePreflight { origin, count: 1 })
        }
        Act::Failure => by_system(failure(model.failed)),
        Act::Deletion(which) => by_system(Command::NoteDeletion {
            organization: organization("acme"),
            revision: u64::from(*which),
        }),
    }
}

fn act(world: &mut World, model: &mut Model, act: &Act, fails_at: Option<u8>) {
    let Some((command, actor)) = command(model, act) else {
        return;
    };
    let mut request = world.request(command);
    request.actor = actor;
    let mut reply = None;
    if let Some(at) = fails_at {
        let before = world.sql.dump();
        world.sql.fail_after(u64::from(at));
        reply = world.handle(&request).ok();
        world.sql.heal();
        assert!(reply.is_some() || world.sql.dump() == before, "{act:?}");
    }
    let reply = reply.unwrap_or_else(|| world.send(&request));
    let verdict = model.follow(act, &reply, world.now);
    match (&reply, &verdict) {
        (Ok(_), Ok(())) => {}
        (Err(refused), Err(expected)) => assert_eq!(refused, expected, "{act:?}"),
        _ => panic!("{act:?}: {reply:?}, and not {verdict:?}"),
    }
}

/// Once there is an admin, what there is to be seen.
fn agree(world: &mut World, model: &Model) {
    if model.keys.is_empty() {
        return;
    }
    for key in &model.keys {
        let expected = match key {
            Key { revoked: true, .. } => "revoked",
            Key { disabled: true, .. } => "disabled",
            _ => "active",
        };
        assert_eq!(world.get(key.view.id).state.as_str(), expected);
    }
    let stands = status(world, 90);
    let seen: BTreeMap<String, u64> = stands
        .preflights
        .into_iter()
        .map(|preflight| (preflight.origin, preflight.count))
        .collect();
    assert_eq!(seen, model.preflights);
    let now = if model.failures.hour == world.now.0 / HOUR {
        model.failures.suppressed
    } else {
        0
    };
    assert_eq!(stands.failures_suppressed, now);
    assert_eq!(world.sql.count("sessions"), model.sessions.len() as i64);
}

fn run(steps: &[Step]) {
    let mut world = World::empty("_platform");
    let mut model = Model::default();
    for step in steps {
        match step {
            Step::Act(what, fails_at) => act(&mut world, &mut model, what, *fails_at),
            Step::Failures(times) => {
                for _ in 0..*times {
                    world.ask_as(Actor::System, failure(model.failed)).unwrap();
                    model.fail(world.now);
                }
            }
            Step::Later(milliseconds) => world.later(*milliseconds),
            Step::Housekeeping => {
                housekeeping(&world.sql, &world.keyring, &world.settings, world.now).unwrap();
                model.drop_expired(world.now);
                // Nothing is kept where there is no administrator yet.
                if !model.keys.is_empty() {
                    model.tell_suppressed(world.now);
                }
            }
        }
        agree(&mut world, &model);
    }
    if model.keys.is_empty() {
        let token_digest = "end".to_owned();
        changed(world.ask_as(Actor::Bootstrap, Command::Bootstrap { token_digest }));
        model.audit.push("platform.bootstrap");
    }
    let lines = world.lines();
    let of = &world.organization;
    verify_export(lines.iter().map(String::as_str), of, None).unwrap();
    let actions: Vec<String> = lines
        .iter()
        .map(|line| {
            let entry: Value = serde_json::from_str(line).unwrap();
            entry["action"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(actions, model.audit);
    for token in &model.tokens {
        assert!(!world.sql.dump().contains(token.expose()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_platform_and_a_plain_model_agree(
        steps in proptest::collection::vec(steps(), 1..60)
    ) {
        run(&steps);
    }
}

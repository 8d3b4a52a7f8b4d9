//! `cargo bench -p katalo-bench`: the parts of a warm check, natively, one by one.
#![allow(missing_docs, reason = "divan writes the main function's parts")]
#![allow(
    clippy::expect_used,
    reason = "nothing can be measured without what is set up"
)]

use divan::{Bencher, black_box};
use katalo_keys::{
    freshness::{
        Bound, Cursor, EdgeClock, Incarnation, Millis, Reading, Revision, Subject, SyncReply,
        sync::{Requirement, Version},
        view::View,
    },
    json,
    key::{
        Brand, Environment, KeyRecord, Keyring, OrganizationId, OrganizationRecord, PresentedKey,
        RECORD_VERSION, Scope, Scopes,
    },
    random::Seeded,
    time::Timestamp,
    verify::{Audience, CachedRecord, ClientAddress, Demand, bearer_token, decide},
};
use std::rc::Rc;

const NOW: Timestamp = Timestamp(1_800_000_000_000);

fn main() {
    divan::main();
}

struct Scene {
    keyring: Keyring,
    organization: OrganizationRecord,
    presented: PresentedKey,
    key: KeyRecord,
}

impl Scene {
    fn new() -> Self {
        let ring = format!(r#"{{"current":"1","keys":{{"1":"{}A="}}}}"#, "A".repeat(42));
        let brand = Brand::parse("kat").expect("a brand");
        let keyring = Keyring::parse(brand, &ring).expect("a ring");
        let id = OrganizationId::parse("acme").expect("an organization");
        let presented = keyring
            .mint(Environment::Live, id.tag(), &mut Seeded(1))
            .expect("a key");
        let scopes = ["create", "read", "usage"].map(|scope| Scope::parse(scope).expect("a scope"));
        let key = KeyRecord {
            name: "Product sync".to_owned(),
            ..KeyRecord::issued(
                2,
                NOW,
                keyring.digest(&presented).expect("a digest"),
                Scopes::new(scopes.to_vec()).expect("scopes"),
            )
        };
        let organization = OrganizationRecord {
            v: RECORD_VERSION,
            revision: 1,
            id,
            api_access: true,
            keys_revoked_through: 0,
            limits: Vec::new(),
        };
        Self {
            keyring,
            organization,
            presented,
            key,
        }
    }

    fn authorization(&self) -> String {
        format!("Bearer {}", self.presented.text().expose())
    }

    fn subjects(&self) -> [Subject; 2] {
        let key = self.presented.id().public;
        let tag = key.organization_tag();
        [key.as_str(), tag.as_str()].map(|text| Subject::parse(text).expect("a subject"))
    }
}

/// From the header to the parts of the key: form and checksum.
#[divan::bench]
fn read_a_header_of_a_held_key(bencher: Bencher<'_, '_>) {
    let scene = Scene::new();
    let authorization = scene.authorization();
    bencher.bench_local(|| {
        let token = bearer_token(black_box(&authorization)).expect("a token");
        scene.keyring.read_with(token, |_| true)
    });
}

/// The same, and the id tag: what tells a forged id without any look-up.
#[divan::bench]
fn read_a_header_of_a_new_key(bencher: Bencher<'_, '_>) {
    let scene = Scene::new();
    let authorization = scene.authorization();
    bencher.bench_local(|| {
        let token = bearer_token(black_box(&authorization)).expect("a token");
        scene.keyring.read(token)
    });
}

#[divan::bench]
fn id_tag(bencher: Bencher<'_, '_>) {
    let scene = Scene::new();
    let id = *scene.presented.id();
    bencher.bench_local(|| scene.keyring.made(black_box(&id)));
}

#[divan::bench]
fn digest(bencher: Bencher<'_, '_>) {
    let scene = Scene::new();
    bencher.bench_local(|| scene.keyring.digest(black_box(&scene.presented)));
}

#[divan::bench]
fn decision(bencher: Bencher<'_, '_>) {
    let scene = Scene::new();
    let digest = scene.keyring.digest(&scene.presented).expect("a digest");
    let demand = Demand {
        audience: Audience::Clients { test_keys: true },
        scope: Some("read"),
    };
    let (key, organization) = (Rc::new(scene.key), Rc::new(scene.organization));
    let (key, organization) = (Some(&key), Some(&organization));
    bencher.bench_local(|| {
        let client = || ClientAddress::Unproven;
        decide(black_box(&digest), key, organization, &demand, &client, NOW).is_ok()
    });
}

/// A record of Workers KV: its seal, and its JSON.
#[divan::bench]
fn open_a_record(bencher: Bencher<'_, '_>) {
    let scene = Scene::new();
    let name = Subject::from(scene.presented.id().public).kv_name();
    let record = serde_json::to_string(&scene.key).expect("JSON");
    let sealed = scene.keyring.seal(&name, &record).expect("a seal");
    bencher.bench_local(|| {
        let record = scene.keyring.open(&name, black_box(&sealed)).expect("ours");
        json::from_str::<KeyRecord>(record).expect("a record")
    });
}

/// Both records of a request, in a view that holds so many keys.
#[divan::bench(args = [1, 1_000, 10_000])]
fn look_up(bencher: Bencher<'_, '_>, keys: u64) {
    let scene = Scene::new();
    let [key, organization] = scene.subjects();
    let now = Reading::<EdgeClock>::at(1_000_000);
    let mut view = View::new(32 << 20, Bound::MAX);
    let others = (1..keys).map(|number| {
        Subject::parse(&format!("10others00000nonce{number:012}")).expect("a subject")
    });
    for subject in others.chain([key]) {
        let load = view.begin_load(&[subject, organization], now);
        let Some(load) = load else { continue };
        if let Some(sync) = &load.sync {
            let required = sync.request.subjects.iter().map(|subject| Requirement {
                subject: *subject,
                revision: Revision(0),
            });
            let reply = SyncReply {
                v: Version::CURRENT,
                reset: false,
                cursor: Cursor {
                    incarnation: Incarnation::from_random(1),
                    seq: 1,
                },
                age_ms: Millis(0),
                bound_ms: Bound::DEFAULT,
                changes: Vec::new(),
                required: required.collect(),
                urgent: None,
            };
            view.accept(sync, &reply, now);
        }
        for subject in load.subjects().collect::<Vec<_>>() {
            let record = if subject.is_organization() {
                CachedRecord::Organization(Rc::new(scene.organization.clone()))
            } else {
                CachedRecord::Key(Rc::new(scene.key.clone()))
            };
            view.insert(&load, &subject, record, now);
        }
    }
    assert!(view.holds(&key) && view.holds(&organization));
    bencher.bench_local(|| {
        let found = view.lookup(black_box(&key), &organization, now, now);
        black_box(&found);
    });
}

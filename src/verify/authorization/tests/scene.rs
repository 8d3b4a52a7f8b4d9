//! What the tests share: an isolate, a key and its client.

use std::rc::Rc;

use super::super::sync::{FailoverSync, SyncStep};
use super::super::{Authorization, Event, Isolate, Refusal, RegistryRecords, Source, Step};
use crate::expiring_semaphore::ExpiringSemaphore;
use crate::freshness::failover::{Failover, Region};
use crate::freshness::sync::{Cursor, Incarnation, Requirement, Version};
use crate::freshness::view::View;
use crate::freshness::{Bound, EdgeClock, Millis, Reading, Revision, Subject, SyncReply};
use crate::key::{
    Brand, Environment, KeyRecord, Keyring, OrganizationId, OrganizationRecord, RECORD_VERSION,
    Scopes,
};
use crate::random::Seeded;
use crate::time::Timestamp;
use crate::verify::{
    Audience, AuthorizationRequest, CachedRecord, ClientAddress, Demand, Denial, Freshness,
    Granted, Secrets, Verification,
};

const NOW: u64 = 1_000_000;
const RING: &str = r#"{"current":"1","keys":{"1":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}}"#;

/// An isolate, a key, and its client.
pub(super) struct Scene {
    pub(super) view: View<CachedRecord>,
    pub(super) registry_reads: ExpiringSemaphore,
    pub(super) secrets: Secrets,
    pub(super) request: AuthorizationRequest,
    pub(super) audience: Audience,
    pub(super) key: Rc<KeyRecord>,
    pub(super) organization: Rc<OrganizationRecord>,
    pub(super) now: u64,
}

impl Scene {
    pub(super) fn new() -> Self {
        Self::of(Environment::Live, "acme")
    }

    pub(super) fn of(environment: Environment, organization: &str) -> Self {
        let keyring = Keyring::parse(Brand::KATALO, RING).unwrap();
        let organization = match environment {
            Environment::Admin => OrganizationId::platform(),
            _ => OrganizationId::parse(organization).unwrap(),
        };
        let presented = keyring
            .mint(environment, organization.tag(), &mut Seeded(1))
            .unwrap();
        let audience = match environment {
            Environment::Admin => Audience::Admins,
            _ => Audience::Clients { test_keys: true },
        };
        Self {
            view: View::new(1 << 20, Bound::MAX),
            registry_reads: ExpiringSemaphore::new(1, 4_000),
            secrets: Secrets::default(),
            request: AuthorizationRequest::new(&keyring, &presented, Timestamp(NOW)).unwrap(),
            audience,
            key: Rc::new(KeyRecord {
                v: RECORD_VERSION,
                revision: 2,
                issued: 2,
                issued_at: Timestamp(1),
                digest: keyring.digest(&presented).unwrap(),
                environment,
                name: "Shop".into(),
                scopes: Scopes::default(),
                revoked: false,
                disabled: false,
                restricted: false,
                expires_at: None,
                replaced_at: None,
                retires_at: None,
                allowed_ips: Vec::new(),
                bound_organization: None,
                limits: Vec::new(),
            }),
            organization: Rc::new(OrganizationRecord {
                v: RECORD_VERSION,
                revision: 1,
                id: organization,
                api_access: true,
                keys_revoked_through: 0,
                limits: Vec::new(),
            }),
            now: NOW,
        }
    }

    /// The same id with another secret.
    pub(super) fn with_wrong_secret(mut self) -> Self {
        let key = KeyRecord {
            digest: crate::key::KeyDigest::from_text(&"A".repeat(43)).unwrap(),
            ..KeyRecord::clone(&self.key)
        };
        self.key = Rc::new(key);
        self
    }

    pub(super) fn key(&self) -> Option<CachedRecord> {
        Some(CachedRecord::Key(Rc::clone(&self.key)))
    }

    pub(super) fn organization(&self) -> Option<CachedRecord> {
        Some(CachedRecord::Organization(Rc::clone(&self.organization)))
    }

    pub(super) fn reading(&self) -> Reading<EdgeClock> {
        Reading::at(self.now)
    }

    pub(super) fn verify<T>(
        &mut self,
        work: impl FnOnce(&mut Isolate<'_, CachedRecord>, &mut Verification<'_>) -> T,
    ) -> T {
        let demand = Demand {
            audience: self.audience,
            scope: None,
        };
        let mut isolate = Isolate {
            view: &mut self.view,
            registry_reads: &mut self.registry_reads,
        };
        let mut verification = Verification {
            request: &self.request,
            demand: &demand,
            client: &|| ClientAddress::Unproven,
            secrets: &mut self.secrets,
        };
        work(&mut isolate, &mut verification)
    }

    pub(super) fn decide_from_cache(&mut self) -> Option<Result<Source, Denial>> {
        let decided = self.verify(|isolate, verification| {
            verification.authorize_from_cache(isolate.view, Freshness::Bounded)
        });
        decided.map(|decided| decided.map(|granted| granted.source()))
    }

    pub(super) fn begin(
        &mut self,
        freshness: Freshness,
        serve_unproven: Option<Millis>,
    ) -> (Authorization<CachedRecord>, Step<Granted>) {
        let hops = Failover::new(Region::Weur, 0, 1, Failover::TOTAL);
        let mut authorization = self.verify(|_, verification| {
            verification.load_and_authorize(freshness, hops, serve_unproven)
        });
        let step = self.next(&mut authorization, Event::Look);
        (authorization, step)
    }

    pub(super) fn next(
        &mut self,
        authorization: &mut Authorization<CachedRecord>,
        event: Event<CachedRecord>,
    ) -> Step<Granted> {
        let now = self.reading();
        self.verify(|isolate, verification| authorization.next(isolate, verification, event, now))
    }

    /// The load of both records, with its sync.
    pub(super) fn begin_load(&mut self) -> (Authorization<CachedRecord>, FailoverSync) {
        match self.begin(Freshness::Bounded, None) {
            (
                authorization,
                Step::Load {
                    key: true,
                    organization: true,
                    sync: Some(sync),
                },
            ) => (authorization, sync),
            (_, step) => panic!("{step:?}"),
        }
    }

    pub(super) fn loaded(&self, synced: bool) -> Event<CachedRecord> {
        Event::Loaded {
            key: self.key(),
            organization: self.organization(),
            synced,
        }
    }

    /// A reply that requires these revisions, at this place of the log.
    pub(super) fn reply(&self, key: u64, organization: u64, seq: u64) -> SyncReply {
        let [of_key, of_organization] = self.subjects();
        let required = [(of_key, key), (of_organization, organization)];
        SyncReply {
            v: Version::CURRENT,
            reset: false,
            cursor: Cursor {
                incarnation: Incarnation::from_stored(1),
                seq,
            },
            age_ms: Millis(100),
            bound_ms: Bound::DEFAULT,
            changes: Vec::new(),
            required: required
                .map(|(subject, revision)| Requirement {
                    subject,
                    revision: Revision(revision),
                })
                .to_vec(),
            urgent: None,
        }
    }

    pub(super) fn subjects(&self) -> [Subject; 2] {
        let key = Subject::parse(self.request.id().public.as_str()).unwrap();
        [key, key.organization()]
    }

    /// Carries a sync out that the first hop answers.
    pub(super) fn answer(&mut self, mut sync: FailoverSync, reply: &SyncReply) -> bool {
        let now = self.reading();
        let sent = sync.next(&mut self.view, None, now);
        assert!(matches!(sent, SyncStep::Send(..)), "{sent:?}");
        match sync.next(&mut self.view, Some(reply), now) {
            SyncStep::Done(accepted) => accepted.is_some(),
            sent => panic!("{sent:?}"),
        }
    }

    /// A view that holds both records, proven 100 ms ago.
    pub(super) fn warm(mut self) -> Self {
        let (mut authorization, sync) = self.begin_load();
        let reply = self.reply(2, 1, 0);
        assert!(self.answer(sync, &reply));
        let loaded = self.loaded(true);
        assert_eq!(granted(self.next(&mut authorization, loaded)), Source::Kv);
        self
    }
}

pub(super) fn granted(step: Step<Granted>) -> Source {
    match step {
        Step::Decided(Ok(granted)) => granted.source(),
        step => panic!("{step:?}"),
    }
}

pub(super) fn refused(step: Step<Granted>) -> Refusal {
    match step {
        Step::Decided(Err(refusal)) => refusal,
        step => panic!("{step:?}"),
    }
}

pub(super) fn registry(
    key: Option<CachedRecord>,
    organization: Option<CachedRecord>,
) -> Event<CachedRecord> {
    Event::RegistryAnswered(Some(RegistryRecords {
        key,
        organization,
        may_keep: true,
    }))
}

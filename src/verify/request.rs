//! A client's request for a decision, and what a granted one is answered with.

use std::rc::Rc;

use serde::{Deserialize, Serialize};

use super::authorization::{Authorization, Source, Verifier};
use super::cached_record::CachedRecord;
use super::decide::{Audience, Demand, Denial, Grant, decide, secret_is_wrong};
use super::{ClientAddress, Secrets};
use crate::freshness::failover::Failover;
use crate::freshness::view::{Lookup, View};
use crate::freshness::{EdgeClock, Millis, Reading, Subject};
use crate::key::{
    KeyDigest, KeyId, KeyRecord, KeyState, Keyring, OrganizationRecord, PresentedKey,
};
use crate::limits::spending::{Limit, limits_of};
use crate::time::Timestamp;

/// How current the records of a decision must be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, Default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Freshness {
    /// Proven within the freshness bound.
    #[default]
    Bounded,
    /// Read from the registry for this very request.
    Strict,
}

/// A presented key that waits for a decision: made once for a request, whichever
/// way that takes.
#[derive(Clone, Copy)]
pub struct AuthorizationRequest {
    id: KeyId,
    digest: KeyDigest,
    key: Subject,
    organization: Subject,
    arrived: Timestamp,
}

impl AuthorizationRequest {
    /// The request of a key that was presented at `arrived`. `None` where its root
    /// key was taken out of the ring meanwhile.
    #[must_use]
    pub fn new(keyring: &Keyring, presented: &PresentedKey, arrived: Timestamp) -> Option<Self> {
        let id = *presented.id();
        let key = Subject::parse(id.public.as_str()).ok()?;
        Some(Self {
            id,
            digest: keyring.digest(presented)?,
            organization: key.organization(),
            key,
            arrived,
        })
    }

    /// Which key was presented.
    #[must_use]
    pub const fn id(&self) -> &KeyId {
        &self.id
    }

    /// When it arrived, on this isolate's clock.
    #[must_use]
    pub const fn reading(&self) -> Reading<EdgeClock> {
        Reading::at(self.arrived.0)
    }
}

/// A granted request: there is none without a [`Grant`].
#[derive(Clone, Debug)]
pub struct Granted {
    id: KeyId,
    grant: Grant,
    source: Source,
    age: Millis,
    rate_limit: Option<String>,
}

impl Granted {
    /// What the request is held to: the key's own limits, then its organization's.
    #[must_use]
    pub fn limits(&self) -> Vec<Limit<'_>> {
        limits_of(Some((self.key(), self.id.public)), self.organization())
    }

    /// Its limits are paid; how they stand, as the field `RateLimit`.
    pub fn paid(&mut self, rate_limit: String) {
        self.rate_limit = Some(rate_limit);
    }

    /// The field `RateLimit`, where it had to pay.
    #[must_use]
    pub fn rate_limit(&self) -> Option<&str> {
        self.rate_limit.as_deref()
    }

    /// Which key was presented.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// The key's record.
    #[must_use]
    pub const fn key(&self) -> &Rc<KeyRecord> {
        self.grant.key()
    }

    /// Its organization's record.
    #[must_use]
    pub const fn organization(&self) -> &Rc<OrganizationRecord> {
        self.grant.organization()
    }

    /// `active` or `retiring`.
    #[must_use]
    pub const fn state(&self) -> KeyState {
        self.grant.state()
    }

    /// Where the records came from.
    #[must_use]
    pub const fn source(&self) -> Source {
        self.source
    }

    /// Age of the proof when the request arrived.
    #[must_use]
    pub const fn age(&self) -> Millis {
        self.age
    }
}

/// Decides on a request's records by what its route demands.
pub struct Verification<'a> {
    /// The request.
    pub request: &'a AuthorizationRequest,
    /// What its route demands of the key.
    pub demand: &'a Demand<'a>,
    /// Where the client calls from: asked only for a key that is tied to networks.
    pub client: &'a dyn Fn() -> ClientAddress,
    /// What the isolate knows of secrets of such keys.
    pub secrets: &'a mut Secrets,
}

impl Verification<'_> {
    /// Decides from memory, without any I/O; `None` where that takes more.
    pub fn authorize_from_cache(
        &self,
        view: &mut View<CachedRecord>,
        freshness: Freshness,
    ) -> Option<Result<Granted, Denial>> {
        let request = self.request;
        // A digest never changes: any record, however old, proves a wrong secret.
        let wrong = view
            .peek(&request.key)
            .and_then(CachedRecord::key)
            .is_some_and(|key| secret_is_wrong(&request.digest, key));
        let proves = || {
            let (id, digest) = (&request.id.public, &request.digest);
            self.secrets.proves(id, digest, request.arrived.0)
        };
        if wrong || proves() == Some(false) {
            return Some(Err(Denial::InvalidKey));
        }
        if freshness == Freshness::Strict {
            return None;
        }
        let now = request.reading();
        match view.lookup(&request.key, &request.organization, now, now) {
            Lookup::Ready {
                key,
                organization,
                age,
            } => Some(self.decide(Some(key), Some(organization), Source::Memory, age)),
            Lookup::Unproven | Lookup::Missing => None,
        }
    }

    /// The way to a decision where memory has none. `hops` is whom to ask, from the
    /// beginning; `serve_unproven` the operator's choice, which holds for clients
    /// alone.
    #[must_use]
    pub fn load_and_authorize(
        &self,
        freshness: Freshness,
        hops: Failover,
        serve_unproven: Option<Millis>,
    ) -> Authorization<CachedRecord> {
        let is_client = self.demand.audience != Audience::Admins;
        Authorization::new(
            self.request.key,
            self.request.reading(),
            freshness,
            hops,
            serve_unproven.filter(|_| is_client),
        )
    }
}

impl Verifier<CachedRecord> for Verification<'_> {
    type Granted = Granted;

    fn refutes(&mut self, key: Option<&CachedRecord>, now: Reading<EdgeClock>) -> bool {
        let key = key.and_then(CachedRecord::key);
        let wrong = key.is_none_or(|key| secret_is_wrong(&self.request.digest, key));
        if wrong {
            let found = key.map(|key| key.digest);
            self.secrets.learn(self.request.id.public, found, now.ms());
        }
        wrong
    }

    fn decide(
        &self,
        key: Option<&CachedRecord>,
        organization: Option<&CachedRecord>,
        source: Source,
        age: Millis,
    ) -> Result<Granted, Denial> {
        let grant = decide(
            &self.request.digest,
            key.and_then(CachedRecord::key),
            organization.and_then(CachedRecord::organization),
            self.demand,
            self.client,
            self.request.arrived,
        )?;
        Ok(Granted {
            id: self.request.id,
            grant,
            source,
            age,
            rate_limit: None,
        })
    }
}

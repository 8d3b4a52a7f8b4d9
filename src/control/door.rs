//! Who may use the admin routes, checked in stages. No stage costs more than a
//! stranger who gets that far is allowed to cost.
//!
//! 1. Form, checksum and tag of a key or a session's token, and for whom the key is:
//!    all of that can be read from what was presented. No I/O; a failure of a key of
//!    ours is counted, and told later in a batch.
//! 2. The secret: [`secrets`], one look-up per id rather than per attempt, in the
//!    edges' lane.
//! 3. The key as it stands now, at `_platform`'s registry, in the administrators'
//!    lane, which no stranger can fill: they do not get here.
//!
//! A session's token is a secret whose tag proves that somebody was once signed in
//! with it, so it skips from the first stage to the third. A session that is over is
//! remembered, and the reads in flight for each token are bounded.

use std::rc::Rc;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::control::failures;
use crate::control::memory::{self, SessionHash};
use crate::control::registry as registries;
use crate::http::{AdminPlace, Code, Problem, admin, is_write_from_own_page, session_cookie};
use crate::key::{KeyId, OrganizationId, PresentedKey};
use crate::registry::message::{
    Actor, Admin, Command, MESSAGE_VERSION, Outcome, Request, RequiredRevisions, Session,
    SessionToken,
};
use crate::runtime::host;
use crate::runtime::incoming::Incoming;
use crate::runtime::isolate::Edge;
use crate::runtime::registry::{self, Reader};
use crate::runtime::secrets;
use crate::runtime::turns::in_turn;
use crate::verify::{Audience, ClientAddress, Credentials, Demand, Denial, Failure, Proof, decide};

/// A request to an admin route, from whomever.
#[derive(Clone, Copy)]
pub(crate) struct Door<'a> {
    pub(crate) edge: &'a Edge,
    pub(crate) incoming: &'a Incoming,
    pub(crate) place: &'a AdminPlace<'a>,
    pub(crate) request_id: &'a str,
}

impl Door<'_> {
    /// Proves the administrator by the presented key or the dashboard's session.
    pub(crate) async fn prove(&self, scope: &str) -> Result<Actor, Problem> {
        let authorization = self.incoming.authorization.as_deref();
        let cookie = self.incoming.header("cookie");
        match (authorization, cookie.as_deref().and_then(session_cookie)) {
            (None, Some(token)) => self.by_session(token, scope).await,
            (authorization, _) => {
                match Credentials::read(authorization, &self.edge.settings.keyring) {
                    Credentials::Key(key) => self.by_key(&key, Some(scope)).await.map(Actor::Key),
                    Credentials::Refused(denial) => Err(self.incoming.refused(&denial)),
                }
            }
        }
    }

    /// Proves an admin key, whose state is always read at the registry itself.
    pub(crate) async fn by_key(
        &self,
        key: &PresentedKey,
        scope: Option<&str>,
    ) -> Result<Admin, Problem> {
        let id = *key.id();
        if !Audience::Admins.takes(id.environment) {
            return Err(self.denied(&Denial::WrongEnvironment, Some(id), Proof::Unproven));
        }
        if !secrets::proves(self.edge, key, |_| None).await? {
            return Err(self.denied(&Denial::InvalidKey, Some(id), Proof::Unproven));
        }
        let is_revoked =
            |memory: &mut memory::Memory| memory.revoked.contains(&id.public, host::now().0);
        if memory::with(is_revoked) {
            return Err(self.denied(&Denial::RevokedKey, Some(id), Proof::Proven));
        }
        let digest = self.edge.settings.keyring.digest(key);
        let digest = digest.ok_or(Code::InvalidKey)?;
        let required = RequiredRevisions::default();
        let read = registry::read(&self.edge.env, &id, required, Reader::Administrator)
            .await
            .ok_or(Code::RegistryUnavailable)?;
        let demand = Demand {
            audience: Audience::Admins,
            scope,
        };
        let client = || self.incoming.client_address();
        let (key, organization) = (read.records.key.map(Rc::new), read.records.organization);
        let (key, organization) = (key.as_ref(), organization.map(Rc::new));
        let organization = organization.as_ref();
        match decide(&digest, key, organization, &demand, &client, host::now()) {
            Ok(grant) => {
                let key = grant.key();
                Ok(Admin {
                    id,
                    name: key.name.clone(),
                    scopes: key.scopes.clone(),
                    bound_organization: key.bound_organization.clone(),
                })
            }
            Err(denial) => {
                if denial == Denial::RevokedKey {
                    memory::with(|memory| memory.revoked.insert(id.public, host::now().0));
                }
                Err(self.denied(&denial, Some(id), Proof::Proven))
            }
        }
    }

    /// Proves the administrator behind a dashboard session, at the registry itself:
    /// signing out or revoking the key ends it at once.
    async fn by_session(&self, token: &str, scope: &str) -> Result<Actor, Problem> {
        let session = self.session(token).await?;
        if self.incoming.method() != "GET" {
            self.prove_own_page(&session)?;
        }
        if !session.record.scopes.contains(scope) {
            let denial = Denial::InsufficientScope(scope.to_owned());
            return Err(self.denied(&denial, Some(session.id), Proof::Proven));
        }
        Ok(Actor::Session(Admin {
            id: session.id,
            name: session.record.name,
            scopes: session.record.scopes,
            bound_organization: session.record.bound_organization,
        }))
    }

    /// The session of a token, as it stands now, used from where its key may be.
    pub(crate) async fn session(&self, token: &str) -> Result<Session, Problem> {
        let token = SessionToken::try_from(token.to_owned()).map_err(|_| is_over())?;
        if !self.edge.settings.keyring.made_session(token.expose()) {
            return Err(is_over());
        }
        let hash = hash_of(&token);
        let known_as_over =
            || memory::with(|memory| memory.over.contains(&hash, host::now().0)).then(|| None);
        let read = async {
            let session = self.read_session(token).await?;
            if session.is_none() {
                memory::with(|memory| memory.over.insert(hash, host::now().0));
            }
            Ok(session)
        };
        let reads = memory::with(|memory| Rc::clone(&memory.session_reads));
        let session = in_turn(&reads, hash, known_as_over, read)
            .await?
            .ok_or_else(is_over)?;
        let networks = &session.record.allowed_ips;
        if !self.incoming.client_address().is_within(networks) {
            let denial = Denial::AddressNotAllowed;
            return Err(self.denied(&denial, Some(session.id), Proof::Proven));
        }
        Ok(session)
    }

    async fn read_session(&self, token: SessionToken) -> Result<Option<Session>, Problem> {
        let command = Command::ReadSession { token };
        match self.ask_platform(Actor::System, command).await {
            Ok(Outcome::Session(session)) => Ok(Some(*session)),
            Ok(_) => Ok(None),
            // A platform without a registry has no sessions.
            Err(problem) if matches!(problem.code, Code::NotFound | Code::MissingCredentials) => {
                Ok(None)
            }
            Err(problem) => Err(problem),
        }
    }

    /// Ends a session that was just read.
    pub(crate) async fn close_session(&self, token: &str) -> Result<(), Problem> {
        let token = SessionToken::try_from(token.to_owned()).map_err(|_| is_over())?;
        let hash = hash_of(&token);
        let command = Command::CloseSession { token };
        self.ask_platform(Actor::System, command).await?;
        memory::with(|memory| memory.over.insert(hash, host::now().0));
        Ok(())
    }

    /// A write by cookie comes from a page of ours, which shows its CSRF token.
    pub(crate) fn prove_own_page(&self, session: &Session) -> Result<(), Problem> {
        let header = |name: &str| self.incoming.header(name);
        let (origin, site) = (header("origin"), header("sec-fetch-site"));
        let shown = header("x-csrf-token").unwrap_or_default();
        let own = self.incoming.origin();
        let from_own_page = is_write_from_own_page(origin.as_deref(), site.as_deref(), own);
        if from_own_page && bool::from(shown.as_bytes().ct_eq(session.csrf_token.as_bytes())) {
            return Ok(());
        }
        Err(Problem::from(Code::BrowserCallRefused)
            .because("A change through the dashboard's session comes from the dashboard itself, with its `X-CSRF-Token`."))
    }

    pub(crate) async fn ask_platform(
        &self,
        actor: Actor,
        command: Command,
    ) -> Result<Outcome, Problem> {
        let platform = OrganizationId::platform();
        let tag = platform.tag();
        let request = Request {
            v: MESSAGE_VERSION,
            organization: Some(platform),
            actor,
            request_id: self.request_id.to_owned(),
            if_match: None,
            must_exist: false,
            idempotency: None,
            command,
        };
        registries::ask(&self.edge.env, tag, &request)
            .await?
            .map_err(admin::problem_of)
    }

    /// Counts a failed authentication, for the audit of `_platform`.
    pub(crate) fn denied(&self, denial: &Denial, key: Option<KeyId>, proof: Proof) -> Problem {
        let problem = Problem {
            is_unproven: proof == Proof::Unproven,
            ..Problem::from(denial)
        };
        let failure = Failure {
            problem: problem.code,
            key,
            route: self.place.route(self.incoming.method()),
            address: match self.incoming.client_address() {
                ClientAddress::Proven(address) => Some(address),
                ClientAddress::Unproven => None,
            },
        };
        failures::count(self.edge, failure, proof, host::now());
        problem
    }
}

fn hash_of(token: &SessionToken) -> SessionHash {
    Sha256::digest(token.expose().as_bytes()).into()
}

fn is_over() -> Problem {
    Problem::from(Code::MissingCredentials)
        .because("The dashboard session has ended: sign in again.")
}

//! `/admin/v1/bootstrap` and `/admin/v1/session`: the first admin key, and the
//! dashboard's sessions.

use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::control::door::Door;
use crate::control::memory;
use crate::http::admin::RequestBody;
use crate::http::{
    Answer, Body, Code, DescribedScope, Problem, admin, clear_session_cookie, session_cookie,
    set_session_cookie,
};
use crate::key::Unreadable;
use crate::registry::message::{Actor, Command, Outcome};
use crate::runtime::host;
use crate::verify::{Denial, Proof, bearer_token};

/// How long a dashboard session lasts, in seconds.
const SESSION_SECONDS: u64 = 3_600;

/// What `POST /admin/v1/session` takes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignIn {
    key: Zeroizing<String>,
}

impl RequestBody for SignIn {
    const REQUIRED: &'static [&'static str] = &["key"];
}

impl Door<'_> {
    /// Lets an address try at a secret, unless it failed too often a moment ago.
    fn may_try(&self) -> Result<String, Problem> {
        let address = self.incoming.header("cf-connecting-ip").unwrap_or_default();
        match memory::with(|memory| memory.attempts.wait(&address, host::now().0)) {
            None => Ok(address),
            Some(seconds) => Err(Problem {
                retry_after: Some(seconds),
                ..Problem::from(Code::RateLimited)
            }),
        }
    }

    fn client_scopes(&self) -> &[DescribedScope] {
        &self.edge.settings.control.client_scopes
    }

    fn failed_to(&self, address: &str) {
        memory::with(|memory| memory.attempts.failed(address, host::now().0));
    }

    /// `POST /admin/v1/bootstrap`: the first admin key, once per token.
    pub(crate) async fn bootstrap(&self) -> Result<Answer, Problem> {
        let address = self.may_try()?;
        let authorization = self.incoming.header("authorization");
        let authorization = Zeroizing::new(authorization.ok_or(Code::MissingCredentials)?);
        let shown = bearer_token(&authorization).ok_or(Code::MissingCredentials)?;
        let digest_of = |token: &str| Sha256::digest(token.as_bytes());
        let shown = digest_of(shown);
        let genuine = self
            .edge
            .settings
            .control
            .bootstrap_token
            .as_ref()
            .is_some_and(|token| digest_of(token).ct_eq(&shown).into());
        if !genuine {
            self.failed_to(&address);
            return Err(self
                .denied(&Denial::InvalidKey, None, Proof::Unproven)
                .because("This is not the bootstrap token that the operator set."));
        }
        let command = Command::Bootstrap {
            token_digest: base16ct::lower::encode_string(&shown),
        };
        let outcome = self.ask_platform(Actor::Bootstrap, command).await?;
        Ok(admin::answer_to(outcome, false))
    }

    /// `/admin/v1/session`: the dashboard signs in, asks who it is, signs out.
    pub(crate) async fn sessions(&self) -> Result<Answer, Problem> {
        if self.incoming.method() == "POST" {
            return self.sign_in().await;
        }
        let cookie = self.incoming.header("cookie");
        let token = cookie.as_deref().and_then(session_cookie);
        let token = token.ok_or(Code::MissingCredentials)?;
        let session = self.session(token).await?;
        if self.incoming.method() == "GET" {
            return Ok(admin::session_answer(200, &session, self.client_scopes()));
        }
        self.prove_own_page(&session)?;
        self.close_session(token).await?;
        Ok(Answer::new(204, Body::Empty).with("set-cookie", clear_session_cookie()))
    }

    async fn sign_in(&self) -> Result<Answer, Problem> {
        let address = self.may_try()?;
        self.incoming.is_json()?;
        let body = Zeroizing::new(self.incoming.strangers_body().await?);
        let shown: SignIn = admin::parse_body(&body)?;
        let proven = match self.edge.settings.keyring.read(&shown.key) {
            Ok(key) => self.by_key(&key, None).await,
            Err(Unreadable::Malformed) => Err(Code::MalformedKey.into()),
            Err(Unreadable::Forged) => Err(Code::InvalidKey.into()),
        };
        let admin = proven.inspect_err(|problem| {
            if problem.code.status() == 401 {
                self.failed_to(&address);
            }
        })?;
        let command = Command::OpenSession {};
        match self.ask_platform(Actor::Key(admin), command).await? {
            Outcome::Session(session) => {
                let answer = admin::session_answer(201, &session, self.client_scopes());
                Ok(match &session.token {
                    Some(token) => answer.with(
                        "set-cookie",
                        set_session_cookie(token.expose(), SESSION_SECONDS),
                    ),
                    None => answer,
                })
            }
            _ => Err(Code::RegistryUnavailable.into()),
        }
    }
}

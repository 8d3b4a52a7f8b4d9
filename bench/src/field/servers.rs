//! Whom the requests go to.

use crate::{
    contender::{check, check_with_log, ours},
    keys::Secrets,
    workerd::{Binding, Server, Worker},
};
use anyhow::Result;

/// What runs, each in a process of its own. Unless said otherwise a peer is
/// JavaScript and answers `/authorize`.
pub(super) struct Servers {
    pub(super) ours: Server,
    /// Answers 200, whatever it is asked.
    pub(super) empty: Server,
    /// Passes everything on to the upstream.
    pub(super) proxy: Server,
    /// Gives the answer that ours gives to a malformed key.
    pub(super) refusal: Server,
    /// Passes everything on, with the headers changed as ours changes them.
    pub(super) stripping: Server,
    /// The tuned check, which reads KV alone.
    pub(super) tuned: Server,
    /// The same, which asks one object as well.
    pub(super) tuned_with_object: Server,
    /// The same, with the reads that ours makes.
    pub(super) tuned_with_log: Server,
    pub(super) hono_bearer: Server,
    pub(super) hono_jwt: Server,
    pub(super) better_auth: Server,
    /// Workers KV for all of them.
    pub(super) kv: Server,
    _upstream: Server,
}

impl Servers {
    pub(super) fn start(secrets: &Secrets) -> Result<Self> {
        let kv = Worker::peer("kv.js").start()?;
        let upstream = Worker::peer("empty.js").start()?;
        let before_upstream =
            |name| Worker::peer(name).bind("UPSTREAM", Binding::Service(upstream.address));
        let with_secret =
            |name| Worker::bundled(name).bind("JWT_SECRET", Binding::Text(secrets.jwt.clone()));
        Ok(Self {
            ours: ours(secrets, kv.address, upstream.address)?.start()?,
            empty: Worker::peer("empty.js").start()?,
            proxy: before_upstream("proxy.js").start()?,
            refusal: Worker::peer("refusal.js").start()?,
            stripping: before_upstream("gateway.js").start()?,
            tuned: check(secrets, kv.address).start()?,
            tuned_with_object: check(secrets, kv.address)
                .bind("RELAY", Binding::Objects("Relay"))
                .bind("METER", Binding::Objects("Meter"))
                .start()?,
            tuned_with_log: check_with_log(secrets, kv.address).start()?,
            hono_bearer: Worker::bundled("hono-bearer.js")
                .bind("KEYS", Binding::Kv(kv.address))
                .start()?,
            hono_jwt: with_secret("hono-jwt.js").start()?,
            better_auth: with_secret("better-auth.js").start()?,
            kv,
            _upstream: upstream,
        })
    }
}

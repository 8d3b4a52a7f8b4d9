//! What the requests present.

use super::servers::Servers;
use crate::keys::{self, Secrets};
use anyhow::{Context, Result, ensure};
use katalo_rig::{Admin, Client, forged};

/// Distinct keys for the rows that meet each key once.
pub(super) const COLD_KEYS: usize = 60_000;

/// Keys and tokens, good and bad, as clients present them.
pub(super) struct Presented {
    /// A good key.
    pub(super) key: String,
    /// As many good ones as [`COLD_KEYS`].
    pub(super) cold: Vec<String>,
    /// With another last digit than it had: its checksum no longer holds.
    pub(super) mistyped: String,
    /// Of the right form, but made under a root key that is not ours.
    pub(super) forged: String,
    /// With the id of a good one, but another secret.
    pub(super) wrong_secret: String,
    /// Good, and known to the registry.
    pub(super) registered: String,
    /// Was known to the registry, and is revoked.
    pub(super) revoked: String,
    /// Of the contender that takes JSON Web Tokens.
    pub(super) jwt: String,
    /// Of better-auth, issued by itself.
    pub(super) better_auth: String,
}

impl Presented {
    pub(super) fn make(secrets: &Secrets, servers: &Servers) -> Result<Self> {
        let kv = servers.kv.address;
        let forged = keys::mint(&Secrets::draw()?, 1, kv)?
            .pop()
            .context("a key")?;
        let mut cold = keys::mint(secrets, COLD_KEYS + 1, kv)?;
        let key = cold.swap_remove(0);
        let client = Client::new(servers.ours.address);
        let admin = Admin::bootstrap(&client, &secrets.bootstrap_token)?;
        admin.organization("acme")?;
        let registered = admin.issue_live("acme", &["read"])?;
        let revoked = admin.issue_live("acme", &["read"])?;
        ensure!(admin.revoke("acme", &revoked.id)?.status == 200);
        let issued = Client::new(servers.better_auth.address).get("/issue")?;
        ensure!(issued.status == 200, "better-auth: {issued:?}");
        Ok(Self {
            mistyped: mistyped(&key),
            forged,
            wrong_secret: forged::wrong_secret(&key),
            registered: registered.secret,
            revoked: revoked.secret,
            jwt: secrets.token()?,
            better_auth: issued.text(),
            key,
            cold,
        })
    }
}

fn mistyped(key: &str) -> String {
    let (rest, last) = key.split_at(key.len() - 1);
    format!("{rest}{}", if last == "0" { "1" } else { "0" })
}

//! The keys of a run: minted here, with the same code that mints them at the
//! edge, and written into Workers KV in each contender's own form.

use anyhow::{Context, Result, ensure};
use base64ct::{Base64, Encoding as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use katalo_keys::{
    key::{
        Brand, Environment, KeyRecord, Keyring, OrganizationId, OrganizationRecord, RECORD_VERSION,
        Scope, Scopes, Subject,
    },
    random::Randomness,
    time::Timestamp,
};
use katalo_rig::Client;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use std::{net::SocketAddr, time::SystemTime};

/// The organization of all minted keys. No registry knows it.
const ORGANIZATION: &str = "bench";

/// The secrets of a run.
pub(crate) struct Secrets {
    pub(crate) root_keys: String,
    pub(crate) bootstrap_token: String,
    pub(crate) pepper: String,
    pub(crate) jwt: String,
    keyring: Keyring,
}

struct System;

impl Randomness for System {
    #[expect(clippy::expect_used, reason = "nothing can go on without it")]
    fn fill(&mut self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("randomness");
    }
}

impl Secrets {
    pub(crate) fn draw() -> Result<Self> {
        let draw = || {
            let mut bytes = [0; 32];
            System.fill(&mut bytes);
            Base64::encode_string(&bytes)
        };
        let root_keys = json!({ "current": "1", "keys": { "1": draw() } }).to_string();
        let brand = Brand::parse("kat").context("a brand")?;
        let keyring = Keyring::parse(brand, &root_keys)
            .map_err(|error| anyhow::anyhow!(error.to_string()))?;
        Ok(Self {
            root_keys,
            bootstrap_token: draw(),
            pepper: draw(),
            jwt: draw(),
            keyring,
        })
    }

    /// A token for the contender that takes those (RFC 7519, HS256).
    pub(crate) fn token(&self) -> Result<String> {
        use base64ct::Base64UrlUnpadded as Url;
        let claims = json!({
            "sub": "kat_live_bench", "organization": ORGANIZATION, "scope": "read",
            "exp": now().0 / 1_000 + 86_400,
        });
        let head = Url::encode_string(br#"{"alg":"HS256","typ":"JWT"}"#);
        let signed = format!(
            "{head}.{}",
            Url::encode_string(claims.to_string().as_bytes())
        );
        let mac = mac(self.jwt.as_bytes(), signed.as_bytes())?;
        Ok(format!("{signed}.{}", Url::encode_string(&mac)))
    }
}

fn mac(key: &[u8], text: &[u8]) -> Result<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key)?;
    mac.update(text);
    Ok(mac.finalize().into_bytes().into())
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Timestamp(since.unwrap_or_default().as_millis() as u64)
}

/// Mints `count` keys, puts them into Workers KV, and gives them back as a
/// client presents them.
pub(crate) fn mint(secrets: &Secrets, count: usize, kv: SocketAddr) -> Result<Vec<String>> {
    let keyring = &secrets.keyring;
    let organization = OrganizationId::parse(ORGANIZATION).context("an organization")?;
    let pepper = Base64::decode_vec(&secrets.pepper).map_err(|_| anyhow::anyhow!("base64"))?;
    let scope = Scope::parse("read").context("a scope")?;
    let scopes = Scopes::new(vec![scope]).context("scopes")?;
    let mut values = Map::new();
    let mut put = |name: String, record: &str| -> Result<()> {
        let sealed = keyring.seal(&name, record).context("a seal")?;
        values.insert(name, sealed.into());
        Ok(())
    };
    put(
        Subject::from(organization.tag()).kv_name(),
        &serde_json::to_string(&OrganizationRecord {
            v: RECORD_VERSION,
            revision: 1,
            id: organization.clone(),
            api_access: true,
            keys_revoked_through: 0,
            limits: Vec::new(),
        })?,
    )?;
    let client = Client::new(kv);
    let fill = |values: &mut Map<String, Value>| -> Result<()> {
        let answer = client
            .call("POST", "/")
            .json(&Value::Object(std::mem::take(values)));
        ensure!(answer.send()?.status == 204, "KV cannot be filled");
        Ok(())
    };
    let mut presented = Vec::with_capacity(count);
    for place in 0..count {
        let key = keyring
            .mint(Environment::Live, organization.tag(), &mut System)
            .context("a key")?;
        let text = key.text().expose().to_owned();
        let name = Subject::from(key.id().public).kv_name();
        let record = serde_json::to_string(&KeyRecord {
            name: format!("integration {place}"),
            ..KeyRecord::issued(
                2,
                now(),
                keyring.digest(&key).context("a digest")?,
                scopes.clone(),
            )
        })?;
        let sealed = keyring.seal(&name, &record).context("a seal")?;
        values.insert(name, sealed.into());
        let id = key.id().to_string();
        let foreign = json!({
            "id": id, "organization": ORGANIZATION, "scopes": "read", "revoked": false,
            "decision": "source=memory, age=0, revision=2",
            "digest": Base64::encode_string(&mac(&pepper, text.as_bytes())?),
        });
        values.insert(format!("js/{id}"), foreign.to_string().into());
        if place == 0 {
            let digest = base16ct::lower::encode_string(&Sha256::digest(text.as_bytes()));
            values.insert(format!("sha256/{digest}"), foreign.to_string().into());
        }
        presented.push(text);
        if values.len() > 4_000 {
            fill(&mut values)?;
        }
    }
    fill(&mut values)?;
    Ok(presented)
}

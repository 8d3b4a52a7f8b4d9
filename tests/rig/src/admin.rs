//! The admin routes, as tests call them.

use crate::{Answer, Call, Client};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

/// An administrator: a client with an admin key.
#[derive(Debug, Clone)]
pub struct Admin {
    client: Client,
    key: String,
}

/// A key as it was issued or rotated in.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The key id, as it stands in routes.
    pub id: String,
    /// The presented key, shown this once.
    pub secret: String,
    /// The key object.
    pub key: Value,
}

impl Admin {
    /// An administrator who holds this key.
    #[must_use]
    pub fn new(client: Client, key: &str) -> Self {
        Self {
            client,
            key: key.to_owned(),
        }
    }

    /// Makes the first admin key.
    ///
    /// # Errors
    ///
    /// When the token was used before, or is wrong.
    pub fn bootstrap(client: &Client, token: &str) -> Result<Self> {
        let answer = client
            .call("POST", "/admin/v1/bootstrap")
            .bearer(token)
            .send()?;
        let issued = Issued::of(&answer)?;
        Ok(Self::new(client.clone(), &issued.secret))
    }

    /// The admin key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// A request to an admin route, with the key presented.
    pub fn call(&self, method: &str, path: &str) -> Call<'_> {
        self.client
            .call(method, &format!("/admin/v1{path}"))
            .bearer(&self.key)
    }

    /// Creates or changes an organization.
    ///
    /// # Errors
    ///
    /// When there is no answer.
    pub fn put_organization(&self, organization: &str, body: &Value) -> Result<Answer> {
        self.call("PUT", &format!("/organizations/{organization}"))
            .json(body)
            .send()
    }

    /// Creates an organization with access to the API.
    ///
    /// # Errors
    ///
    /// When it was not created.
    pub fn organization(&self, organization: &str) -> Result<()> {
        let body = json!({ "name": organization, "api_access": "enabled" });
        let answer = self.put_organization(organization, &body)?;
        ensure!(matches!(answer.status, 200 | 201), "{answer:?}");
        Ok(())
    }

    /// Issues a key.
    ///
    /// # Errors
    ///
    /// When it was not issued.
    pub fn issue(&self, organization: &str, body: &Value) -> Result<Issued> {
        let path = format!("/organizations/{organization}/keys");
        Issued::of(&self.call("POST", &path).json(body).send()?)
    }

    /// Issues a live key with these scopes.
    ///
    /// # Errors
    ///
    /// When it was not issued.
    pub fn issue_live(&self, organization: &str, scopes: &[&str]) -> Result<Issued> {
        let body = json!({ "name": "test", "environment": "live", "scopes": scopes });
        self.issue(organization, &body)
    }

    /// Puts a new key in the place of an old one.
    ///
    /// # Errors
    ///
    /// When it was not rotated.
    pub fn rotate(&self, organization: &str, key: &str, overlap_seconds: u64) -> Result<Issued> {
        let body = json!({ "overlap_seconds": overlap_seconds });
        Issued::of(&self.act(organization, key, "rotate", &body)?)
    }

    /// Revokes a key.
    ///
    /// # Errors
    ///
    /// When there is no answer.
    pub fn revoke(&self, organization: &str, key: &str) -> Result<Answer> {
        self.act(
            organization,
            key,
            "revoke",
            &json!({ "reason": "unspecified" }),
        )
    }

    /// One of the acts on a key: `rotate`, `revoke`, `disable`, `enable`.
    ///
    /// # Errors
    ///
    /// When there is no answer.
    pub fn act(&self, organization: &str, key: &str, act: &str, body: &Value) -> Result<Answer> {
        let path = format!("/organizations/{organization}/keys/{key}/{act}");
        self.call("POST", &path).json(body).send()
    }
}

impl Issued {
    fn of(answer: &Answer) -> Result<Self> {
        ensure!(answer.status == 201, "no key was issued: {answer:?}");
        let body = answer.json()?;
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let key = body.get("key").context("no key in the answer")?.clone();
        Ok(Self {
            id: text(key.get("id")).context("no id in the key")?,
            secret: text(body.get("secret")).context("no secret in the answer")?,
            key,
        })
    }
}

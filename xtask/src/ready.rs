//! The demo organization and key of a local run, and the file that names them.

use crate::{server::Server, tools};
use anyhow::{Context, Result, bail};
use katalo_keys::{http::Route, key::Scopes, settings::Settings};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{fs, io::Write, os::unix::fs::OpenOptionsExt, path::Path};

const ORGANIZATION: &str = "demo";
/// How many routes are called by way of example.
const EXAMPLES: usize = 5;

/// `ready.json`. The one place on disk that holds a secret besides `.dev.vars`.
#[derive(Serialize, Deserialize)]
pub(crate) struct Ready {
    pub(crate) base_url: String,
    pub(crate) admin_key: String,
    pub(crate) organization: String,
    pub(crate) key_id: String,
    pub(crate) key: String,
}

impl Ready {
    /// Makes the first admin key, an organization and a key, through the admin
    /// routes. On a state where that was done, their secrets are out of reach.
    pub(crate) fn make(server: &Server, token: &str, settings: &Settings) -> Result<Self> {
        let origin = server.origin();
        tools::say("bootstrapping: an admin key, the organization `demo` and a key");
        let first = call("POST", &format!("{origin}/admin/v1/bootstrap"), token, None)?;
        if first.status == 409 {
            bail!(
                "this state was set up before, and the keys made then are not at hand (they are shown once); \
                 start on an empty one with --fresh"
            );
        }
        let admin_key = first.created()?.text("/secret")?;
        let organization = format!("{origin}/admin/v1/organizations/{ORGANIZATION}");
        let body = json!({ "name": "Demo", "api_access": "enabled" });
        call("PUT", &organization, &admin_key, Some(&body))?.created()?;
        let issued = issue(&organization, &admin_key, settings)?;
        Ok(Self {
            base_url: origin.to_owned(),
            admin_key,
            organization: ORGANIZATION.to_owned(),
            key_id: issued.text("/key/id")?,
            key: issued.text("/secret")?,
        })
    }

    /// Sees whether the keys of an earlier run still work, and puts a new one in the
    /// place of a demo key that does not.
    pub(crate) fn revive(mut self, server: &Server, settings: &Settings) -> Result<Self> {
        let origin = server.origin();
        let organization = format!("{origin}/admin/v1/organizations/{}", self.organization);
        let admin = call("GET", &organization, &self.admin_key, None)?;
        if admin.status != 200 {
            bail!(
                "the admin key of the earlier run no longer works, or its organization is gone \
                 ({}); start on an empty state with --fresh",
                admin.status
            );
        }
        if call("GET", &format!("{}/v1/key", server.own()), &self.key, None)?.status != 200 {
            tools::say("the demo key of the earlier run no longer works: issuing another");
            let issued = issue(&organization, &self.admin_key, settings)?;
            self.key_id = issued.text("/key/id")?;
            self.key = issued.text("/secret")?;
        }
        Ok(self)
    }

    /// Reads what an earlier run wrote.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>> {
        match fs::read(path) {
            Ok(bytes) => {
                Ok(Some(serde_json::from_slice(&bytes).with_context(|| {
                    format!("{} is damaged", path.display())
                })?))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes the file so that a reader finds all of it or nothing.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let folder = path.parent().context("no folder to write to")?;
        fs::create_dir_all(folder)?;
        let draft = path.with_extension("json.new");
        let _ = fs::remove_file(&draft);
        let mut file = fs::File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft)?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        file.sync_all()?;
        fs::rename(&draft, path)?;
        Ok(())
    }

    /// Prints what can be pasted into a shell.
    pub(crate) fn print(&self, settings: &Settings) {
        let Self {
            base_url,
            admin_key,
            organization,
            key_id,
            key,
        } = self;
        let auth = format!("-H 'Authorization: Bearer {key}'");
        let routes = settings.routes.iter();
        let everywhere = routes.filter(|route| !route.is_fallback() && route.host().is_none());
        let calls: String = everywhere
            .take(EXAMPLES)
            .map(|route| format!("curl -i{} {auth}\n", example(route, base_url)))
            .collect();
        let own = settings.routes.own_prefix();
        println!(
            "\nKatalo keys at {base_url}\n\n\
             The dashboard: {base_url}/dashboard/ (sign in with {admin_key})\n\n\
             Call the API with the demo key:\n\
             {calls}\n\
             Revoke the key:\n\
             curl -i -X POST {base_url}/admin/v1/organizations/{organization}/keys/{key_id}/revoke \
             -H 'Authorization: Bearer {admin_key}' -H 'Content-Type: application/json' \
             -d '{{\"reason\":\"superseded\"}}'\n\n\
             And see it refused, 401:\n\
             curl -i {base_url}{own}/v1/key {auth}\n"
        );
    }
}

/// A call of a route, for curl.
fn example(route: &Route, base_url: &str) -> String {
    let method = match route.method() {
        "GET" | "*" => String::new(),
        method => format!(" -X {method}"),
    };
    let segments = route.path().split('/').map(|segment| {
        let stands_for_any = segment.starts_with('{') || segment == "*";
        if stands_for_any { "demo" } else { segment }
    });
    let path = segments.collect::<Vec<_>>().join("/");
    format!("{method} {base_url}{path}")
}

/// Issues a demo key, with all scopes that there are and that one key can have.
fn issue(organization: &str, admin_key: &str, settings: &Settings) -> Result<Made> {
    let scopes = settings
        .control
        .client_scopes
        .iter()
        .map(|scope| &scope.name);
    let scopes: Vec<_> = scopes.take(Scopes::MAX).collect();
    let body = json!({ "name": "Demo key", "environment": "live", "scopes": scopes });
    call(
        "POST",
        &format!("{organization}/keys"),
        admin_key,
        Some(&body),
    )?
    .created()
}

pub(crate) struct Answer {
    url: String,
    status: u16,
    cookie: Option<String>,
    body: String,
}

/// The body of an answer that says something was made.
pub(crate) struct Made(Value);

impl Answer {
    /// The first cookie that it sets, as a request carries it.
    pub(crate) fn cookie(&self) -> Option<&str> {
        self.cookie.as_deref()?.split(';').next()
    }

    pub(crate) fn created(self) -> Result<Made> {
        if !matches!(self.status, 200 | 201) {
            bail!("{} answered {}: {}", self.url, self.status, self.body);
        }
        Ok(Made(serde_json::from_str(&self.body)?))
    }
}

impl Made {
    /// The text at a JSON pointer.
    fn text(&self, pointer: &str) -> Result<String> {
        let text = self.0.pointer(pointer).and_then(Value::as_str);
        Ok(text
            .with_context(|| format!("no {pointer} in the answer"))?
            .to_owned())
    }
}

pub(crate) fn call(method: &str, url: &str, bearer: &str, body: Option<&Value>) -> Result<Answer> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .into();
    let request = ureq::http::Request::builder()
        .method(method)
        .uri(url)
        .header("authorization", format!("Bearer {bearer}"));
    let mut response = match body {
        Some(body) => agent.run(
            request
                .header("content-type", "application/json")
                .body(body.to_string())?,
        ),
        None => agent.run(request.body(())?),
    }
    .with_context(|| format!("no answer from {url}"))?;
    Ok(Answer {
        url: url.to_owned(),
        status: response.status().as_u16(),
        cookie: response
            .headers()
            .get("set-cookie")
            .and_then(|value| Some(value.to_str().ok()?.to_owned())),
        body: response.body_mut().read_to_string()?,
    })
}

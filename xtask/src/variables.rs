//! `.dev.vars`: the secrets of local runs, made by chance on the first one.

use crate::{project, tools};
use anyhow::{Context, Result, anyhow};
use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use std::{fs, io::Write, os::unix::fs::OpenOptionsExt};

const BOOTSTRAP_TOKEN: &str = "BOOTSTRAP_TOKEN";

/// Makes `.dev.vars`, unless it is there, and returns the bootstrap token in it.
pub(crate) fn bootstrap_token() -> Result<String> {
    let path = project::root().join(".dev.vars");
    if !path.exists() {
        tools::say("making .dev.vars with random root keys and bootstrap token");
        let text = format!(
            "# Secrets of local runs. Deployed Workers take theirs from `wrangler secret put`.\n\
             ROOT_KEYS='{{\"current\":\"1\",\"keys\":{{\"1\":\"{}\"}}}}'\n\
             {BOOTSTRAP_TOKEN}={}\n",
            Base64::encode_string(&random()?),
            Base64UrlUnpadded::encode_string(&random()?),
        );
        fs::File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?
            .write_all(text.as_bytes())?;
    }
    let text = fs::read_to_string(&path).context("cannot read .dev.vars")?;
    let token = text.lines().find_map(|line| {
        let value = line.strip_prefix(BOOTSTRAP_TOKEN)?.strip_prefix('=')?;
        Some(value.trim().trim_matches(['"', '\'']).to_owned())
    });
    token.ok_or_else(|| {
        anyhow!(".dev.vars has no {BOOTSTRAP_TOKEN}; delete the file to have it made anew")
    })
}

fn random() -> Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("no randomness: {error}"))?;
    Ok(bytes)
}

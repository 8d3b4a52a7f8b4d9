//! `.dev.vars`: the secrets of local runs, made by chance on the first one.

use crate::{project, tools};
use anyhow::{Context, Result, anyhow};
use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use std::{fs, io::Write, os::unix::fs::OpenOptionsExt};

const BOOTSTRAP_TOKEN: &str = "BOOTSTRAP_TOKEN";

/// Makes the value of a variable.
type Maker = fn() -> Result<String>;

/// What a local run cannot do without.
const NEEDED: [(&str, Maker); 2] = [
    ("ROOT_KEYS", || {
        let key = Base64::encode_string(&random()?);
        Ok(format!(r#"'{{"current":"1","keys":{{"1":"{key}"}}}}'"#))
    }),
    (BOOTSTRAP_TOKEN, || {
        Ok(Base64UrlUnpadded::encode_string(&random()?))
    }),
];

/// Makes `.dev.vars`, or adds what it lacks; the rest stays as it is.
pub(crate) fn complete() -> Result<()> {
    let path = project::root().join(".dev.vars");
    let mut file = fs::File::options()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(&path)
        .context("cannot write .dev.vars")?;
    let mut text = fs::read_to_string(&path).context("cannot read .dev.vars")?;
    if text.is_empty() {
        text.push_str(
            "# Secrets of local runs. Deployed Workers take theirs from `wrangler secret put`.\n",
        );
        file.write_all(text.as_bytes())?;
    }
    if !text.ends_with('\n') {
        file.write_all(b"\n")?;
    }
    for (name, make) in NEEDED {
        if value_of(&text, name).is_none() {
            tools::say(format_args!("adding a random {name} to .dev.vars"));
            writeln!(file, "{name}={}", make()?)?;
        }
    }
    Ok(())
}

/// Completes `.dev.vars`, and returns the bootstrap token in it.
pub(crate) fn bootstrap_token() -> Result<String> {
    complete()?;
    let text = fs::read_to_string(project::root().join(".dev.vars"))?;
    value_of(&text, BOOTSTRAP_TOKEN)
        .map(str::to_owned)
        .context(".dev.vars has no bootstrap token")
}

/// The value of a variable in the text of `.dev.vars`; an empty one counts as none.
fn value_of<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let line = line.trim_start();
        let line = line.strip_prefix("export ").unwrap_or(line);
        let value = line.strip_prefix(name)?.trim_start().strip_prefix('=')?;
        Some(value.trim().trim_matches(['"', '\''])).filter(|value| !value.is_empty())
    })
}

fn random() -> Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("no randomness: {error}"))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::value_of;

    #[test]
    fn finds_a_variable_as_dotenv_writes_it() {
        let text = "# A=0\nA=1\nexport B = \"two\"\nEMPTY=\nAB=3\nC='{\"x\":1}'";
        for (name, value) in [
            ("A", Some("1")),
            ("B", Some("two")),
            ("C", Some("{\"x\":1}")),
            ("EMPTY", None),
            ("D", None),
        ] {
            assert_eq!(value_of(text, name), value, "{name}");
        }
    }
}

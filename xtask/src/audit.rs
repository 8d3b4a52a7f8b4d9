//! `cargo xtask audit-verify`: an exported audit, verified on any machine with
//! nothing but the export, and the signed end of its chain where one was kept.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use katalo_keys::key::{Brand, Keyring, OrganizationId};
use katalo_keys::registry::audit::{verify_export, verify_head};
use katalo_keys::registry::message::AuditHead;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// The export: `GET …/audit` with `Accept: application/x-ndjson`
    file: PathBuf,
    /// A head that was kept: the answer of `GET …/audit/head`
    #[arg(long)]
    head: Option<PathBuf>,
    /// Whose audit it is; needed where no head tells it
    #[arg(long, required_unless_present = "head")]
    organization: Option<String>,
    /// A file with ROOT_KEYS, to verify the head's signature too
    #[arg(long, requires = "head")]
    root_keys: Option<PathBuf>,
    /// What the installation's keys begin with
    #[arg(long, default_value = "kat")]
    brand: String,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let export = read(&options.file)?;
    let head: Option<AuditHead> = match &options.head {
        None => None,
        Some(path) => {
            let head = serde_json::from_str(&read(path)?);
            Some(head.with_context(|| format!("{} is no head", path.display()))?)
        }
    };
    let organization = match (&options.organization, &head) {
        (Some(text), _) => OrganizationId::parse(text).context("not an organization id")?,
        (None, Some(head)) => head.organization.clone(),
        (None, None) => bail!("say whose audit it is: --organization or --head"),
    };
    let keyring = match &options.root_keys {
        None => None,
        Some(path) => {
            let brand = Brand::parse(&options.brand).context("not a brand")?;
            match Keyring::parse(brand, read(path)?.trim()) {
                Ok(keyring) => Some(keyring),
                // It says what is wrong with the text, never what is in it.
                Err(error) => bail!("{error}"),
            }
        }
    };
    println!(
        "{}",
        verify(&export, &organization, head.as_ref(), keyring.as_ref())?
    );
    Ok(())
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// What can be said of the export; an error names the first bad entry.
fn verify(
    export: &str,
    organization: &OrganizationId,
    head: Option<&AuditHead>,
    keyring: Option<&Keyring>,
) -> Result<String> {
    let end = match (head, keyring) {
        (None, _) => "without a head, entries that were cut off its end are not missed",
        (Some(_), None) => "it ends where the head says, whose signature takes --root-keys",
        (Some(head), Some(keyring)) if verify_head(head, keyring) => {
            "it ends where the head says, and the head's signature holds"
        }
        (Some(_), Some(_)) => bail!("the head was not signed under one of these root keys"),
    };
    // Not `lines`, which would forgive a carriage return.
    match verify_export(export.split('\n'), organization, head) {
        Ok(found) => Ok(format!(
            "{organization}: {} entries, each as it was written, the last with hash {}; {end}",
            found.count, found.hash
        )),
        Err(broken) => bail!(
            "{organization}: the first bad entry is {}: {broken}",
            broken.line
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written and pinned by the registry's own tests.
    const EXPORT: &str = include_str!("../../tests/registry/audit/acme.ndjson");
    const HEAD: &str = include_str!("../../tests/registry/audit/acme.head.json");
    const ROOT_KEYS: &str = r#"{"current":"2","keys":{
        "1":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        "2":"ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="}}"#;

    fn outcome(export: &str) -> String {
        let head: AuditHead = serde_json::from_str(HEAD).unwrap();
        let keyring = Keyring::parse(Brand::KATALO, ROOT_KEYS).unwrap();
        match verify(export, &head.organization, Some(&head), Some(&keyring)) {
            Ok(text) => text,
            Err(error) => error.to_string(),
        }
    }

    fn entries() -> Vec<&'static str> {
        EXPORT.lines().collect()
    }

    #[test]
    fn a_whole_export_holds() {
        let count = entries().len();
        assert!(count > 4);
        let text = outcome(EXPORT);
        assert!(text.contains(&format!("{count} entries")), "{text}");
        assert!(text.contains("signature holds"), "{text}");
    }

    #[test]
    fn every_changed_byte_is_found_in_its_entry() {
        let mut place = 0;
        for (line, seq) in entries().iter().zip(1..) {
            for at in (0..line.len()).filter(|at| line.is_char_boundary(*at)) {
                let mut bytes = EXPORT.as_bytes().to_vec();
                bytes[place + at] ^= 1;
                let Ok(text) = String::from_utf8(bytes) else {
                    continue;
                };
                let said = outcome(&text);
                assert!(
                    said.contains(&format!("the first bad entry is {seq}:")),
                    "{seq}, byte {at}: {said}"
                );
            }
            place += line.len() + 1;
        }
    }

    #[test]
    fn a_missing_swapped_or_foreign_entry_is_found() {
        let lines = entries();
        for missing in 0..lines.len() {
            let mut left = lines.clone();
            left.remove(missing);
            let said = outcome(&left.join("\n"));
            let named = format!("the first bad entry is {}:", missing + 1);
            assert!(said.contains(&named), "{missing}: {said}");
        }
        let mut swapped = lines.clone();
        swapped.swap(1, 2);
        let said = outcome(&swapped.join("\n"));
        assert!(
            said.contains("entry 3 stands where entry 2 belongs"),
            "{said}"
        );
        let other = OrganizationId::parse("beta").unwrap();
        let said = verify(EXPORT, &other, None, None).unwrap_err().to_string();
        assert!(said.contains("the first bad entry is 1:"), "{said}");
    }

    #[test]
    fn a_head_of_other_root_keys_is_refused() {
        let mut head: AuditHead = serde_json::from_str(HEAD).unwrap();
        let keyring = Keyring::parse(Brand::KATALO, ROOT_KEYS).unwrap();
        head.count -= 1;
        let refused = verify(EXPORT, &head.organization, Some(&head), Some(&keyring));
        assert!(refused.unwrap_err().to_string().contains("not signed"));
        let shorter = verify(EXPORT, &head.organization, Some(&head), None);
        assert!(shorter.unwrap_err().to_string().contains("does not end"));
    }
}

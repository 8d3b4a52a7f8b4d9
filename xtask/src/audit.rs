//! `cargo xtask audit-verify`: an exported audit, verified on any machine with
//! nothing but the export, and the signed end of its chain where one was kept. Where
//! the retention dropped its beginning, the head tells the checkpoint that the export
//! follows.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use katalo_keys::key::{Brand, Keyring, OrganizationId};
use katalo_keys::registry::audit::{verify_checkpoint, verify_export, verify_head, verify_kept};
use katalo_keys::registry::message::{AuditCheckpoint, AuditHead};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// The export: `GET …/audit` with `Accept: application/x-ndjson`
    file: PathBuf,
    /// A head that was kept: the answer of `GET …/audit/head`
    #[arg(long)]
    head: Option<PathBuf>,
    /// What an export follows whose beginning was dropped: the `checkpoint` of an
    /// answer of `GET …/audit/head`; that of `--head` unless said
    #[arg(long)]
    checkpoint: Option<PathBuf>,
    /// Whose audit it is; needed where neither head nor checkpoint tells it
    #[arg(long, required_unless_present_any = ["head", "checkpoint"])]
    organization: Option<String>,
    /// A file with ROOT_KEYS, to verify the signatures too
    #[arg(long)]
    root_keys: Option<PathBuf>,
    /// What the installation's keys begin with
    #[arg(long, default_value = "kat")]
    brand: String,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let export = read(&options.file)?;
    let head: Option<AuditHead> = json(options.head.as_deref(), "head")?;
    let checkpoint = match json(options.checkpoint.as_deref(), "checkpoint")? {
        Some(checkpoint) => Some(checkpoint),
        None => checkpoint_before(&export, head.as_ref()),
    };
    let organization = match (&options.organization, &head, &checkpoint) {
        (Some(text), ..) => OrganizationId::parse(text).context("not an organization id")?,
        (None, Some(head), _) => head.organization.clone(),
        (None, None, Some(checkpoint)) => checkpoint.organization.clone(),
        (None, None, None) => bail!("say whose audit it is: --organization or --head"),
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
    let kept = Kept {
        organization: &organization,
        checkpoint: checkpoint.as_ref(),
        head: head.as_ref(),
        keyring: keyring.as_ref(),
    };
    println!("{}", verify(&export, &kept)?);
    Ok(())
}

fn json<T: serde::de::DeserializeOwned>(path: Option<&Path>, what: &str) -> Result<Option<T>> {
    let Some(path) = path else { return Ok(None) };
    let value = serde_json::from_str(&read(path)?);
    Ok(Some(value.with_context(|| {
        format!("{} is no {what}", path.display())
    })?))
}

/// The head's checkpoint, where the export begins after it: an archive that begins
/// with the first entry passes it instead.
fn checkpoint_before(export: &str, head: Option<&AuditHead>) -> Option<AuditCheckpoint> {
    let first: serde_json::Value = serde_json::from_str(export.lines().next()?).ok()?;
    let checkpoint = head?.checkpoint.clone()?;
    (first.get("seq") != Some(&1.into())).then_some(checkpoint)
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// What an export is held against.
struct Kept<'a> {
    organization: &'a OrganizationId,
    checkpoint: Option<&'a AuditCheckpoint>,
    head: Option<&'a AuditHead>,
    keyring: Option<&'a Keyring>,
}

/// What can be said of the export; an error names the first bad entry.
fn verify(export: &str, kept: &Kept<'_>) -> Result<String> {
    let Kept {
        organization,
        checkpoint,
        head,
        keyring,
    } = *kept;
    let end = match (head, keyring) {
        (None, _) => "without a head, entries that were cut off its end are not missed",
        (Some(_), None) => "it ends where the head says, whose signature takes --root-keys",
        (Some(head), Some(keyring)) if verify_head(head, keyring) => {
            "it ends where the head says, and the head's signature holds"
        }
        (Some(_), Some(_)) => bail!("the head was not signed under one of these root keys"),
    };
    // Not `lines`, which would forgive a carriage return.
    let lines = export.split('\n');
    let (found, beginning) = match checkpoint {
        None => (verify_export(lines, organization, head), String::new()),
        Some(checkpoint) if checkpoint.organization != *organization => {
            bail!("the checkpoint is of {}", checkpoint.organization)
        }
        Some(checkpoint) => {
            let signature = match keyring {
                None => "takes --root-keys",
                Some(keyring) if verify_checkpoint(checkpoint, keyring) => "holds",
                Some(_) => bail!("the checkpoint was not signed under one of these root keys"),
            };
            let beginning = format!(
                "; those up to {} were dropped on {}, which is on record, and the checkpoint's \
                 signature {signature}",
                checkpoint.seq,
                checkpoint.at.to_rfc3339()
            );
            (verify_kept(lines, checkpoint, head), beginning)
        }
    };
    match found {
        Ok(found) => Ok(format!(
            "{organization}: {} entries, each as it was written, the last with hash {}; {end}{beginning}",
            found.count - checkpoint.map_or(0, |checkpoint| checkpoint.seq),
            found.hash
        )),
        Err(broken) => bail!(
            "{organization}: the first bad entry is {}: {broken}",
            broken.entry
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written and pinned by the registry's own tests.
    const EXPORT: &str = include_str!("../../tests/registry/audit/acme.ndjson");
    const HEAD: &str = include_str!("../../tests/registry/audit/acme.head.json");
    const SEALED: &str = include_str!("../../tests/registry/audit/sealed.ndjson");
    const SEALED_HEAD: &str = include_str!("../../tests/registry/audit/sealed.head.json");
    const ROOT_KEYS: &str = r#"{"current":"2","keys":{
        "1":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        "2":"ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="}}"#;

    fn outcome(export: &str) -> String {
        against(export, &serde_json::from_str(HEAD).unwrap())
    }

    /// Held against a head, as the command does it.
    fn against(export: &str, head: &AuditHead) -> String {
        let keyring = Keyring::parse(Brand::KATALO, ROOT_KEYS).unwrap();
        let checkpoint = checkpoint_before(export, Some(head));
        let kept = Kept {
            organization: &head.organization,
            checkpoint: checkpoint.as_ref(),
            head: Some(head),
            keyring: Some(&keyring),
        };
        verify(export, &kept).unwrap_or_else(|error| error.to_string())
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
        let kept = Kept {
            organization: &other,
            checkpoint: None,
            head: None,
            keyring: None,
        };
        let said = verify(EXPORT, &kept).unwrap_err().to_string();
        assert!(said.contains("the first bad entry is 1:"), "{said}");
    }

    #[test]
    fn a_head_of_other_root_keys_is_refused() {
        let mut head: AuditHead = serde_json::from_str(HEAD).unwrap();
        head.count -= 1;
        assert!(against(EXPORT, &head).contains("the head was not signed"));
        let kept = Kept {
            organization: &head.organization,
            checkpoint: None,
            head: Some(&head),
            keyring: None,
        };
        let shorter = verify(EXPORT, &kept).unwrap_err().to_string();
        assert!(shorter.contains("does not end"), "{shorter}");
    }

    #[test]
    fn an_export_whose_beginning_was_dropped_holds_from_its_checkpoint_on() {
        let head: AuditHead = serde_json::from_str(SEALED_HEAD).unwrap();
        let said = against(SEALED, &head);
        assert!(said.contains("acme: 4 entries"), "{said}");
        assert!(
            said.contains("up to 3 were dropped on 2026-12-26")
                && said.contains("the checkpoint's signature holds"),
            "{said}"
        );
        let (first, rest) = SEALED.split_once('\n').unwrap();
        let said = against(rest, &head);
        assert!(
            said.contains("entry 5 stands where entry 4 belongs"),
            "{said}"
        );
        let said = against(first, &head);
        assert!(said.contains("does not end"), "{said}");
        let changed = |change: &dyn Fn(&mut AuditCheckpoint)| {
            let mut head = head.clone();
            change(head.checkpoint.as_mut().unwrap());
            against(SEALED, &head)
        };
        for said in [
            changed(&|it| it.seq += 1),
            changed(&|it| it.hash = head.hash.clone()),
            changed(&|it| it.signature = head.signature.clone()),
        ] {
            assert!(said.contains("the checkpoint was not signed"), "{said}");
        }
        let other = OrganizationId::parse("beta").unwrap();
        let said = changed(&|it| it.organization = other.clone());
        assert!(said.contains("the checkpoint is of beta"), "{said}");
        let mut unsaid = head;
        unsaid.checkpoint = None;
        let said = against(SEALED, &unsaid);
        assert!(
            said.contains("entry 4 stands where entry 1 belongs"),
            "{said}"
        );
    }
}

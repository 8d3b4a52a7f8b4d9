//! That docs/security.md tells the truth: every test that it names is there, and
//! the Worker is made of the crates that it lists.
#![allow(missing_docs, reason = "tests")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that panics has failed"
)]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

const PAGE: &str = include_str!("../docs/security.md");
const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The sources in which tests are.
fn sources() -> String {
    fn read(folder: &Path, text: &mut String) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                read(&path, text);
            } else if path
                .extension()
                .is_some_and(|end| end == "rs" || end == "mjs")
            {
                text.push_str(&std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    let mut text = String::new();
    for folder in ["src", "tests", "xtask/src"] {
        read(&Path::new(ROOT).join(folder), &mut text);
    }
    text
}

/// The rows of the table below a heading: each its cells.
fn rows(heading: &str) -> Vec<Vec<&'static str>> {
    let (_, section) = PAGE.split_once(&format!("\n## {heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    section
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"))
        .skip(1)
        .map(|row| row.split(" | ").collect())
        .collect()
}

fn names(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

fn is_a_test(name: &str, sources: &str) -> bool {
    let is_marked = |at: usize| {
        let before = &sources[..at];
        let lines = before.lines().rev().take(4);
        lines.into_iter().any(|line| line.trim() == "#[test]")
    };
    let of_browser = format!("test(\"{name}\"");
    sources
        .lines()
        .any(|line| line.trim_start().starts_with(&of_browser))
        || sources
            .match_indices(&format!("fn {name}("))
            .any(|(at, _)| is_marked(at))
}

#[test]
fn every_threat_names_a_test_that_exists() {
    let sources = sources();
    let threats = rows("Threats");
    assert!(threats.len() >= 30, "{}", threats.len());
    for row in &threats {
        assert_eq!(row.len(), 3, "{row:?}");
        let tests = names(row[2]);
        assert!(!tests.is_empty(), "{} has no test", row[0]);
        for test in tests {
            assert!(is_a_test(test, &sources), "{}: no test {test}", row[0]);
        }
    }
    assert!(!is_a_test("a_test_that_is_not_there", &sources));
    assert!(!is_a_test("sources_of_tests", &sources));
}

/// `cargo xtask defences` really takes them out. Here is seen that it still could,
/// and that the page lists what it does.
#[test]
fn each_defence_listed_can_be_taken_out() {
    let sources = sources();
    let list: toml::Table = include_str!("defences.toml").parse().unwrap();
    let defences = list["defence"].as_array().unwrap();
    let rows = rows("Defences taken out");
    assert_eq!(rows.len(), defences.len());
    for (row, defence) in rows.iter().zip(defences) {
        let text = |name: &str| defence[name].as_str().unwrap();
        let name = text("name");
        assert_eq!(row[0], name);
        let file = std::fs::read_to_string(Path::new(ROOT).join(text("file"))).unwrap();
        assert!(file.contains(text("from")), "{name} is not where it was");
        assert_ne!(text("from"), text("to"), "{name}");
        let tests: Vec<_> = (defence["tests"].as_array().unwrap().iter())
            .map(|test| test.as_str().unwrap())
            .collect();
        assert_eq!(names(row[1]), tests, "{name}");
        assert!(!tests.is_empty(), "{name}");
        for test in tests {
            assert!(is_a_test(test, &sources), "{name}: no test {test}");
        }
    }
}

/// What `cargo xtask test` leaves out for its length has a schedule of its own.
#[test]
fn defences_are_taken_out_by_night() {
    let workflow = |name: &str| {
        let file = Path::new(ROOT).join(".github/workflows").join(name);
        std::fs::read_to_string(file).unwrap()
    };
    let nightly = workflow("nightly.yml");
    for part in [
        "schedule:",
        "- run: cargo xtask defences\n",
        "cargo xtask mutants",
    ] {
        assert!(nightly.contains(part), "{part}");
    }
    assert!(workflow("ci.yml").contains("- run: .ci/run\n"));
}

#[test]
fn the_policy_leads_here() {
    let policy = std::fs::read_to_string(format!("{ROOT}/SECURITY.md")).unwrap();
    assert!(policy.contains("(docs/security.md)"));
}

/// The crates named in a block of the page.
fn listed(block: &str) -> BTreeSet<String> {
    let (_, rest) = PAGE.split_once(&format!("```{block}\n")).unwrap();
    let (list, _) = rest.split_once("\n```").unwrap();
    list.split_whitespace().map(str::to_owned).collect()
}

fn tree(depth: &[&str]) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .current_dir(ROOT)
        .args(["tree", "--package=katalo-keys", "--edges=normal"])
        .args(["--target=wasm32-unknown-unknown", "--locked"])
        .args(["--prefix=none", "--format={p}"])
        .args(depth)
        .output()
        .unwrap();
    assert!(output.status.success(), "cargo tree failed");
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .filter_map(|line| line.split(' ').next())
        .filter(|name| !name.is_empty() && *name != "katalo-keys")
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_worker_depends_on_these_crates_alone() {
    let direct = tree(&["--depth=1"]);
    assert_eq!(listed("direct"), direct);
    let all = tree(&[]);
    assert_eq!(listed("indirect"), &all - &direct);
}

/// Every package of both lockfiles comes from a registry, with its checksum.
#[test]
fn nothing_is_fetched_without_a_lockfile() {
    let lock = std::fs::read_to_string(format!("{ROOT}/Cargo.lock")).unwrap();
    let lock: toml::Table = lock.parse().unwrap();
    for package in lock["package"].as_array().unwrap() {
        let own = package.get("source").is_none();
        assert!(own || package.get("checksum").is_some(), "{package:?}");
    }
    let lock = std::fs::read_to_string(format!("{ROOT}/package-lock.json")).unwrap();
    let lock: serde_json::Value = serde_json::from_str(&lock).unwrap();
    let packages = lock["packages"].as_object().unwrap();
    for (name, package) in packages.iter().filter(|(name, _)| !name.is_empty()) {
        assert!(package["integrity"].is_string(), "{name}");
    }
    let manifest = std::fs::read_to_string(format!("{ROOT}/package.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    for (name, version) in manifest["devDependencies"].as_object().unwrap() {
        let version = version.as_str().unwrap();
        let is_pinned = version
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
        assert!(is_pinned, "{name} {version}");
    }
    let tests = std::fs::read_to_string(format!("{ROOT}/xtask/src/test.rs")).unwrap();
    assert!(tests.matches("--locked").count() >= 4);
}

#[test]
fn the_protections_of_the_dashboard_name_tests_that_exist() {
    let sources = sources();
    let page = include_str!("../docs/dashboard.md");
    let (_, table) = page
        .split_once("\n| protection | test |\n|---|---|\n")
        .unwrap();
    let rows: Vec<&str> = table
        .lines()
        .take_while(|line| line.starts_with("| "))
        .collect();
    assert!(rows.len() >= 15, "{}", rows.len());
    for row in rows {
        let tests = names(row.trim_end_matches(" |").rsplit(" | ").next().unwrap());
        assert!(!tests.is_empty(), "{row}");
        for test in tests {
            let quoted = ["(\"", "  \"", "  `"].map(|before| format!("{before}{test}"));
            assert!(
                quoted.iter().any(|test| sources.contains(test)),
                "{row}: no test {test}"
            );
        }
    }
}

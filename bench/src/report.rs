//! Runs everything and says what came of it: a table, JSON, plots.

use crate::{
    Options,
    field::Field,
    growth::{self, Growth},
    memory::{self, Memory},
    plot, proc,
    rounds::{self, Measured},
    size::{self, Size},
    start::{self, Start},
};
use anyhow::Result;
use serde::Serialize;
use std::{fmt::Write as _, fs, path::Path, process::Command};

/// A run.
#[derive(Serialize)]
struct Report {
    commit: String,
    processor: String,
    rounds: usize,
    rows: Vec<Measured>,
    memory: Vec<Memory>,
    start: Vec<Start>,
    growth: Vec<Growth>,
    sizes: Vec<Size>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let rows = {
        let field = Field::start(&options.probe)?;
        let rows: Vec<_> = field
            .rows
            .iter()
            .filter(|row| {
                let wanted = |only: &String| {
                    row.name.contains(only.as_str()) || matches!(row.kind, "limit" | "probe")
                };
                options.only.as_ref().is_none_or(wanted)
            })
            .collect();
        rounds::run(options, &rows)?
    };
    let mut report = Report {
        commit: commit(),
        processor: proc::processor(),
        rounds: options.rounds,
        rows,
        memory: Vec::new(),
        start: Vec::new(),
        growth: Vec::new(),
        sizes: size::run()?,
    };
    // What is measured is not lost where a later part fails.
    report.write(&options.out)?;
    if !options.requests_only {
        report.memory = memory::run()?;
        report.write(&options.out)?;
        report.start = start::run()?;
        report.write(&options.out)?;
        report.growth = growth::run(options.growth_keys)?;
        report.write(&options.out)?;
    }
    print!("{}", report.table());
    Ok(())
}

/// Of the checkout; `+` where it has changes beside.
fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok()?;
        String::from_utf8(output.stdout).ok()
    };
    let Some(head) = git(&["rev-parse", "--short", "HEAD"]) else {
        return "unknown".to_owned();
    };
    let clean = git(&["status", "--porcelain", "-uno"]).is_some_and(|changes| changes.is_empty());
    format!("{}{}", head.trim(), if clean { "" } else { "+" })
}

impl Report {
    fn write(&self, out: &Path) -> Result<()> {
        fs::create_dir_all(out)?;
        fs::write(out.join("bench.json"), serde_json::to_string_pretty(self)?)?;
        fs::write(out.join("bench.md"), self.table())?;
        plot::costs(&out.join("costs.svg"), &self.rows)?;
        if !self.growth.is_empty() {
            plot::growth(&out.join("growth.svg"), &self.growth)?;
        }
        Ok(())
    }

    fn table(&self) -> String {
        let mut text = format!(
            "Commit {}, {}, {} rounds. Ratios are medians over the rounds, with the least and the most.\n\n",
            self.commit, self.processor, self.rounds
        );
        let connections: Vec<usize> = self
            .rows
            .first()
            .map(|row| row.per_second.keys().copied().collect())
            .unwrap_or_default();
        text.push_str(
            "| | beside | ratio of throughput | ratio of CPU | CPU µs | p50 µs | p99 µs |",
        );
        let mut rule = "|---|---|---|---|---:|---:|---:|".to_owned();
        for connections in &connections {
            let _ = write!(text, " {connections} conn. |");
            rule.push_str("---:|");
        }
        let _ = writeln!(text, "\n{rule}");
        for row in &self.rows {
            let (ratio, by_cpu) = (row.ratio, row.ratio_by_cpu);
            let _ = write!(
                text,
                "| {} | {} | {:.2} ({:.2}–{:.2}) | {:.2} ({:.2}–{:.2}) | {:.1} | {:.0} | {:.0} |",
                row.name,
                if row.beside == row.name {
                    ""
                } else {
                    row.beside
                },
                ratio.median,
                ratio.least,
                ratio.most,
                by_cpu.median,
                by_cpu.least,
                by_cpu.most,
                row.cpu_us.median,
                row.p50_us,
                row.p99_us,
            );
            for connections in &connections {
                let _ = match row.per_second.get(connections) {
                    Some(rate) => write!(text, " {:.0} |", rate.median),
                    None => write!(text, " |"),
                };
            }
            text.push('\n');
        }
        if !self.memory.is_empty() {
            text.push_str("\n| resident memory, MiB | first answer | 10,000 keys | 100,000 keys |\n|---|---:|---:|---:|\n");
            for memory in &self.memory {
                let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
                let _ = write!(text, "| {} | {:.1} |", memory.name, mebibytes(memory.first));
                for (_, bytes) in &memory.after {
                    let _ = write!(text, " {:.1} |", mebibytes(*bytes));
                }
                text.push('\n');
            }
        }
        if !self.start.is_empty() {
            text.push_str(
                "\n| start to first answer | ms | ratio to JavaScript that does the same |\n|---|---:|---|\n",
            );
            for start in &self.start {
                let _ = writeln!(
                    text,
                    "| {} | {:.1} | {:.2} ({:.2}–{:.2}) |",
                    start.name,
                    start.ms.median,
                    start.ratio.median,
                    start.ratio.least,
                    start.ratio.most
                );
            }
        }
        if let Some(first) = self.growth.first() {
            text.push_str("\n| CPU µs by keys |");
            for (size, _) in &first.cpu_us {
                let _ = write!(text, " {size} |");
            }
            let _ = writeln!(text, "\n|---|{}", "---:|".repeat(first.cpu_us.len()));
            for growth in &self.growth {
                let _ = write!(text, "| {} |", growth.operation);
                for (_, cost) in &growth.cpu_us {
                    let _ = write!(text, " {cost:.0} |");
                }
                text.push('\n');
            }
        }
        text.push_str("\n| file | kB | kB gzipped |\n|---|---:|---:|\n");
        for size in &self.sizes {
            let kilobytes = |bytes: usize| bytes as f64 / 1e3;
            let _ = writeln!(
                text,
                "| {} | {:.1} | {:.1} |",
                size.file,
                kilobytes(size.bytes),
                kilobytes(size.gzipped)
            );
        }
        text
    }
}

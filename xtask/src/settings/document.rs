//! A TOML file as the tree of a JSON text, with the line of each part.

use serde_json::{Map, Value};
use std::{collections::BTreeMap, fmt};
use toml::de::{DeTable, DeValue};

/// What is wrong in a file, and where.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Mistake {
    /// As the user knows the file.
    file: String,
    /// From 1; 0 where it is no line's.
    line: usize,
    text: String,
    /// The line itself.
    shown: Option<String>,
}

impl Mistake {
    /// Of no file.
    pub(super) fn of_none(text: &str) -> Self {
        Self {
            file: String::new(),
            line: 0,
            text: text.to_owned(),
            shown: None,
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.text)?,
            line => write!(f, "{}:{line}: {}", self.file, self.text)?,
        }
        match &self.shown {
            Some(shown) => write!(f, "\n{:>6} | {shown}", self.line),
            None => Ok(()),
        }
    }
}

/// A file that was read.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    name: String,
    text: String,
    /// Its content.
    pub(super) tree: Value,
    /// Where each part begins, by JSON Pointer (RFC 6901).
    lines: BTreeMap<String, usize>,
}

impl Document {
    /// Reads the text of a file. `name` is how the user knows it.
    ///
    /// # Errors
    /// It is no TOML.
    pub(crate) fn parse(name: &str, text: &str) -> Result<Self, Vec<Mistake>> {
        let mut document = Self {
            name: name.to_owned(),
            text: text.to_owned(),
            tree: Value::Null,
            lines: BTreeMap::new(),
        };
        let (table, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            let mistakes = errors.iter().map(|error| {
                let at = error.span().map_or(0, |span| span.start);
                document.mistake_in(document.line_at(at), error.message())
            });
            return Err(mistakes.collect());
        }
        document.tree = document.table(table.get_ref(), "");
        Ok(document)
    }

    /// The line of a part, or of the nearest one around it.
    pub(super) fn line(&self, pointer: &str) -> usize {
        let mut pointer = pointer;
        loop {
            match (self.lines.get(pointer), pointer.rsplit_once('/')) {
                (Some(line), _) => return *line,
                (None, Some((around, _))) => pointer = around,
                (None, None) => return 1,
            }
        }
    }

    pub(super) fn mistake(&self, pointer: &str, text: &str) -> Mistake {
        self.mistake_in(self.line(pointer), text)
    }

    fn mistake_in(&self, line: usize, text: &str) -> Mistake {
        let shown = self.text.lines().nth(line - 1).map(str::trim_end);
        Mistake {
            file: self.name.clone(),
            line,
            text: text.to_owned(),
            shown: shown
                .filter(|shown| !could_be_secret(shown))
                .map(str::to_owned),
        }
    }

    fn line_at(&self, offset: usize) -> usize {
        let before = self.text.get(..offset).unwrap_or_default();
        1 + before.matches('\n').count()
    }

    fn table(&mut self, table: &DeTable<'_>, pointer: &str) -> Value {
        let mut members = Map::new();
        for (name, value) in table {
            let step = name.get_ref().replace('~', "~0").replace('/', "~1");
            let pointer = format!("{pointer}/{step}");
            let line = self.line_at(name.span().start);
            self.lines.insert(pointer.clone(), line);
            let value = self.value(value.get_ref(), &pointer);
            members.insert(name.get_ref().clone().into_owned(), value);
        }
        Value::Object(members)
    }

    fn value(&mut self, value: &DeValue<'_>, pointer: &str) -> Value {
        match value {
            DeValue::String(text) => text.as_ref().into(),
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .map_or_else(|_| Value::from(f64::MAX), Value::from),
            DeValue::Float(number) => number
                .as_str()
                .parse()
                .map_or(Value::Null, |number: f64| number.into()),
            DeValue::Boolean(flag) => (*flag).into(),
            DeValue::Datetime(at) => at.to_string().into(),
            DeValue::Array(items) => {
                let items = items.iter().enumerate().map(|(place, item)| {
                    let pointer = format!("{pointer}/{place}");
                    let line = self.line_at(item.span().start);
                    self.lines.insert(pointer.clone(), line);
                    self.value(item.get_ref(), &pointer)
                });
                items.collect()
            }
            DeValue::Table(table) => self.table(table, pointer),
        }
    }
}

/// Secrets that somebody may have put where they do not belong.
pub(super) const SECRETS: [&str; 4] = [
    "ROOT_KEYS",
    "BOOTSTRAP_TOKEN",
    "FORWARD_AUTH_SECRET",
    "ASSERTION_SECRET",
];

/// Whether a line had better not be in a log: it names a secret, or could have a
/// password before a host.
fn could_be_secret(line: &str) -> bool {
    let line = line.to_ascii_uppercase();
    line.contains('@') || SECRETS.iter().any(|name| line.contains(name))
}

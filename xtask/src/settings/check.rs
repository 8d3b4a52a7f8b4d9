//! Holds the settings of all files against the Worker's own types. What is wrong is
//! taken away and the rest is read again, so that every mistake is told at once.

use super::document::{Document, Mistake, SECRETS};
use katalo_keys::{
    http::{EntryError, Route, did_you_mean},
    json,
    settings::{
        RawSettings, Settings, SettingsError, SettingsFile, Upstream,
        bindings::{ON_UNPROVEN, ROOT_KEYS, ROUTES, SCOPES, TEST_OF, URL_OF},
    },
};
use serde_json::{Map, Value, json};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

/// Most readings of one set of settings; each finds a mistake.
const READINGS: usize = 64;

/// Stands in for the ring, of which a build knows nothing.
const SOME_ROOT_KEYS: &str =
    r#"{"current":"1","keys":{"1":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}}"#;

/// Stands in for an origin that is told as wrong, or missing, already.
const SOME_ORIGIN: &str = "https://api.invalid";

/// Settings without a mistake.
pub(crate) struct Checked {
    /// As the Worker will read them.
    pub(crate) settings: Settings,
    /// What the file says, as variables.
    pub(crate) variables: Map<String, Value>,
}

/// The configurations of wrangler: the variables of the first go before what `katalo.toml`
/// says, and services of all count as bound.
pub(crate) type Configurations = [Document];

/// Checks `katalo.toml` together with wrangler's own configurations.
///
/// # Errors
/// All that is wrong, in the order of the lines.
pub(crate) fn check(
    file: Option<&Document>,
    wrangler: &Configurations,
) -> Result<Checked, Vec<Mistake>> {
    let mut checking = Checking::default();
    let variables = file.map_or_else(Map::new, |file| checking.read_file(file));
    if let Some(wrangler) = wrangler.first() {
        checking.read_variables(wrangler);
    }
    checking.services = wrangler.iter().flat_map(services).collect();
    let settings = checking.read_all(file);
    // A route that is wrong could be the one that leads there.
    if let (Some(file), Some(settings), true) = (file, &settings, checking.mistakes.is_empty()) {
        checking.look_at_upstreams(file, settings);
    }
    let mut mistakes = checking.mistakes;
    mistakes.sort();
    mistakes.dedup();
    match settings {
        Some(settings) if mistakes.is_empty() => Ok(Checked {
            settings,
            variables,
        }),
        _ => Err(mistakes),
    }
}

/// A value, and where it is.
struct Given<'a> {
    value: Value,
    document: &'a Document,
    pointer: String,
    /// Of each entry, where it is a list.
    entries: Vec<String>,
}

impl Given<'_> {
    /// Whether wrangler's configuration has it.
    fn is_variable(&self) -> bool {
        self.pointer.starts_with("/vars/")
    }
}

#[derive(Default)]
struct Checking<'a> {
    given: BTreeMap<String, Given<'a>>,
    services: BTreeSet<String>,
    mistakes: Vec<Mistake>,
}

impl<'a> Checking<'a> {
    /// The file by itself. What has a mistake of form is left out of what is returned.
    fn read_file(&mut self, file: &'a Document) -> Map<String, Value> {
        let mut tree = file.tree.clone();
        if let Value::Object(members) = &mut tree {
            members.retain(|name, _| !self.is_secret(file, name));
        }
        let text = tree.to_string();
        let errors = match json::object_from_slice::<SettingsFile>(text.as_bytes(), &[]) {
            Ok(_) => Vec::new(),
            Err(errors) => errors,
        };
        let mut kept: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for list in ["routes", "scopes"] {
            let items = tree.get(list).and_then(Value::as_array);
            kept.insert(list, (0..items.map_or(0, Vec::len)).collect());
        }
        for error in &errors {
            self.mistakes
                .push(file.mistake(error.pointer(), &said(error)));
            let mut steps = error.pointer().split('/').skip(1);
            let (first, second) = (steps.next().unwrap_or_default(), steps.next());
            let place = second.and_then(|step| step.parse::<usize>().ok());
            if first == "scopes"
                && reduce(tree.pointer_mut(&format!("/scopes/{}", second.unwrap_or_default())))
            {
                continue;
            }
            match (kept.get_mut(first), place, second) {
                (Some(kept), Some(place), _) => kept.retain(|at| *at != place),
                (None, _, Some(name)) if first == "upstreams" => {
                    if let Some(upstream) = tree.get_mut(first).and_then(|all| all.get_mut(name)) {
                        *upstream = json!({ "url": SOME_ORIGIN });
                    }
                }
                _ => {
                    if let Value::Object(members) = &mut tree {
                        members.remove(first);
                    }
                }
            }
        }
        for (list, kept) in &kept {
            if let Some(Value::Array(items)) = tree.get_mut(*list) {
                let all = std::mem::take(items).into_iter().enumerate();
                let good = all.filter(|(place, _)| kept.contains(place));
                items.extend(good.map(|(_, item)| item));
            }
        }
        let Ok(content) = serde_json::from_value::<SettingsFile>(tree) else {
            return Map::new();
        };
        let variables = content.variables();
        for (name, value) in &variables {
            let lower = name.to_ascii_lowercase();
            let pointer = match name.strip_suffix(URL_OF) {
                Some(upstream) => format!("/upstreams/{upstream}/url"),
                None => format!("/{lower}"),
            };
            let entries = kept.get(lower.as_str()).into_iter().flatten();
            let entries = entries.map(|place| format!("{pointer}/{place}")).collect();
            self.give(name, value.clone(), file, pointer, entries);
        }
        variables
    }

    fn is_secret(&mut self, file: &Document, name: &str) -> bool {
        let Some(secret) = SECRETS
            .iter()
            .find(|secret| secret.eq_ignore_ascii_case(name))
        else {
            return false;
        };
        self.mistakes.push(file.mistake(
            &format!("/{name}"),
            &format!(
                "{secret} is a secret, and this file is no place for one: \
                 `npx wrangler secret put {secret}` stores it, and local runs read it from .dev.vars"
            ),
        ));
        true
    }

    /// The variables of wrangler's own configuration, which go before the file.
    fn read_variables(&mut self, wrangler: &'a Document) {
        let Some(Value::Object(variables)) = wrangler.tree.get("vars") else {
            return;
        };
        let known = known();
        for (name, value) in variables {
            let pointer = format!("/vars/{name}");
            if !name.ends_with(URL_OF) && !known.contains(name) {
                let meant = did_you_mean(name, known.iter().map(String::as_str));
                if !meant.is_empty() {
                    let text = format!("there is no setting {name}{meant}");
                    self.mistakes.push(wrangler.mistake(&pointer, &text));
                }
            }
            if value != "" {
                let entries = value.as_array().map_or(0, Vec::len);
                let entries = (0..entries)
                    .map(|place| format!("{pointer}/{place}"))
                    .collect();
                self.give(name, value.clone(), wrangler, pointer, entries);
            }
        }
    }

    fn give(
        &mut self,
        name: &str,
        value: Value,
        document: &'a Document,
        pointer: String,
        entries: Vec<String>,
    ) {
        let given = Given {
            value,
            document,
            pointer,
            entries,
        };
        self.given.insert(name.to_owned(), given);
    }

    /// Reads everything as the Worker will, until nothing else is wrong.
    fn read_all(&mut self, file: Option<&'a Document>) -> Option<Settings> {
        for _ in 0..READINGS {
            let raw = RawSettings::of(&|name| self.text(name));
            let upstream = |name: &str| {
                Upstream::of(
                    self.services.contains(name),
                    self.text(&[name, URL_OF].concat()),
                    self.services.contains(&[name, TEST_OF].concat()),
                )
            };
            match Settings::read(raw, &upstream) {
                Ok(settings) => return Some(settings),
                Err(error) => self.take_away(&error, file)?,
            }
        }
        None
    }

    /// As the Worker is bound to it.
    fn text(&self, name: &str) -> Option<String> {
        if name == ROOT_KEYS {
            return Some(SOME_ROOT_KEYS.to_owned());
        }
        match &self.given.get(name)?.value {
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }

    /// Tells of a mistake, and takes what is wrong away. `None` where that cannot be.
    fn take_away(&mut self, error: &SettingsError, file: Option<&'a Document>) -> Option<()> {
        match error {
            SettingsError::Missing(ROUTES) => {
                let text =
                    "there are no routes: write each as [[routes]], with method, path and scope";
                match file {
                    Some(file) => {
                        self.mistakes.push(file.mistake("", text));
                        self.give(ROUTES, json!([]), file, "/routes".to_owned(), Vec::new());
                        Some(())
                    }
                    None => {
                        let text = "there is no katalo.toml: copy katalo.example.toml, and put your routes into it";
                        self.mistakes.push(Mistake::of_none(text));
                        None
                    }
                }
            }
            SettingsError::Missing(name) => {
                let given = self.given.remove(ON_UNPROVEN)?;
                let name = match given.is_variable() {
                    true => (*name).to_owned(),
                    false => name.to_ascii_lowercase(),
                };
                let text = format!("{name} is missing, which `serve` needs");
                self.mistakes
                    .push(given.document.mistake(&given.pointer, &text));
                Some(())
            }
            SettingsError::Brand => self.take_variable("BRAND", error),
            SettingsError::Value { name, .. } => self.take_variable(name, error),
            SettingsError::Entry(error) => self.take_entry(error),
            SettingsError::Origin(name) => {
                let variable = [name, URL_OF].concat();
                let given = self.given.get_mut(&variable)?;
                given.value = SOME_ORIGIN.into();
                let said = error.to_string();
                self.mistakes.push(
                    given
                        .document
                        .mistake(&given.pointer, &in_words(given, &variable, &said)),
                );
                Some(())
            }
            SettingsError::Unbound(name) => self.found_nowhere(name),
            SettingsError::Keyring(_) | SettingsError::Short(_) => None,
        }
    }

    fn take_variable(&mut self, name: &str, error: &SettingsError) -> Option<()> {
        let given = self.given.remove(name)?;
        let text = in_words(&given, name, &error.to_string());
        self.mistakes
            .push(given.document.mistake(&given.pointer, &text));
        Some(())
    }

    fn take_entry(&mut self, error: &EntryError) -> Option<()> {
        let given = self.given.get_mut(error.list)?;
        let Some(place) = error.entry.checked_sub(1) else {
            let text = in_words(given, error.list, &error.to_string());
            self.mistakes
                .push(given.document.mistake(&given.pointer, &text));
            given.value = json!([]);
            return Some(());
        };
        let pointer = given.entries.get(place)?.clone();
        let mut text = error.reason.clone();
        if let Some(earlier) = error.earlier.checked_sub(1) {
            let line = given.document.line(given.entries.get(earlier)?);
            text = format!("{text} (line {line})");
        }
        self.mistakes.push(given.document.mistake(&pointer, &text));
        let items = given.value.as_array_mut()?;
        if error.list == SCOPES && reduce(items.get_mut(place)) {
            return Some(());
        }
        items.remove(place);
        given.entries.remove(place);
        Some(())
    }

    /// A route names an upstream that is nowhere.
    fn found_nowhere(&mut self, name: &str) -> Option<()> {
        let routes = self.given.get(ROUTES)?;
        let is_of = |route: &Value| route.get("upstream").and_then(Value::as_str) == Some(name);
        let place = routes.value.as_array()?.iter().position(is_of)?;
        let (document, pointer) = (routes.document, routes.entries.get(place)?.clone());
        let urls = self
            .given
            .keys()
            .filter_map(|name| name.strip_suffix(URL_OF));
        let meant = did_you_mean(name, urls.chain(self.services.iter().map(String::as_str)));
        let text = format!(
            "the upstream {name}{meant} is nowhere: it has no [upstreams.{name}] with its url, \
             and is no service that wrangler binds"
        );
        self.mistakes
            .push(document.mistake(&format!("{pointer}/upstream"), &text));
        let variable = [name, URL_OF].concat();
        self.give(&variable, SOME_ORIGIN.into(), document, pointer, Vec::new());
        Some(())
    }

    /// No origin of the file stands there for nothing.
    fn look_at_upstreams(&mut self, file: &Document, settings: &Settings) {
        let Some(Value::Object(upstreams)) = file.tree.get("upstreams") else {
            return;
        };
        let routes = || settings.routes.iter().map(Route::upstream);
        for name in upstreams.keys() {
            let text = if !routes().any(|upstream| upstream == name) {
                let meant = did_you_mean(name, routes());
                format!("no route leads to the upstream {name}{meant}")
            } else if self.services.contains(name) {
                format!(
                    "wrangler binds {name} as a service, which goes before this url: take one of them away"
                )
            } else {
                continue;
            };
            self.mistakes
                .push(file.mistake(&format!("/upstreams/{name}"), &text));
        }
    }
}

/// Leaves no more of a scope than its name, by which routes know it. Whether there was
/// more.
fn reduce(scope: Option<&mut Value>) -> bool {
    let Some(Value::Object(members)) = scope else {
        return false;
    };
    let is_plain = members.len() == 1;
    members.retain(|name, value| name == "name" && value.is_string());
    !is_plain && !members.is_empty()
}

/// A mistake of form, in TOML's words.
fn said(error: &json::Error) -> String {
    let said = error.message().replace("an object", "a table");
    let mut steps = error.pointer().rsplit('/');
    let name = steps.next().unwrap_or_default().to_ascii_uppercase();
    let is_within = steps.next().is_some_and(|around| !around.is_empty());
    if is_within && said.starts_with("there is no member") && known().contains(&name) {
        return format!("{said}; what is for all of them goes above the first [table]");
    }
    said
}

/// The Worker's words, with the name that the file has for a setting.
fn in_words(given: &Given<'_>, name: &str, text: &str) -> String {
    if given.is_variable() {
        return text.to_owned();
    }
    let own = given.pointer.rsplit('/').next().unwrap_or_default();
    text.replacen(name, own, 1)
}

/// The variables that the Worker asks for.
pub(super) fn known() -> BTreeSet<String> {
    let asked = RefCell::new(BTreeSet::new());
    let _ = RawSettings::of(&|name| {
        asked.borrow_mut().insert(name.to_owned());
        None
    });
    let mut asked = asked.into_inner();
    asked.retain(|name| !SECRETS.contains(&name.as_str()));
    asked
}

/// The bindings of services in one of wrangler's configurations.
fn services(wrangler: &Document) -> Vec<String> {
    let services = wrangler.tree.get("services").and_then(Value::as_array);
    let names = services.into_iter().flatten();
    names
        .filter_map(|service| service.get("binding")?.as_str())
        .map(str::to_owned)
        .collect()
}

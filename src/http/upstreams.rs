//! The APIs behind the gateway that have a name.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::json;

/// Where an API is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Target {
    /// In the Worker of a service binding, by its name.
    Service(String),
    /// At a URL without a path.
    Origin(String),
}

impl Target {
    /// A URL such as `https://api.example.com`, else the name of a binding.
    fn parse(text: &str) -> Option<Self> {
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let Some((scheme, host)) = text.split_once("://") else {
            let fits = !text.is_empty() && text.bytes().all(word);
            return fits.then(|| Self::Service(text.to_owned()));
        };
        let host = host.strip_suffix('/').unwrap_or(host);
        let fits = matches!(scheme, "https" | "http")
            && !host.is_empty()
            && host
                .bytes()
                .all(|byte| word(byte) || matches!(byte, b'.' | b'-' | b':' | b'[' | b']'));
        fits.then(|| Self::Origin([scheme, "://", host].concat()))
    }
}

/// An API behind: one for each environment of keys.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Upstream {
    /// For `live` keys.
    pub live: Option<Target>,
    /// For `test` keys, which are refused where there is none.
    pub test: Option<Target>,
}

/// The value of one name in `UPSTREAMS`, as the operator writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    live: String,
    test: Option<String>,
}

/// `UPSTREAMS`: what a route's `upstream` may name.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Upstreams(Vec<(String, Upstream)>);

impl Upstreams {
    /// Reads a JSON object of `{"live": …, "test": …}` by name.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn parse(text: &str) -> Result<Self, String> {
        let written: BTreeMap<String, Written> =
            json::from_str(text).map_err(|error| error.to_string())?;
        let target = |name: &str, text: &str| {
            Target::parse(text).ok_or_else(|| {
                format!("{name}: {text:?} is neither the name of a binding nor an origin, such as https://api.example.com")
            })
        };
        let mut upstreams = Vec::new();
        for (name, written) in written {
            let upstream = Upstream {
                live: Some(target(&name, &written.live)?),
                test: match &written.test {
                    Some(text) => Some(target(&name, text)?),
                    None => None,
                },
            };
            upstreams.push((name, upstream));
        }
        Ok(Self(upstreams))
    }

    /// The place of a name, from 1; 0 is the one without a name.
    pub(super) fn place(&self, name: &str) -> Option<usize> {
        let place = self.0.iter().position(|(known, _)| known == name)?;
        Some(place + 1)
    }

    /// The names there are, for the operator.
    pub(super) fn names(&self) -> String {
        let names: Vec<&str> = self.0.iter().map(|(name, _)| name.as_str()).collect();
        names.join(", ")
    }

    /// All of them by their place, after `unnamed`.
    #[must_use]
    pub fn after(self, unnamed: Upstream) -> Vec<Upstream> {
        let named = self.0.into_iter().map(|(_, upstream)| upstream);
        std::iter::once(unnamed).chain(named).collect()
    }

    /// The bindings that are named.
    pub fn services(&self) -> impl Iterator<Item = &str> {
        let targets = self
            .0
            .iter()
            .flat_map(|(_, of)| of.live.iter().chain(&of.test));
        targets.filter_map(|target| match target {
            Target::Service(name) => Some(name.as_str()),
            Target::Origin(_) => None,
        })
    }
}

//! The parameters of a query, each checked as it is read.

use super::path::Query;
use super::problem::Problem;
use crate::page::Limit;

/// A query whose parameters are all known.
pub(super) struct Parameters(Query);

impl Parameters {
    /// Reads a query, without its `?`.
    ///
    /// # Errors
    /// `invalid_request` where it is not well-formed or has another parameter.
    pub(super) fn read(query: &str, known: &[&str]) -> Result<Self, Problem> {
        let query = Query::parse(query).ok_or_else(|| {
            Problem::invalid(
                "",
                "The query is not well-formed, has a parameter twice, or more than a hundred.",
            )
        })?;
        match query.unknown(known) {
            Some(name) => {
                let known = match known {
                    [] => ": it takes none".to_owned(),
                    known => [", only `", &known.join("`, `"), "`"].concat(),
                };
                let detail = format!("There is no parameter `{name}` here{known}.");
                Err(Problem::invalid(name, detail))
            }
            None => Ok(Self(query)),
        }
    }

    /// The value of a parameter, if it is there.
    ///
    /// # Errors
    /// `invalid_request` where `read` cannot read it; `expected` says what it can.
    pub(super) fn parse<T>(
        &self,
        name: &str,
        expected: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.0.value(name) else {
            return Ok(None);
        };
        read(text)
            .map(Some)
            .ok_or_else(|| Problem::invalid(name, format!("`{name}` must be {expected}.")))
    }

    /// `limit`, or its default.
    ///
    /// # Errors
    /// `invalid_request`.
    pub(super) fn limit(&self) -> Result<Limit, Problem> {
        let read = |text: &str| Limit::try_from(text.parse::<u64>().ok()?).ok();
        Ok(self
            .parse("limit", "a number from 1 to 200", read)?
            .unwrap_or_default())
    }

    /// `cursor`.
    pub(super) fn cursor(&self) -> Option<String> {
        self.0.value("cursor").map(str::to_owned)
    }
}

//! The list of organizations: an object of its own, told by each registry.
//!
//! It is an index, not the truth: a registry tells it about itself from its
//! outbox ([`pending_order`]), so it lags by moments and heals by itself.

use serde::{Deserialize, Serialize};

use super::deletion;
use super::message::{ApiAccess, Limit, Page};
use super::sql as statements;
use super::store::{self, Organization, first, folded, parsed};
use crate::key::{OrganizationId, Revision};
use crate::sql::{Sql, SqlError, Value};
use crate::time::{Rfc3339, Rfc3339OrNull, Timestamp};

/// What the directory can be told or asked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Keep this, unless a later one is known.
    Put(Listed),
    /// Its records have gone.
    Remove {
        /// Which.
        id: OrganizationId,
        /// The revision it last had.
        revision: Revision,
    },
    /// Organizations in the order of their ids.
    List {
        /// Only those whose id or name has this in it, in any case.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        search: Option<String>,
        /// Only those that were deleted, or only the others.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deleted: Option<bool>,
        /// Where the page before ended.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cursor: Option<String>,
        /// Most items.
        #[serde(default)]
        limit: Limit,
    },
}

/// An organization as the directory knows it: all but the counts of keys.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Listed {
    /// Its id.
    pub id: OrganizationId,
    /// What people call it.
    pub name: String,
    /// Whether its keys open anything.
    pub api_access: ApiAccess,
    /// When it was made.
    #[serde(with = "Rfc3339")]
    pub created_at: Timestamp,
    /// When it was deleted.
    #[serde(with = "Rfc3339OrNull")]
    pub deleted_at: Option<Timestamp>,
    /// Revision of the last change of its own fields.
    pub revision: Revision,
}

/// How many organizations a page of a search looks at.
const WINDOW: u64 = 2_000;

/// Makes the directory's table where it is not there.
///
/// # Errors
/// Those of the storage.
pub fn migrate(sql: &dyn Sql) -> Result<(), SqlError> {
    sql.query(statements::DIRECTORY_TABLE, &[])?;
    Ok(())
}

/// Answers an order; the page is empty except for a list.
///
/// # Errors
/// Those of the storage; also for a cursor of another list.
pub fn handle(sql: &dyn Sql, order: &Order) -> Result<Page<Listed>, SqlError> {
    match order {
        Order::Put(listed) => put(sql, listed, false)?,
        Order::Remove { id, revision } => {
            let gone = Listed {
                id: id.clone(),
                name: String::new(),
                api_access: ApiAccess::Disabled,
                created_at: Timestamp(0),
                deleted_at: None,
                revision: *revision,
            };
            put(sql, &gone, true)?;
        }
        Order::List {
            search,
            deleted,
            cursor,
            limit,
        } => {
            let search = search.as_deref();
            return list(sql, search, *deleted, cursor.as_deref(), *limit);
        }
    }
    Ok(Page {
        items: Vec::new(),
        next_cursor: None,
    })
}

fn put(sql: &dyn Sql, listed: &Listed, gone: bool) -> Result<(), SqlError> {
    sql.query(
        statements::DIRECTORY_PUT,
        &[
            listed.id.as_str().into(),
            listed.name.as_str().into(),
            folded(&format!("{} {}", listed.id, listed.name)).into(),
            (listed.api_access == ApiAccess::Enabled).into(),
            listed.created_at.0.into(),
            listed.deleted_at.map(|at| at.0).into(),
            listed.revision.into(),
            gone.into(),
        ],
    )?;
    Ok(())
}

fn list(
    sql: &dyn Sql,
    search: Option<&str>,
    deleted: Option<bool>,
    cursor: Option<&str>,
    limit: Limit,
) -> Result<Page<Listed>, SqlError> {
    let after = cursor.unwrap_or_default();
    let limit = limit.get();
    let rows = sql.query(
        statements::DIRECTORY_LIST,
        &[
            after.into(),
            WINDOW.into(),
            search.map(folded).into(),
            (limit + 1).into(),
            deleted.into(),
        ],
    )?;
    let items = rows
        .iter()
        .zip(0..limit)
        .map(|(row, _)| {
            Ok(Listed {
                id: parsed(OrganizationId::parse(row.text(0)?), "directory.id")?,
                name: row.text(1)?.to_owned(),
                api_access: ApiAccess::from(row.integer(2)? != 0),
                created_at: store::instant(row, 3)?,
                deleted_at: store::optional(row, 4, store::instant)?,
                revision: row.unsigned(5)?,
            })
        })
        .collect::<Result<Vec<_>, SqlError>>()?;
    let next_cursor = if rows.len() > items.len() {
        items.last().map(|listed| listed.id.to_string())
    } else {
        let parameters: [Value; 2] = [after.into(), (WINDOW - 1).into()];
        first(sql, statements::DIRECTORY_LAST_SEEN, &parameters)?
            .map(|row| row.text(0).map(str::to_owned))
            .transpose()?
    };
    Ok(Page { items, next_cursor })
}

/// What the registry has to tell the directory, if anything.
///
/// # Errors
/// Those of the storage.
pub fn pending_order(sql: &dyn Sql) -> Result<Option<Order>, SqlError> {
    let Some(organization) = Organization::load(sql)? else {
        return Ok(None);
    };
    let revision = organization.revision;
    if store::is_going(sql)? {
        let removal = Order::Remove {
            id: organization.id,
            revision,
        };
        return Ok((!deletion::is_unlisted(sql)?).then_some(removal));
    }
    let listed = first(sql, statements::LISTED, &[])?.map_or(Ok(0), |row| row.unsigned(0))?;
    if listed >= revision || organization.id.is_platform() {
        return Ok(None);
    }
    Ok(Some(Order::Put(Listed {
        id: organization.id.clone(),
        name: organization.name.as_str().to_owned(),
        api_access: ApiAccess::from(organization.api_access),
        created_at: organization.created_at,
        deleted_at: organization.deleted_at,
        revision,
    })))
}

/// Notes that the directory has followed this order.
///
/// # Errors
/// Those of the storage.
pub fn mark_told(sql: &dyn Sql, order: &Order) -> Result<(), SqlError> {
    match order {
        Order::Put(listed) => sql
            .query(statements::SET_LISTED, &[listed.revision.into()])
            .map(|_| ()),
        Order::Remove { .. } => deletion::mark_unlisted(sql),
        Order::List { .. } => Ok(()),
    }
}

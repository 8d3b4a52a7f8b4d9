//! The change log's tables and statements, for the object's SQLite and for
//! SQLite itself.
//!
//! Each statement says which method of [`LogStore`](super::change_log::LogStore)
//! it is, and what it costs. Parameters are positional.

/// Creates what is missing; run at the start of the object.
///
/// - `log_subject` has one row per subject for ever: KV may lag for ever and
///   nothing comes back to life.
/// - `log_subject_by_seq` makes a poll cost what changed since the cursor,
///   whatever the size of the log, and gives the head at its end.
/// - `log_subject_by_organization` gives an organization's greatest revision
///   at the end of its range, and what a restored registry lost in order.
/// - `log_meta` has one row.
/// - `log_keys_revoked` has one for each organization that changed: a registry that is
///   restored must not bring back keys that were revoked all at once.
pub const SCHEMA: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS log_subject (
        subject TEXT PRIMARY KEY,
        organization TEXT NOT NULL,
        revision INTEGER NOT NULL,
        seq INTEGER NOT NULL
    ) WITHOUT ROWID",
    "CREATE UNIQUE INDEX IF NOT EXISTS log_subject_by_seq ON log_subject (seq)",
    "CREATE INDEX IF NOT EXISTS log_subject_by_organization
        ON log_subject (organization, revision, subject)",
    "CREATE TABLE IF NOT EXISTS log_meta (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        incarnation INTEGER NOT NULL,
        lease_ms INTEGER NOT NULL,
        wait_for_ms INTEGER NOT NULL
    )",
    "CREATE TABLE IF NOT EXISTS log_keys_revoked (
        organization TEXT PRIMARY KEY,
        through INTEGER NOT NULL,
        at INTEGER NOT NULL
    ) WITHOUT ROWID",
];

/// `meta_and_head`: no row before the first event of a new log; the head is zero
/// in an empty one. One row and one index entry read.
pub const META_AND_HEAD: &str = "SELECT incarnation, lease_ms, wait_for_ms,
        (SELECT coalesce(max(seq), 0) FROM log_subject)
    FROM log_meta WHERE one = 1";

/// `set_meta`: incarnation, lease, the bound waited for. One row written.
pub const SET_META: &str =
    "INSERT INTO log_meta (one, incarnation, lease_ms, wait_for_ms) VALUES (1, ?1, ?2, ?3)
    ON CONFLICT (one) DO UPDATE SET
        incarnation = excluded.incarnation,
        lease_ms = excluded.lease_ms,
        wait_for_ms = excluded.wait_for_ms";

/// `upsert_subject`: subject, organization, revision, seq. One row and two
/// index entries written.
pub const UPSERT_SUBJECT: &str =
    "INSERT INTO log_subject (subject, organization, revision, seq) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (subject) DO UPDATE SET revision = excluded.revision, seq = excluded.seq";

/// `changes_since`: seq, limit. Rows: subject, revision, seq. As many rows
/// read as returned.
pub const CHANGES_SINCE: &str =
    "SELECT subject, revision, seq FROM log_subject WHERE seq > ?1 ORDER BY seq LIMIT ?2";

/// `last_change_of`: subject. No row: never changed. Columns: subject, revision, seq.
/// One row read.
pub const LAST_CHANGE_OF: &str =
    "SELECT subject, revision, seq FROM log_subject WHERE subject = ?1";

/// `set_keys_revoked`: organization, through, at. One row written.
pub const SET_KEYS_REVOKED: &str =
    "INSERT INTO log_keys_revoked (organization, through, at) VALUES (?1, ?2, ?3)
    ON CONFLICT (organization) DO UPDATE SET through = excluded.through, at = excluded.at";

/// `keys_revoked`: organization. No row: nobody said. One row read.
pub const KEYS_REVOKED: &str = "SELECT through, at FROM log_keys_revoked WHERE organization = ?1";

/// `greatest_revision_of`: organization. One row, one column, zero for an
/// organization without a change. One index entry read.
pub const GREATEST_REVISION_OF: &str =
    "SELECT coalesce(max(revision), 0) FROM log_subject WHERE organization = ?1";

/// `beyond`: organization, revision, the last subject already seen at that
/// revision (or [`AFTER_EVERY_SUBJECT`]), limit. Rows: subject, revision. As
/// many rows read as returned.
pub const BEYOND: &str = "SELECT subject, revision FROM log_subject
    WHERE organization = ?1 AND (revision, subject) > (?2, ?3)
    ORDER BY revision, subject LIMIT ?4";

/// What [`BEYOND`] takes for "all subjects of that revision are seen": sorts
/// after every base62 text.
pub const AFTER_EVERY_SUBJECT: &str = "~";

#[cfg(test)]
mod tests {
    use super::*;

    fn database() -> rusqlite::Connection {
        let database = rusqlite::Connection::open_in_memory().unwrap();
        for statement in SCHEMA {
            database.execute(statement, ()).unwrap();
        }
        database
    }

    /// The plan SQLite makes for a statement, one line a step.
    fn plan(database: &rusqlite::Connection, sql: &str, parameters: &[&str]) -> String {
        let mut statement = database
            .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
            .unwrap();
        let parameters = rusqlite::params_from_iter(parameters);
        let steps = statement
            .query_map(parameters, |row| row.get::<_, String>(3))
            .unwrap();
        steps.map(Result::unwrap).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn no_statement_scans_or_sorts() {
        let database = database();
        for (sql, parameters, index) in [
            (
                CHANGES_SINCE,
                &["0", "1"] as &[&str],
                "log_subject_by_seq (seq>?)",
            ),
            (LAST_CHANGE_OF, &["a"], "PRIMARY KEY (subject=?)"),
            (KEYS_REVOKED, &["a"], "PRIMARY KEY (organization=?)"),
            (
                GREATEST_REVISION_OF,
                &["a"],
                "log_subject_by_organization (organization=?)",
            ),
            (
                BEYOND,
                &["a", "1", "~", "9"],
                "log_subject_by_organization (organization=? AND (revision,subject)>(?,?))",
            ),
        ] {
            let plan = plan(&database, sql, parameters);
            assert!(plan.starts_with("SEARCH"), "{plan}");
            assert!(plan.contains(index), "{plan}");
            assert!(!plan.contains("TEMP B-TREE"), "{plan}");
        }
        let head = plan(&database, META_AND_HEAD, &[]);
        assert!(head.starts_with("SEARCH log_meta"), "{head}");
        assert!(head.contains("log_subject_by_seq"), "{head}");
    }
}

//! Every SQL text of the registry.
//!
//! Instants are milliseconds since 1970, flags 0 or 1, lists and objects JSON
//! text. `keys.issued`, the revision at which a key was made, is its row's
//! number: newest first is the order of the primary key.

pub(super) const EXISTS: &str =
    "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'meta'";

mod tables;

pub(super) use tables::SCHEMA;

pub(super) const META: &str = "SELECT value FROM meta WHERE name = ?1";
pub(super) const SET_META: &str = "INSERT INTO meta (name, value) VALUES (?1, ?2)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value";

pub(super) const ORGANIZATION: &str = "SELECT id, name, api_access, keys_revoked_through,
    max_key_lifetime_days, created_at, deleted_at, effective_at, revision,
    EXISTS (SELECT 1 FROM outbox WHERE subject = ?1 AND decides = 1 AND enforced = 0), leak_policy,
    limits, updated_at
    FROM organization WHERE one = 1";
pub(super) const ORGANIZATION_ID: &str = "SELECT id FROM organization WHERE one = 1";
pub(super) const PUT_ORGANIZATION: &str = "INSERT INTO organization (one, id, name, api_access,
        keys_revoked_through, max_key_lifetime_days, created_at, deleted_at, effective_at,
        revision, leak_policy, limits, updated_at, listed)
    VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, 0)
    ON CONFLICT (one) DO UPDATE SET name = excluded.name, api_access = excluded.api_access,
        keys_revoked_through = excluded.keys_revoked_through,
        max_key_lifetime_days = excluded.max_key_lifetime_days,
        deleted_at = excluded.deleted_at, effective_at = excluded.effective_at,
        revision = excluded.revision, leak_policy = excluded.leak_policy,
        limits = excluded.limits, updated_at = excluded.updated_at";

macro_rules! key_columns {
    () => {
        "keys.id, keys.issued, keys.revision, digest, environment, name, scopes, allowed_ips,
        metadata, bound_organization, created_at, created_by, expires_at, retires_at, disabled,
        revoked_at, revocation_reason, replaces, replaced_by, exposed_at, exposed_origin,
        last_used_at, keys.effective_at,
        sweeps.at, sweeps.reason, sweeps.effective_at,
        EXISTS (SELECT 1 FROM outbox WHERE subject = keys.id AND decides = 1 AND enforced = 0),
        replaced_at, restriction, leaked_at, leak_url, limits, updated_at"
    };
}

/// The first bulk revocation that took the key.
macro_rules! join_bulk_revocation {
    () => {
        " LEFT JOIN sweeps ON sweeps.through =
            (SELECT min(through) FROM sweeps WHERE through >= keys.issued)"
    };
}

/// The rule of `KeyRecord::state`; a test holds the two together. `?1` now,
/// `?2` the organization's `keys_revoked_through`.
macro_rules! state {
    () => {
        "CASE
            WHEN revoked_at IS NOT NULL OR keys.issued <= ?2 THEN 'revoked'
            WHEN expires_at <= ?1 OR retires_at <= ?1 THEN 'expired'
            WHEN disabled = 1 THEN 'disabled'
            WHEN retires_at IS NOT NULL THEN 'retiring'
            ELSE 'active' END"
    };
}

pub(super) const KEY: &str = concat!(
    "SELECT ",
    key_columns!(),
    " FROM keys",
    join_bulk_revocation!(),
    " WHERE keys.id = ?1"
);
pub(super) const KEY_BY_ISSUED: &str = concat!(
    "SELECT ",
    key_columns!(),
    " FROM keys",
    join_bulk_revocation!(),
    " WHERE keys.issued = ?1"
);

/// `?3` before which, `?4` how many to look at, `?5` state, `?6` part of the
/// folded name, `?7` not used since, `?8` how many to give, `?9` when it ends at the
/// latest, `?10` exposed, `?11` environment, `?12` and `?13` a note's name and value.
pub(super) const LIST_KEYS: &str = concat!(
    "SELECT ",
    key_columns!(),
    " FROM (SELECT issued FROM keys WHERE issued < ?3 ORDER BY issued DESC LIMIT ?4) AS seen
      JOIN keys ON keys.issued = seen.issued",
    join_bulk_revocation!(),
    " WHERE (?5 IS NULL OR ?5 = ",
    state!(),
    ") AND (?6 IS NULL OR instr(name_folded, ?6) > 0)
       AND (?7 IS NULL OR coalesce(last_used_at, created_at) <= ?7)
       AND (?9 IS NULL OR (expires_at <= ?9 OR retires_at <= ?9)
            AND ",
    state!(),
    " NOT IN ('revoked', 'expired'))
       AND (?10 IS NULL OR ?10 = (exposed_at IS NOT NULL OR leaked_at IS NOT NULL))
       AND (?11 IS NULL OR ?11 = environment)
       AND (?12 IS NULL OR EXISTS (SELECT 1 FROM json_each(keys.metadata) AS note
            WHERE note.key = ?12 AND (?13 IS NULL OR ?13 =
                CASE WHEN note.type IN ('true', 'false', 'null') THEN note.type
                     ELSE CAST(note.atom AS TEXT) END)))
      ORDER BY keys.issued DESC LIMIT ?8"
);
/// The last one that `LIST_KEYS` looked at, if it looked at as many as it may.
pub(super) const LAST_SEEN: &str =
    "SELECT issued FROM keys WHERE issued < ?1 ORDER BY issued DESC LIMIT 1 OFFSET ?2";

pub(super) const COUNT_BY_STATE: &str = concat!(
    "SELECT state, count(*) FROM (SELECT ",
    state!(),
    " AS state FROM keys) GROUP BY state"
);

pub(super) const INSERT_KEY: &str = "INSERT INTO keys (id, issued, revision, digest, environment,
        name, name_folded, scopes, allowed_ips, metadata, bound_organization, created_at,
        created_by, expires_at, retires_at, disabled, revoked_at, revocation_reason, replaces,
        replaced_by, last_used_at, effective_at, replaced_at, restriction, limits, updated_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19,
        ?20, ?21, ?22, ?23, ?24, ?25, ?26)";
pub(super) const UPDATE_KEY: &str = "UPDATE keys SET revision = ?2, name = ?3, name_folded = ?4,
        scopes = ?5, allowed_ips = ?6, metadata = ?7, expires_at = ?8, retires_at = ?9,
        disabled = ?10, revoked_at = ?11, revocation_reason = ?12, replaced_by = ?13,
        effective_at = ?14, replaced_at = ?15, restriction = ?16, leaked_at = ?17,
        leak_url = ?18, limits = ?19, updated_at = ?20
    WHERE issued = ?1";

/// An admin key other than `?1` that keeps the last-admin rule; `?2` the
/// organization's `keys_revoked_through`.
pub(super) const OTHER_STEWARD: &str = "SELECT 1 FROM keys INDEXED BY keys_stewards WHERE
        environment = 'admin' AND disabled = 0 AND revoked_at IS NULL
        AND expires_at IS NULL AND retires_at IS NULL
        AND bound_organization IS NULL AND allowed_ips = '[]'
        AND instr(scopes, '\"admins:write\"') > 0
        AND issued > ?2 AND issued <> ?1 LIMIT 1";

pub(super) const INSERT_BULK_REVOCATION: &str =
    "INSERT INTO sweeps (through, at, reason) VALUES (?1, ?2, ?3)";
pub(super) const BULK_REVOCATIONS_EFFECTIVE: &str =
    "UPDATE sweeps SET effective_at = ?1 WHERE effective_at IS NULL";

pub(super) const AUDIT_END: &str =
    "SELECT seq, json_extract(line, '$.hash') FROM audit ORDER BY seq DESC LIMIT 1";
pub(super) const INSERT_AUDIT: &str = "INSERT INTO audit (seq, line) VALUES (?1, ?2)";
pub(super) const LIST_AUDIT: &str =
    "SELECT seq, line FROM audit WHERE seq > ?1 ORDER BY seq LIMIT ?2";

/// Of the next `?3` entries at most `?2` about the key `?4`: what was done to it, and
/// how it came by rotation.
pub(super) const LIST_AUDIT_OF_KEY: &str = "SELECT seq, line
    FROM (SELECT seq, line FROM audit WHERE seq > ?1 ORDER BY seq LIMIT ?3)
    WHERE instr(line, ?4) > 0 AND (json_extract(line, '$.subject.id') = ?4
        OR json_extract(line, '$.after.successor.id') = ?4)
    ORDER BY seq LIMIT ?2";
/// The last one that `LIST_AUDIT_OF_KEY` looked at, if it looked at as many as it may.
pub(super) const LAST_AUDIT_SEEN: &str =
    "SELECT seq FROM audit WHERE seq > ?1 ORDER BY seq LIMIT 1 OFFSET ?2";

pub(super) const AUDIT_AT: &str = "SELECT json_extract(line, '$.at') FROM audit WHERE seq = ?1";
pub(super) const AUDIT_AGES: &str = "SELECT seq, json_extract(line, '$.at'),
    json_extract(line, '$.hash') FROM audit WHERE seq > ?1 ORDER BY seq LIMIT ?2";
pub(super) const DROP_AUDIT: &str = "DELETE FROM audit WHERE seq <= ?1";
pub(super) const AUDIT_CHECKPOINT: &str =
    "SELECT seq, hash, at, signature FROM audit_checkpoint WHERE one = 1";
pub(super) const PUT_AUDIT_CHECKPOINT: &str = "INSERT INTO audit_checkpoint
        (one, seq, hash, at, signature) VALUES (1, ?1, ?2, ?3, ?4)
    ON CONFLICT (one) DO UPDATE SET seq = excluded.seq, hash = excluded.hash,
        at = excluded.at, signature = excluded.signature";

/// A later change takes the row over: its revision counts, it is published
/// again, and a change that decides stays one until the log has it.
pub(super) const PUT_OUTBOX: &str = "INSERT INTO outbox
        (subject, revision, decides, enforced, published, attempts, not_before)
    VALUES (?1, ?2, ?3, ?4, 0, 0, 0)
    ON CONFLICT (subject) DO UPDATE SET revision = excluded.revision,
        decides = max(excluded.decides, decides * (1 - enforced)),
        enforced = excluded.enforced, published = 0, attempts = 0, not_before = 0";
pub(super) const KEYS_REVOKED_THROUGH: &str = "SELECT keys_revoked_through FROM organization";
pub(super) const PENDING_APPENDS: &str = "SELECT subject, revision, decides,
        CASE length(subject) WHEN 11 THEN
            (SELECT keys_revoked_through FROM organization) END
    FROM outbox
    WHERE enforced = 0 AND revision > ?1 ORDER BY revision";
pub(super) const PENDING_PUBLICATIONS: &str = "SELECT subject, revision, decides, NULL FROM outbox
    WHERE published = 0 AND not_before <= ?1 ORDER BY not_before LIMIT ?2";
pub(super) const AWAITED: &str =
    "SELECT revision FROM outbox WHERE subject = ?1 AND decides = 1 AND enforced = 0";
pub(super) const OUTBOX_ROW: &str = "SELECT revision, decides, enforced, published, attempts
    FROM outbox WHERE subject = ?1";
pub(super) const SET_ENFORCED: &str = "UPDATE outbox SET enforced = 1 WHERE subject = ?1";
pub(super) const SET_PUBLISHED: &str = "UPDATE outbox SET published = 1 WHERE subject = ?1";
pub(super) const SET_UNPUBLISHED: &str = "UPDATE outbox SET published = 0 WHERE subject = ?1";
pub(super) const PUT_OFF: &str =
    "UPDATE outbox SET attempts = attempts + 1, not_before = ?2 WHERE subject = ?1";
pub(super) const DROP_DONE: &str =
    "DELETE FROM outbox WHERE subject = ?1 AND enforced = 1 AND published = 1";
pub(super) const NEXT_PUBLICATION: &str =
    "SELECT not_before FROM outbox WHERE published = 0 ORDER BY not_before LIMIT 1";
pub(super) const OUTBOX_DEPTH: &str =
    "SELECT coalesce(sum(enforced = 0), 0), coalesce(sum(published = 0), 0) FROM outbox";
pub(super) const KEY_EFFECTIVE: &str = "UPDATE keys SET effective_at = ?2 WHERE id = ?1";
pub(super) const KEY_PUBLISHED: &str = "UPDATE keys SET published_at = ?2 WHERE id = ?1";
pub(super) const KEY_PUBLICATION: &str = "SELECT published_at, revision FROM keys WHERE id = ?1";
pub(super) const ORGANIZATION_EFFECTIVE: &str =
    "UPDATE organization SET effective_at = ?1 WHERE one = 1";
pub(super) const ORGANIZATION_PUBLISHED: &str =
    "UPDATE organization SET published_at = ?1 WHERE one = 1";
pub(super) const ORGANIZATION_PUBLICATION: &str =
    "SELECT published_at, revision FROM organization WHERE one = 1";
pub(super) const LISTED: &str = "SELECT listed FROM organization WHERE one = 1";
pub(super) const SET_LISTED: &str = "UPDATE organization SET listed = ?1 WHERE one = 1";

pub(super) const IDEMPOTENCY: &str =
    "SELECT body_digest, issued FROM idempotency WHERE actor = ?1 AND name = ?2 AND at > ?3";
pub(super) const PUT_IDEMPOTENCY: &str = "INSERT INTO idempotency
        (actor, name, body_digest, issued, at) VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (actor, name) DO UPDATE SET body_digest = excluded.body_digest,
        issued = excluded.issued, at = excluded.at";
pub(super) const FORGET_IDEMPOTENCY: &str = "DELETE FROM idempotency WHERE at <= ?1";

pub(super) const BOOTSTRAP_TOKEN: &str = "SELECT at FROM bootstrap_tokens WHERE digest = ?1";
pub(super) const INSERT_BOOTSTRAP_TOKEN: &str =
    "INSERT INTO bootstrap_tokens (digest, at) VALUES (?1, ?2)";

pub(super) const NEWEST_KEY: &str = "SELECT issued FROM keys ORDER BY issued DESC LIMIT 1";

pub(super) const INSERT_SESSION: &str =
    "INSERT INTO sessions (mac, issued, expires_at) VALUES (?1, ?2, ?3)";
pub(super) const SESSION: &str = "SELECT issued, expires_at FROM sessions WHERE mac = ?1";
pub(super) const CLOSE_SESSION: &str = "DELETE FROM sessions WHERE mac = ?1";
pub(super) const FORGET_SESSIONS: &str = "DELETE FROM sessions WHERE expires_at <= ?1";
/// Leaves the `?2` that were opened last.
pub(super) const BOUND_SESSIONS: &str = "DELETE FROM sessions WHERE place IN
    (SELECT place FROM sessions WHERE issued = ?1 ORDER BY place DESC LIMIT -1 OFFSET ?2)";

pub(super) const MARK_EXPOSED: &str =
    "UPDATE keys SET exposed_at = ?2, exposed_origin = ?3 WHERE issued = ?1";

pub(super) const MARK_LEAKED: &str =
    "UPDATE keys SET leaked_at = ?2, leak_url = ?3 WHERE issued = ?1";

pub(super) const PREFLIGHT: &str = "SELECT count FROM preflights WHERE origin = ?1";
pub(super) const PREFLIGHT_ORIGINS: &str = "SELECT count(*) FROM preflights";
/// The one that says least: seen least often, and of those longest ago.
pub(super) const DROP_PREFLIGHT: &str = "DELETE FROM preflights WHERE origin =
    (SELECT origin FROM preflights ORDER BY count, last_at, origin LIMIT 1)";
pub(super) const COUNT_PREFLIGHT: &str = "INSERT INTO preflights (origin, count, last_at)
    VALUES (?1, ?3, ?2)
    ON CONFLICT (origin) DO UPDATE SET count = count + excluded.count, last_at = excluded.last_at";
pub(super) const PREFLIGHTS: &str =
    "SELECT origin, count, last_at FROM preflights ORDER BY count DESC, last_at DESC, origin";
pub(super) const FORGET_PREFLIGHTS: &str = "DELETE FROM preflights WHERE last_at <= ?1";

/// All whose name begins with `failures.`.
pub(super) const FORGET_FAILURES: &str =
    "DELETE FROM meta WHERE name >= 'failures.of/' AND name < 'failures.of0'";

pub(super) const DELETION: &str =
    "SELECT 1 FROM deletions WHERE organization = ?1 AND revision = ?2";
/// Admin keys tied to the organization `?1`, oldest first, but for those that
/// were revoked one by one.
pub(super) const TIED_KEYS: &str = concat!(
    "SELECT ",
    key_columns!(),
    " FROM keys INDEXED BY keys_tied",
    join_bulk_revocation!(),
    " WHERE bound_organization = ?1 AND revoked_at IS NULL ORDER BY keys.issued"
);
pub(super) const INSERT_DELETION: &str =
    "INSERT INTO deletions (organization, revision) VALUES (?1, ?2)";

pub(super) const BATCH: &str = "SELECT at FROM batches WHERE id = ?1";
pub(super) const INSERT_BATCH: &str = "INSERT INTO batches (id, at) VALUES (?1, ?2)";
pub(super) const FORGET_BATCHES: &str = "DELETE FROM batches WHERE at <= ?1";
pub(super) const ISSUED: &str = "SELECT issued FROM keys WHERE id = ?1";
pub(super) const USED: &str = "UPDATE keys SET last_used_at = ?2
    WHERE issued = ?1 AND coalesce(last_used_at, 0) < ?2";
/// How many counts of one key and bucket there are, but for this one.
pub(super) const USAGE_BESIDE: &str = "SELECT count(*) FROM usage
    WHERE issued = ?1 AND start = ?2 AND days = ?3 AND NOT (scope = ?4 AND outcome = ?5)";
pub(super) const ADD_USAGE: &str = "INSERT INTO usage (start, issued, scope, outcome, days, count)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)
    ON CONFLICT (start, issued, scope, outcome, days)
    DO UPDATE SET count = min(count + excluded.count, 9007199254740991)";

macro_rules! usage_columns {
    () => {
        "found.start, keys.id, keys.environment, found.scope, found.outcome, found.count,
        found.issued"
    };
}

/// Hours from `?1` to before `?2`, after the place `?3` to `?6`.
pub(super) const LIST_HOURS: &str = concat!(
    "SELECT ",
    usage_columns!(),
    " FROM usage AS found JOIN keys ON keys.issued = found.issued
      WHERE found.days = 0 AND found.start >= ?1 AND found.start < ?2
        AND (found.start, found.issued, found.scope, found.outcome) > (?3, ?4, ?5, ?6)
      ORDER BY found.start, found.issued, found.scope, found.outcome LIMIT ?7"
);
/// The same of the key issued at `?8`.
pub(super) const LIST_HOURS_OF_KEY: &str = concat!(
    "SELECT ",
    usage_columns!(),
    " FROM usage AS found INDEXED BY usage_of_key JOIN keys ON keys.issued = found.issued
      WHERE found.issued = ?8 AND found.days = 0 AND found.start >= ?1 AND found.start < ?2
        AND (found.start, found.issued, found.scope, found.outcome) > (?3, ?4, ?5, ?6)
      ORDER BY found.start, found.scope, found.outcome LIMIT ?7"
);
/// The first bucket from `?1` to before `?2`.
pub(super) const NEXT_USAGE: &str =
    "SELECT start FROM usage WHERE start >= ?1 AND start < ?2 ORDER BY start LIMIT 1";
/// The same of the key issued at `?3`.
pub(super) const NEXT_USAGE_OF_KEY: &str = "SELECT start FROM usage INDEXED BY usage_of_key
    WHERE issued = ?3 AND start >= ?1 AND start < ?2 ORDER BY start LIMIT 1";
/// One day, which begins at `?1` and ends at `?2`, in one row for each key, scope
/// and outcome; after the place `?3` to `?5`.
pub(super) const LIST_DAY: &str = concat!(
    "SELECT ",
    usage_columns!(),
    " FROM (SELECT ?1 AS start, issued, scope, outcome, sum(count) AS count FROM usage
            WHERE start >= ?1 AND start < ?2 AND (issued, scope, outcome) > (?3, ?4, ?5)
            GROUP BY issued, scope, outcome) AS found
      JOIN keys ON keys.issued = found.issued
      ORDER BY found.issued, found.scope, found.outcome LIMIT ?6"
);
/// The same of the key issued at `?7`.
pub(super) const LIST_DAY_OF_KEY: &str = concat!(
    "SELECT ",
    usage_columns!(),
    " FROM (SELECT ?1 AS start, issued, scope, outcome, sum(count) AS count
            FROM usage INDEXED BY usage_of_key
            WHERE issued = ?7 AND start >= ?1 AND start < ?2
              AND (issued, scope, outcome) > (?3, ?4, ?5)
            GROUP BY issued, scope, outcome) AS found
      JOIN keys ON keys.issued = found.issued
      ORDER BY found.scope, found.outcome LIMIT ?6"
);
/// What the key issued at `?1` was let through for, by scope: since `?2`, `?3`
/// and `?4`, of which the last is the earliest.
pub(super) const ALLOWED: &str = "SELECT scope, sum(CASE WHEN start >= ?2 THEN count ELSE 0 END),
        sum(CASE WHEN start >= ?3 THEN count ELSE 0 END), sum(count)
    FROM usage INDEXED BY usage_of_key
    WHERE issued = ?1 AND start >= ?4 AND outcome = 'allowed' GROUP BY scope";
pub(super) const OLDEST_HOUR: &str =
    "SELECT start FROM usage INDEXED BY usage_hours WHERE days = 0 ORDER BY start LIMIT 1";
/// Makes a day of its hours, which `DROP_HOURS` then drops.
pub(super) const FOLD_HOURS: &str = "INSERT INTO usage (start, issued, scope, outcome, days, count)
    SELECT ?1, issued, scope, outcome, 1, sum(count) FROM usage
        WHERE start >= ?1 AND start < ?2 AND days = 0 GROUP BY issued, scope, outcome
    ON CONFLICT (start, issued, scope, outcome, days)
    DO UPDATE SET count = min(count + excluded.count, 9007199254740991)";
pub(super) const DROP_HOURS: &str =
    "DELETE FROM usage WHERE start >= ?1 AND start < ?2 AND days = 0";
pub(super) const FORGET_USAGE: &str = "DELETE FROM usage WHERE start < ?1";

/// By ring entry: usable keys, those of them not used since `?3`, and those that
/// a browser showed.
pub(super) const STANDING: &str = concat!(
    "SELECT ring, count(*), sum(unused), sum(exposed) FROM
        (SELECT substr(id, 1, 1) AS ring, coalesce(last_used_at, created_at) <= ?3 AS unused,
            exposed_at IS NOT NULL AS exposed, ",
    state!(),
    " AS state FROM keys)
      WHERE state <> 'revoked' AND state <> 'expired' GROUP BY ring"
);

pub(super) const EXPORT: &str = concat!(
    "SELECT ",
    key_columns!(),
    " FROM keys",
    join_bulk_revocation!(),
    " WHERE keys.issued > ?1 ORDER BY keys.issued LIMIT ?2"
);

pub(super) const OLDEST_KEYS: &str = "SELECT id, issued FROM keys ORDER BY issued LIMIT ?1";
pub(super) const DELETE_KEY: &str = "DELETE FROM keys WHERE issued = ?1";
pub(super) const OUTBOX_ANY: &str = "SELECT 1 FROM outbox LIMIT 1";
/// What is left of an organization that has gone: its revision, which goes on
/// where it stood if the id is ever used again.
pub(super) const WIPE: &[&str] = &[
    "DELETE FROM organization",
    "DELETE FROM sweeps",
    "DELETE FROM audit",
    "DELETE FROM audit_checkpoint",
    "DELETE FROM idempotency",
    "DELETE FROM usage",
    "DELETE FROM batches",
    "DELETE FROM meta WHERE name <> 'schema' AND name <> 'revision'",
];

pub(super) const DIRECTORY_TABLE: &str = "CREATE TABLE IF NOT EXISTS directory (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        folded TEXT NOT NULL,
        api_access INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        deleted_at INTEGER,
        revision INTEGER NOT NULL,
        gone INTEGER NOT NULL
    ) WITHOUT ROWID";
/// A row stays when its organization goes, so that a late report of an earlier
/// revision does not bring it back.
pub(super) const DIRECTORY_PUT: &str = "INSERT INTO directory
        (id, name, folded, api_access, created_at, deleted_at, revision, gone)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
    ON CONFLICT (id) DO UPDATE SET name = excluded.name, folded = excluded.folded,
        api_access = excluded.api_access, created_at = excluded.created_at,
        deleted_at = excluded.deleted_at, revision = excluded.revision, gone = excluded.gone
    WHERE excluded.revision >= directory.revision";
/// `?1` after which, `?2` how many to look at, `?3` part of id or name, `?4` how
/// many to give, `?5` whether deleted.
pub(super) const DIRECTORY_LIST: &str = "SELECT directory.id, name, api_access, created_at,
        deleted_at, revision
    FROM (SELECT id FROM directory WHERE id > ?1 ORDER BY id LIMIT ?2) AS seen
    JOIN directory ON directory.id = seen.id
    WHERE gone = 0 AND (?3 IS NULL OR instr(folded, ?3) > 0)
      AND (?5 IS NULL OR ?5 = (deleted_at IS NOT NULL))
    ORDER BY directory.id LIMIT ?4";
pub(super) const DIRECTORY_LAST_SEEN: &str =
    "SELECT id FROM directory WHERE id > ?1 ORDER BY id LIMIT 1 OFFSET ?2";

//! The tables, version by version.

/// What makes the tables of each version from those of the one before; `meta`
/// tells the version that a registry has. A step that was once released stays
/// as it is.
pub(in crate::registry) const SCHEMA: &[&[&str]] = &[FIRST, SECOND, THIRD, FOURTH, FIFTH];

const FIRST: &[&str] = &[
    // `revision` and `schema`, and the counters of bounded records.
    "CREATE TABLE meta (
        name TEXT PRIMARY KEY,
        value INTEGER NOT NULL
    ) WITHOUT ROWID",
    "CREATE TABLE organization (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        id TEXT NOT NULL,
        name TEXT NOT NULL,
        api_access INTEGER NOT NULL,
        keys_revoked_through INTEGER NOT NULL,
        max_key_lifetime_days INTEGER,
        created_at INTEGER NOT NULL,
        deleted_at INTEGER,
        effective_at INTEGER,
        published_at INTEGER,
        listed INTEGER NOT NULL,
        revision INTEGER NOT NULL
    )",
    "CREATE TABLE keys (
        issued INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        environment TEXT NOT NULL,
        digest TEXT NOT NULL,
        name TEXT NOT NULL,
        name_folded TEXT NOT NULL,
        scopes TEXT NOT NULL,
        allowed_ips TEXT NOT NULL,
        metadata TEXT NOT NULL,
        bound_organization TEXT,
        created_at INTEGER NOT NULL,
        created_by TEXT NOT NULL,
        expires_at INTEGER,
        retires_at INTEGER,
        disabled INTEGER NOT NULL,
        revoked_at INTEGER,
        revocation_reason TEXT,
        replaces TEXT,
        replaced_by TEXT,
        replaced_at INTEGER,
        exposed_at INTEGER,
        exposed_origin TEXT,
        last_used_at INTEGER,
        effective_at INTEGER,
        published_at INTEGER,
        revision INTEGER NOT NULL
    )",
    // Holds all that the counts by state look at.
    "CREATE INDEX keys_standing ON keys (revoked_at, disabled, expires_at, retires_at)",
    // The admin keys that keep the last-admin rule; a handful.
    "CREATE INDEX keys_stewards ON keys (issued) WHERE
        environment = 'admin' AND disabled = 0 AND revoked_at IS NULL
        AND expires_at IS NULL AND retires_at IS NULL
        AND bound_organization IS NULL AND allowed_ips = '[]'
        AND instr(scopes, '\"admins:write\"') > 0",
    // Revocations of all keys issued at or below a revision.
    "CREATE TABLE sweeps (
        through INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        reason TEXT NOT NULL,
        effective_at INTEGER
    )",
    "CREATE TABLE audit (
        seq INTEGER PRIMARY KEY,
        line TEXT NOT NULL
    )",
    // What the change log or Workers KV does not know yet; one row per subject.
    "CREATE TABLE outbox (
        subject TEXT PRIMARY KEY,
        revision INTEGER NOT NULL,
        decides INTEGER NOT NULL,
        enforced INTEGER NOT NULL,
        published INTEGER NOT NULL,
        attempts INTEGER NOT NULL,
        not_before INTEGER NOT NULL
    ) WITHOUT ROWID",
    "CREATE INDEX outbox_appends ON outbox (revision) WHERE enforced = 0",
    "CREATE INDEX outbox_publications ON outbox (not_before) WHERE published = 0",
    "CREATE TABLE idempotency (
        actor TEXT NOT NULL,
        name TEXT NOT NULL,
        body_digest TEXT NOT NULL,
        issued INTEGER NOT NULL,
        at INTEGER NOT NULL,
        PRIMARY KEY (actor, name)
    ) WITHOUT ROWID",
    "CREATE INDEX idempotency_age ON idempotency (at)",
    "CREATE TABLE bootstrap_tokens (
        digest TEXT PRIMARY KEY,
        at INTEGER NOT NULL
    ) WITHOUT ROWID",
];

const SECOND: &[&str] = &[
    // `place` is the order in which they were opened.
    "CREATE TABLE sessions (
        place INTEGER PRIMARY KEY,
        mac TEXT NOT NULL UNIQUE,
        issued INTEGER NOT NULL,
        expires_at INTEGER NOT NULL
    )",
    "CREATE INDEX sessions_key ON sessions (issued, place)",
    "CREATE INDEX sessions_end ON sessions (expires_at)",
    "CREATE TABLE preflights (
        origin TEXT PRIMARY KEY,
        count INTEGER NOT NULL,
        last_at INTEGER NOT NULL
    ) WITHOUT ROWID",
    "CREATE TABLE deletions (
        organization TEXT NOT NULL,
        revision INTEGER NOT NULL,
        PRIMARY KEY (organization, revision)
    ) WITHOUT ROWID",
    // `days` is 1 in a bucket of a day and 0 in one of an hour.
    "CREATE TABLE usage (
        start INTEGER NOT NULL,
        issued INTEGER NOT NULL,
        scope TEXT NOT NULL,
        outcome TEXT NOT NULL,
        days INTEGER NOT NULL,
        count INTEGER NOT NULL,
        PRIMARY KEY (start, issued, scope, outcome, days)
    ) WITHOUT ROWID",
    // Without the count, so that counting on writes no index.
    "CREATE INDEX usage_of_key ON usage (issued, start, scope, outcome, days)",
    "CREATE INDEX usage_hours ON usage (start) WHERE days = 0",
    "CREATE TABLE batches (
        id TEXT PRIMARY KEY,
        at INTEGER NOT NULL
    ) WITHOUT ROWID",
    "CREATE INDEX batches_age ON batches (at)",
];

const THIRD: &[&str] = &[
    // JSON, and none where it is the usual one.
    "ALTER TABLE organization ADD COLUMN leak_policy TEXT",
    "ALTER TABLE keys ADD COLUMN restriction TEXT",
    "ALTER TABLE keys ADD COLUMN leaked_at INTEGER",
    "ALTER TABLE keys ADD COLUMN leak_url TEXT",
];

const FOURTH: &[&str] = &[
    // Admin keys by the organization that they are tied to.
    "CREATE INDEX keys_tied ON keys (bound_organization, issued)
        WHERE bound_organization IS NOT NULL AND revoked_at IS NULL",
    // What took the place of the audit's beginning, once that was dropped.
    "CREATE TABLE audit_checkpoint (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        seq INTEGER NOT NULL,
        hash TEXT NOT NULL,
        at INTEGER NOT NULL,
        signature TEXT NOT NULL
    )",
];

const FIFTH: &[&str] = &[
    // JSON, as records carry them; none where there are none.
    "ALTER TABLE organization ADD COLUMN limits TEXT",
    "ALTER TABLE keys ADD COLUMN limits TEXT",
    "ALTER TABLE organization ADD COLUMN updated_at INTEGER",
    "ALTER TABLE keys ADD COLUMN updated_at INTEGER",
];

// The objects of the admin API, as far as the pages show them.

export type KeyState = "active" | "retiring" | "disabled" | "expired" | "revoked";
export type Environment = "live" | "test" | "admin";
export type Reason =
  | "key_compromise"
  | "superseded"
  | "cessation_of_operation"
  | "privilege_withdrawn"
  | "unspecified";

export interface Who {
  kind: string;
  id?: string;
  name?: string;
}

export type Precision = "leased" | "strict" | "local";
export type Period = "day" | "month" | "forever";

/** A rate, with its window, or a quota, with its period. */
export interface Limit {
  name: string;
  limit: number;
  precision: Precision;
  window_seconds?: number;
  burst?: number;
  period?: Period;
  reset_day?: number;
  reset_time?: string;
  time_zone?: string;
}

/** How a limit stands; an organization's own is named `organization.<name>`. */
export interface Standing {
  name: string;
  limit: number;
  window_seconds?: number;
  /** Absent where the meter could not be asked. */
  remaining?: number;
  /** Absent where it never begins anew. */
  resets_at?: string;
}

export interface Key {
  id: string;
  organization: string;
  name: string;
  environment: Environment;
  scopes: string[];
  state: KeyState;
  created_at: string;
  created_by: Who;
  expires_at: string | null;
  retires_at: string | null;
  last_used_at: string | null;
  replaces: string | null;
  replaced_by: string | null;
  revoked_at: string | null;
  revocation_reason: Reason | null;
  exposed_at: string | null;
  exposed_origin: string | null;
  leaked_at: string | null;
  leak_url: string | null;
  restriction: { reason: "leak"; since: string; scopes: string[] } | null;
  allowed_ips: string[];
  metadata: Record<string, unknown>;
  bound_organization?: string;
  limits: Limit[];
  enforced: boolean;
  effective_at: string | null;
  revision: number;
}

/** What a report that a key leaked does to it. */
export type LeakPolicy = { action: "report" | "revoke" } | { action: "quarantine"; scopes: string[] };

export interface Organization {
  id: string;
  name: string;
  api_access: "enabled" | "disabled";
  max_key_lifetime_days: number | null;
  leak_policy: LeakPolicy;
  created_at: string;
  deleted_at: string | null;
  /** When its records go, if it was deleted. */
  purge_at: string | null;
  keys: Record<KeyState, number>;
  limits: Limit[];
  enforced: boolean;
  effective_at: string | null;
  revision: number;
}

/** What came of an order to many keys for one of them. */
export interface KeyResult {
  id: string;
  key?: Key;
  problem?: { code: string; title: string; status: number; detail: string };
}

export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

export interface Issued {
  key: Key;
  secret: string;
  replaced?: Key;
}

/** A scope of clients' keys, as the operator describes it. */
export interface DescribedScope {
  name: string;
  /** By language. */
  description: Record<string, string>;
  dangerous: boolean;
}

export interface Session {
  key_id: string;
  name: string;
  scopes: string[];
  client_scopes: DescribedScope[];
  bound_organization: string | null;
  csrf_token: string;
  expires_at: string;
}

export interface UsageRow {
  start: string;
  by: "hour" | "day";
  key: string;
  scope: string | null;
  outcome: string;
  count: number;
}

export interface WindowUse {
  requests: number;
  by_scope: Record<string, number>;
}

export interface Impact {
  key: string;
  last_used_at: string | null;
  last_hour: WindowUse;
  last_day: WindowUse;
  last_30_days: WindowUse;
  successor: { id: string; in_use: boolean; last_used_at: string | null } | null;
}

export interface AuditEntry {
  seq: number;
  at: string;
  actor: Who;
  action: string;
  subject: { kind: string; id: string; name?: string };
  before: Record<string, unknown> | null;
  after: Record<string, unknown> | null;
  request_id: string;
  previous: string;
  hash: string;
}

export interface AuditHead {
  organization: string;
  count: number;
  hash: string;
  signature: string;
  /** Where the chain begins, if its beginning was dropped. */
  checkpoint?: AuditCheckpoint;
}

export interface AuditCheckpoint {
  organization: string;
  /** The last entry that was dropped. */
  seq: number;
  hash: string;
  at: string;
  signature: string;
}

/** A change that was waited for: whether all confirmed it, or time had to pass; null
 * while it is not enforced. */
export interface RecentChange {
  confirmed: boolean | null;
  after_ms: number;
}

/** What tells of all organizations is not there for an administrator who is tied to one. */
export interface Status {
  at: string;
  version: string;
  freshness_bound_ms: number | null;
  change_log?: {
    incarnation: unknown;
    head: number;
    bound_ms: number;
    wait_for_ms: number;
    /** Who holds a lease, and how many ended before their holders confirmed a change. */
    holders: number;
    expired_unconfirmed: number;
    recent: RecentChange[];
  } | null;
  relays: {
    name: string;
    answers: boolean;
    proof_age_ms: number | null;
    holders: number | null;
    expired_unconfirmed: number | null;
  }[];
  edge?: { region: string; records: number; bytes: number };
  platform?: {
    revision: number;
    outbox: { appends: number; publications: number };
    keys_per_ring_entry: Record<string, number>;
    unused_keys: number;
    exposed_keys: number;
    preflights: { origin: string; count: number; last_at: string }[];
    failures_suppressed: number;
  } | null;
  root_keys: { current: string; entries: string[] };
  weakened_by: { setting: string; at_most_ms: number | null; text: string }[];
}

/** The organization that owns the admin keys. */
export const PLATFORM = "_platform";
export const ADMIN_SCOPES = [
  "organizations:read",
  "organizations:write",
  "keys:read",
  "keys:write",
  "audit:read",
  "usage:read",
  "status:read",
  "introspect",
  "admins:write",
];
export const REASONS: Reason[] = [
  "key_compromise",
  "superseded",
  "cessation_of_operation",
  "privilege_withdrawn",
  "unspecified",
];

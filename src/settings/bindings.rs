//! Names of the bindings: variables, secrets, KV namespaces, objects and services.

/// Secret: the ring of root keys, as JSON.
pub const ROOT_KEYS: &str = "ROOT_KEYS";
/// Secret: opens `POST /admin/v1/bootstrap` once.
pub const BOOTSTRAP_TOKEN: &str = "BOOTSTRAP_TOKEN";
/// Secret: shown by a forward-auth proxy that tells the client's address.
pub const FORWARD_AUTH_SECRET: &str = "FORWARD_AUTH_SECRET";
/// Secret: signs `Katalo-Assertion`; no assertion is sent without it.
pub const ASSERTION_SECRET: &str = "ASSERTION_SECRET";
/// Variable: `on` has `/authorize` and its dialects take `test` keys.
pub const FORWARD_AUTH_TEST_KEYS: &str = "FORWARD_AUTH_TEST_KEYS";
/// Variable: `on` lets keys be exported with their digests, and imported.
pub const KEY_TRANSFER: &str = "KEY_TRANSFER";
/// Variable: scopes of clients' keys that no route asks for, with spaces
/// between; the API behind knows them.
pub const CLIENT_SCOPES: &str = "CLIENT_SCOPES";
/// Variable: what there is to say of each scope of clients' keys, as JSON.
pub const SCOPES: &str = "SCOPES";
/// Variable: days for which a deleted organization's records are kept.
pub const RETENTION_DAYS: &str = "RETENTION_DAYS";
/// Variable: days for which entries of the audit are kept; for ever where absent.
pub const AUDIT_RETENTION_DAYS: &str = "AUDIT_RETENTION_DAYS";
/// Variable: what keys begin with; `kat` where absent.
pub const BRAND: &str = "BRAND";
/// Variable: the keys that sign leak reports, in the form in which GitHub
/// publishes them; fetched from there where absent.
pub const GITHUB_PUBLIC_KEYS: &str = "GITHUB_PUBLIC_KEYS";
/// Variable: what becomes of a request whose freshness cannot be proven,
/// `refuse` or `serve`; `refuse` where absent.
pub const ON_UNPROVEN: &str = "ON_UNPROVEN";
/// Variable: what becomes of a request whose limits cannot be checked, `refuse` or
/// `serve`; `refuse` where absent.
pub const ON_UNMETERED: &str = "ON_UNMETERED";
/// Variable: the greatest age of a proof that is served on then, in
/// milliseconds.
pub const UNPROVEN_AT_MOST_MS: &str = "UNPROVEN_AT_MOST_MS";
/// Variable: the protected routes.
pub const ROUTES: &str = "ROUTES";
/// Variable: what our own paths for clients and proxies begin with; nothing where
/// absent.
pub const OWN_PREFIX: &str = "OWN_PREFIX";
/// Variable: how many of a hundred refusals are in the log; all where absent.
pub const LOG_SAMPLE_PERCENT: &str = "LOG_SAMPLE_PERCENT";
/// Analytics Engine: counts of decisions, where it is bound.
pub const METRICS: &str = "METRICS";
/// Service binding: the API behind the gateway, where a route names no other.
pub const UPSTREAM: &str = "UPSTREAM";
/// Behind the name of an API: the variable that has its origin, where it is no Worker.
pub const URL_OF: &str = "_URL";
/// Behind the name of an API: the service binding of the one for `test` keys.
pub const TEST_OF: &str = "_TEST";
/// Variable: milliseconds that the API may take until its headers are there.
pub const UPSTREAM_TIMEOUT_MS: &str = "UPSTREAM_TIMEOUT_MS";
/// Workers KV: sealed records.
pub const KEYS: &str = "KEYS";
/// Durable Object: the truth about one organization.
pub const REGISTRY: &str = "REGISTRY";
/// Durable Object: the list of organizations.
pub const DIRECTORY: &str = "DIRECTORY";
/// Durable Object: what changed, in order.
pub const CHANGE_LOG: &str = "CHANGE_LOG";
/// Variable: the freshness bound in milliseconds, 200 to 600000.
pub const FRESHNESS_BOUND_MS: &str = "FRESHNESS_BOUND_MS";
/// Variable: this edge's own, shorter bound in milliseconds.
pub const FRESHNESS_AT_MOST_MS: &str = "FRESHNESS_AT_MOST_MS";
/// Variable: `off` has a change wait out every lease that predates it; else it is
/// enforced once all who hold one have confirmed it, which is sooner.
pub const CONFIRMATIONS: &str = "CONFIRMATIONS";
/// Durable Object: what an organization and its keys have spent of their limits.
pub const METER: &str = "METER";
/// Variable: replicas of the relay in each region; 1 where absent.
pub const RELAY_REPLICAS: &str = "RELAY_REPLICAS";
/// Variable: the region whose relay is asked, whatever `request.cf` says.
pub const RELAY_REGION: &str = "RELAY_REGION";
/// Durable Object: between the edges of a region and the change log.
pub const RELAY: &str = "RELAY";

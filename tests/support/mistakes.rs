//! What people get wrong most often, and what they are told: one table for the pure
//! code and for the built Worker.

/// Who sends it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum By {
    /// An administrator with every scope.
    Admin,
    /// The holder of a client's key.
    Client,
    /// Whoever: what is presented stands among the headers.
    Nobody,
}

/// A request that is wrong, and its refusal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mistake {
    pub(crate) by: By,
    pub(crate) method: &'static str,
    /// With `{key}` for a key of `acme`, `{foreign}` for one of `other`.
    pub(crate) target: &'static str,
    pub(crate) headers: &'static [(&'static str, &'static str)],
    /// JSON, unless the headers say otherwise.
    pub(crate) body: &'static str,
    pub(crate) code: &'static str,
    /// The whole sentence.
    pub(crate) detail: &'static str,
    /// Whether it takes no more than the request to tell; else a registry, a look at a
    /// secret, or the runtime.
    pub(crate) is_pure: bool,
}

impl Mistake {
    const fn of(by: By, method: &'static str, target: &'static str) -> Self {
        Self {
            by,
            method,
            target,
            headers: &[],
            body: "",
            code: "invalid_request",
            detail: "",
            is_pure: true,
        }
    }

    const fn with(mut self, headers: &'static [(&'static str, &'static str)]) -> Self {
        self.headers = headers;
        self
    }

    const fn body(mut self, body: &'static str) -> Self {
        self.body = body;
        self
    }

    /// What it is answered.
    const fn is(mut self, code: &'static str, detail: &'static str) -> Self {
        self.code = code;
        self.detail = detail;
        self
    }

    const fn not_pure(mut self) -> Self {
        self.is_pure = false;
        self
    }
}

const fn admin(method: &'static str, target: &'static str) -> Mistake {
    Mistake::of(By::Admin, method, target)
}

const fn own_key(headers: &'static [(&'static str, &'static str)]) -> Mistake {
    Mistake::of(By::Nobody, "GET", "/v1/key").with(headers)
}

/// Issues a key.
const fn issue(body: &'static str) -> Mistake {
    admin("POST", "/admin/v1/organizations/acme/keys").body(body)
}

/// Creates or changes an organization.
const fn put(body: &'static str) -> Mistake {
    admin("PUT", "/admin/v1/organizations/acme").body(body)
}

/// Reads a list.
const fn list(target: &'static str) -> Mistake {
    admin("GET", target)
}

/// The words that only a programmer of ours would understand.
pub(crate) const WORDS_OF_SERDE: [&str; 12] = [
    "EOF",
    "unknown variant",
    "unknown field",
    "missing field",
    "duplicate field",
    "invalid type",
    "invalid value",
    "invalid length",
    "expected value",
    "trailing",
    "control character (\\u",
    "key must be",
];

#[rustfmt::skip]
pub(crate) const MISTAKES: &[Mistake] = &[
    // What is presented.
    own_key(&[]).is("missing_credentials", "Send the key in the header `Authorization: Bearer <key>`."),
    own_key(&[("authorization", "Basic a2F0OmE=")])
        .is("missing_credentials", "`Authorization` has the scheme `Basic`: send `Authorization: Bearer <key>`."),
    own_key(&[("authorization", "Token kat_live_x.y")])
        .is("missing_credentials", "`Authorization` does not begin with `Bearer` and a space: send `Authorization: Bearer <key>`."),
    own_key(&[("authorization", "kat_live_x.y")])
        .is("missing_credentials", "`Authorization` does not begin with `Bearer` and a space: send `Authorization: Bearer <key>`."),
    own_key(&[("x-api-key", "kat_live_x.y")])
        .is("missing_credentials", "The header `X-API-Key` is not read: send `Authorization: Bearer <key>`."),
    own_key(&[("authorization", "Bearer")])
        .is("malformed_key", "Send the whole key exactly as it was shown when it was issued, in one `Authorization` header."),
    own_key(&[("authorization", "Bearer kat_live_20BAssrdJ8UvAGbTzdPedgcnuDWlHC")])
        .is("malformed_key", "Send the whole key exactly as it was shown when it was issued, in one `Authorization` header."),
    own_key(&[("authorization", "Bearer \"kat_live_x.y\"")])
        .is("malformed_key", "Send the whole key exactly as it was shown when it was issued, in one `Authorization` header."),
    Mistake::of(By::Nobody, "GET", "/admin/v1/organizations").with(&[("x-api-key", "kat_admin_x.y")])
        .is("missing_credentials", "The header `X-API-Key` is not read: send `Authorization: Bearer <key>`."),
    Mistake::of(By::Nobody, "GET", "/admin/v1/organizations").with(&[("authorization", "basic a2F0OmE=")])
        .is("missing_credentials", "`Authorization` has the scheme `Basic`: send `Authorization: Bearer <key>`."),
    Mistake::of(By::Client, "GET", "/admin/v1/organizations").not_pure()
        .is("wrong_environment", "Client routes accept `live` keys, and `test` keys where a test API is set up; admin routes accept `admin` keys."),
    admin("GET", "/v1/key").not_pure()
        .is("wrong_environment", "Client routes accept `live` keys, and `test` keys where a test API is set up; admin routes accept `admin` keys."),

    // Where it is sent.
    admin("GET", "/admin/v1/organizations/")
        .is("not_found", "There is nothing at this address: leave out the slash at its end."),
    admin("GET", "/admin/v1/organizations/acme/keys/")
        .is("not_found", "There is nothing at this address: leave out the slash at its end."),
    admin("GET", "/admin/v1/organisations").is("not_found", "Check the address and the ids in it."),
    admin("GET", "/api/keys").is("not_found", "Check the address and the ids in it."),
    Mistake::of(By::Client, "GET", "/v1/catalogs/c1/").not_pure()
        .is("not_found", "There is nothing at this address: leave out the slash at its end."),
    admin("GET", "/admin/v1//organizations").not_pure()
        .is("invalid_request", "The path could be read in more than one way."),
    admin("GET", "/admin/v1/organizations/nobody").not_pure()
        .is("not_found", "There is no organization `nobody`."),
    admin("GET", "/admin/v1/organizations/nobody/keys").not_pure()
        .is("not_found", "There is no organization `nobody`."),
    admin("PATCH", "/admin/v1/organizations/nobody").body("{}").not_pure()
        .is("not_found", "There is no organization `nobody`, or it has been deleted and takes no changes."),
    admin("GET", "/admin/v1/organizations/acme/export").not_pure()
        .is("not_found", "There is no organization `acme`, or the operator has not switched export and import on (`KEY_TRANSFER`)."),
    admin("GET", "/admin/v1/organizations/a%20b/keys")
        .is("not_found", "No organization has the id in this address: an id has 1 to 64 characters out of A-Z, a-z, 0-9, _ and -."),
    admin("GET", "/admin/v1/organizations/acme/keys/Web%20shop")
        .is("not_found", "What stands for the key in this address is no key id: that is the part of a key before its dot, such as `kat_live_…`."),
    admin("GET", "/admin/v1/organizations/acme/keys/{foreign}").not_pure()
        .is("not_found", "The key is not one of `acme`: its id was given out by another organization. Check both ids in the address."),
    admin("GET", "/admin/v1/organizations/nobody/keys/{key}").not_pure()
        .is("not_found", "The key is not one of `nobody`: its id was given out by another organization. Check both ids in the address."),

    // With which method.
    admin("POST", "/admin/v1/organizations").body(r#"{"name":"Acme"}"#)
        .is("method_not_allowed", "An organization is created with `PUT /admin/v1/organizations/{organization}`, by the id that you give it. This address takes GET."),
    admin("POST", "/admin/v1/organizations/acme").body("{}")
        .is("method_not_allowed", "`PUT` creates or changes an organization, `PATCH` only changes one; keys are issued with `POST` at `/keys` below this address. This address takes GET, PUT, PATCH, DELETE."),
    admin("PUT", "/admin/v1/organizations/acme/keys").body("{}")
        .is("method_not_allowed", "A key is changed with `PATCH` at its own address, `/keys/{key_id}`. This address takes GET, POST."),
    admin("PUT", "/admin/v1/organizations/acme/keys/{key}").body("{}")
        .is("method_not_allowed", "A key is changed with `PATCH`. This address takes GET, PATCH."),
    admin("DELETE", "/admin/v1/organizations/acme/keys/{key}")
        .is("method_not_allowed", "A key is never deleted: end it with `POST` at `/revoke` below this address. This address takes GET, PATCH."),
    admin("GET", "/admin/v1/organizations/acme/keys/{key}/revoke")
        .is("method_not_allowed", "This address takes POST."),
    Mistake::of(By::Client, "POST", "/v1/key").not_pure()
        .is("method_not_allowed", "Use one of the methods in the `Allow` header."),

    // With which parameters.
    list("/admin/v1/organizations/acme/keys?limit=0").is("invalid_request", "`limit` must be a number from 1 to 200."),
    list("/admin/v1/organizations/acme/keys?limit=many").is("invalid_request", "`limit` must be a number from 1 to 200."),
    list("/admin/v1/organizations/acme/keys?state=dead")
        .is("invalid_request", "`state` must be one of active, retiring, disabled, expired, revoked."),
    list("/admin/v1/organizations/acme/keys?page=2")
        .is("invalid_request", "There is no parameter `page` here, only `state`, `search`, `name`, `unused_for_days`, `expires_within_days`, `exposed`, `environment`, `metadata`, `cursor`, `limit`."),
    list("/admin/v1/organizations/acme/audit/head?limit=1").is("invalid_request", "There is no parameter `limit` here: it takes none."),
    list("/admin/v1/organizations/acme/keys?limit=1&limit=2")
        .is("invalid_request", "The query is not well-formed, has a parameter twice, or more than a hundred."),
    list("/admin/v1/organizations/acme/keys?search=").is("invalid_request", "`search` must be 1 to 100 characters."),
    list("/admin/v1/organizations/acme/keys?unused_for_days=never")
        .is("invalid_request", "`unused_for_days` must be a number of days from 1 to 36500."),
    list("/admin/v1/organizations/acme/keys?exposed=maybe").is("invalid_request", "`exposed` must be true or false."),
    list("/admin/v1/organizations/acme/keys?metadata=%3Dweb")
        .is("invalid_request", "`metadata` must be a note's name, or `name=value`, with at most 200 characters."),
    list("/admin/v1/organizations/acme/audit?key=Web").is("invalid_request", "`key` must be a key id."),
    list("/admin/v1/organizations/acme/keys?cursor=nonsense").not_pure()
        .is("invalid_request", "`cursor` must be the `next_cursor` of the page before."),
    list("/admin/v1/organizations?cursor=a%2Fb")
        .is("invalid_request", "`cursor` must be the `next_cursor` of the page before, or an organization's id."),
    list("/admin/v1/organizations/acme/audit?cursor=last")
        .is("invalid_request", "`cursor` must be the `next_cursor` of the page before, or the `seq` of an entry."),
    list("/admin/v1/organizations/acme/usage?from=yesterday")
        .is("invalid_request", "`from` must be an RFC 3339 time, such as 2026-11-24T03:41:14Z (a + is written %2B here)."),
    list("/admin/v1/organizations/acme/usage?from=2026-11-24T03:41:14+01:00")
        .is("invalid_request", "`from` must be an RFC 3339 time, such as 2026-11-24T03:41:14Z (a + is written %2B here)."),
    list("/admin/v1/organizations/acme/usage?from=2026-11-25T00:00:00Z&to=2026-11-24T00:00:00Z")
        .is("invalid_request", "`from` must not be after `to`."),
    list("/admin/v1/organizations/acme/usage?by=week").is("invalid_request", "`by` must be hour or day."),
    list("/admin/v1/organizations/acme/usage?key=Web").is("invalid_request", "`key` must be a key id."),

    // With which headers.
    put(r#"{"name":"Acme"}"#).with(&[("if-match", "7")])
        .is("invalid_request", "`If-Match` must be a revision in quotes, such as \"7\": the `ETag` of the object as it was read."),
    put(r#"{"name":"Acme"}"#).with(&[("if-match", "W/\"7\"")])
        .is("invalid_request", "`If-Match` must be a revision in quotes, such as \"7\": the `ETag` of the object as it was read."),
    put(r#"{"name":"Acme"}"#).with(&[("if-none-match", "\"7\"")])
        .is("invalid_request", "`If-None-Match` of a change must be `*`: only where there is none yet."),
    put(r#"{"name":"Acme"}"#).with(&[("if-match", "\"999\"")]).not_pure()
        .is("revision_mismatch", "Read it again and repeat the change with its new revision in `If-Match`."),
    put(r#"{"name":"Acme"}"#).with(&[("if-none-match", "*")]).not_pure()
        .is("revision_mismatch", "Read it again and repeat the change with its new revision in `If-Match`."),
    issue(r#"{"name":"a","environment":"live","scopes":["read"]}"#).with(&[("idempotency-key", "one two")])
        .is("invalid_request", "`Idempotency-Key` must be 1 to 255 visible ASCII characters."),
    issue(r#"{"name":"a","environment":"live","scopes":["read"]}"#).with(&[("content-type", "text/plain")]).not_pure()
        .is("unsupported_media_type", "Send `Content-Type: application/json`."),
    issue("name=a&environment=live").with(&[("content-type", "application/x-www-form-urlencoded")]).not_pure()
        .is("unsupported_media_type", "Send `Content-Type: application/json`."),

    // What is no JSON object.
    issue("").is("invalid_request", "The body is empty: send a JSON object with `name`, `environment`, `scopes`."),
    issue("[]").is("invalid_request", "The body must be a JSON object with `name`, `environment`, `scopes`."),
    issue("name: a").is("invalid_request", "The body must be a JSON object with `name`, `environment`, `scopes`."),
    issue(r#"{"name":"a""#)
        .is("invalid_request", "The body cannot be read: the JSON ends too early: a bracket, a brace or a quotation mark is not closed (line 1, column 11)."),
    issue(r#"{"name":"a",}"#)
        .is("invalid_request", "The body cannot be read: this is not well-formed JSON (RFC 8259), or nested more than 128 levels deep (line 1, column 13)."),
    issue("{'name':'a'}")
        .is("invalid_request", "The body cannot be read: this is not well-formed JSON (RFC 8259), or nested more than 128 levels deep (line 1, column 2)."),
    issue("{\"name\":\"a\"}{}")
        .is("invalid_request", "The body cannot be read: this is not well-formed JSON (RFC 8259), or nested more than 128 levels deep (line 1, column 13)."),

    // What is wrong with its members.
    issue("{}").is("invalid_request", "The member `name` is missing. The member `environment` is missing. The member `scopes` is missing."),
    issue(r#"{"name":"a","enviroment":"live","scopes":["read"]}"#)
        .is("invalid_request", "There is no member `enviroment` (did you mean environment?), only `name`, `environment`, `scopes`, `expires_at`, `allowed_ips`, `metadata`, `bound_organization`, `limits`. The member `environment` is missing."),
    issue(r#"{"name":"a","name":"b","environment":"live","scopes":["read"]}"#)
        .is("invalid_request", "The member `name` is there twice."),
    issue(r#"{"name":7,"environment":"live","scopes":["read"]}"#)
        .is("invalid_request", "`name`: expected a string, not a number."),
    issue(r#"{"name":null,"environment":"live","scopes":["read"]}"#)
        .is("invalid_request", "`name`: expected a string, not null."),
    issue(r#"{"name":" ","environment":"live","scopes":["read"]}"#)
        .is("invalid_request", "`name`: a name must have 1 to 100 characters and no control characters."),
    issue(r#"{"name":"a","environment":"prod","scopes":["read"]}"#)
        .is("invalid_request", "`environment`: expected one of `live`, `test`, `admin`."),
    issue(r#"{"name":"a","environment":true,"scopes":["read"]}"#)
        .is("invalid_request", "`environment`: expected one of `live`, `test`, `admin`, not a boolean."),
    issue(r#"{"name":"a","environment":"admin","scopes":["read"]}"#).not_pure()
        .is("invalid_request", "`environment` must be `admin` in `_platform`, and `live` or `test` elsewhere."),
    issue(r#"{"name":"a","environment":"live","scopes":"read"}"#)
        .is("invalid_request", "`scopes`: expected a list, not a string."),
    issue(r#"{"name":"a","environment":"live","scopes":[]}"#)
        .is("invalid_request", "`scopes`: a key must have 1 to 50 scopes."),
    issue(r#"{"name":"a","environment":"live","scopes":["read write"]}"#)
        .is("invalid_request", "`scopes[0]`: a scope is 1 to 64 visible ASCII characters without \" and \\."),
    issue(r#"{"name":"a","environment":"live","scopes":["read"],"expires_at":"tomorrow"}"#)
        .is("invalid_request", "`expires_at`: expected an RFC 3339 time, such as 2026-11-24T03:41:14Z."),
    issue(r#"{"name":"a","environment":"live","scopes":["read"],"expires_at":1893456000}"#)
        .is("invalid_request", "`expires_at`: expected a string, not a number."),
    issue(r#"{"name":"a","environment":"live","scopes":["read"],"expires_at":"2001-01-01T00:00:00+02:00"}"#).not_pure()
        .is("invalid_request", "`expires_at` must be in the future."),
    issue(r#"{"name":"a","environment":"live","scopes":["read"],"allowed_ips":["300.0.0.1"]}"#)
        .is("invalid_request", "`allowed_ips`: a network must be an address or a CIDR block, such as 192.0.2.0/24 or 2001:db8::/32."),
    issue(r#"{"name":"a","environment":"live","scopes":["read"],"metadata":{"price":1.5}}"#)
        .is("invalid_request", "`metadata.price`: numbers in metadata must be whole and within ±9007199254740991; write others as text."),
    issue(r#"{"name":"a","environment":"live","scopes":["read"],"metadata":"web"}"#)
        .is("invalid_request", "`metadata`: expected a JSON object, not a string."),
    issue(r#"{"name":7,"environment":"prod","scope":"read"}"#)
        .is("invalid_request", "`name`: expected a string, not a number. `environment`: expected one of `live`, `test`, `admin`. There is no member `scope` (did you mean scopes?), only `name`, `environment`, `scopes`, `expires_at`, `allowed_ips`, `metadata`, `bound_organization`, `limits`. The member `scopes` is missing."),
    put("{}").is("invalid_request", "The member `name` is missing."),
    put(r#"{"name":"Acme","api_access":true}"#)
        .is("invalid_request", "`api_access`: expected one of `enabled`, `disabled`, not a boolean."),
    put(r#"{"name":"Acme","max_key_lifetime_days":"90"}"#)
        .is("invalid_request", "`max_key_lifetime_days`: expected a whole number, not a string."),
    put(r#"{"name":"Acme","max_key_lifetime_days":0}"#)
        .is("invalid_request", "`max_key_lifetime_days`: a key lifetime must be between 1 and 3650 days."),
    put(r#"{"name":"Acme","leak_policy":"revoke"}"#)
        .is("invalid_request", "`leak_policy`: expected an object, not a string."),
    put(r#"{"name":"Acme","wait":"no"}"#).is("invalid_request", "`wait`: expected a boolean, not a string."),
    admin("PUT", "/admin/v1/organizations/_acme").body(r#"{"name":"Acme"}"#)
        .is("invalid_request", "An organization id must have 1 to 64 characters out of A-Z, a-z, 0-9, _ and -, and must not start with _."),
    admin("PUT", "/admin/v1/organizations/_platform").body(r#"{"name":"Acme"}"#).not_pure()
        .is("invalid_request", "This id is reserved: it holds the admin keys."),
    admin("PATCH", "/admin/v1/organizations/acme").body(r#"{"name":null}"#)
        .is("invalid_request", "`name`: expected a string, not null."),
    admin("PATCH", "/admin/v1/organizations/acme/keys/{key}").body(r#"{"state":"revoked"}"#)
        .is("invalid_request", "There is no member `state`, only `name`, `scopes`, `expires_at`, `allowed_ips`, `metadata`, `limits`, `restriction`, `wait`."),
    admin("PATCH", "/admin/v1/organizations/acme/keys/{key}").body(r#"{"restriction":{}}"#)
        .is("invalid_request", "`restriction`: can only be set to null."),
    admin("POST", "/admin/v1/organizations/acme/keys/{key}/revoke")
        .is("invalid_request", "The body is empty: send a JSON object with `reason`."),
    admin("POST", "/admin/v1/organizations/acme/keys/{key}/revoke").body(r#"{"reason":"leaked"}"#)
        .is("invalid_request", "`reason`: expected one of `key_compromise`, `superseded`, `cessation_of_operation`, `privilege_withdrawn`, `unspecified`."),
    admin("POST", "/admin/v1/organizations/acme/keys/{key}/rotate").body(r#"{"overlap_seconds":"1 day"}"#)
        .is("invalid_request", "`overlap_seconds`: expected a whole number, not a string."),
    admin("POST", "/admin/v1/organizations/acme/keys/{key}/rotate").body(r#"{"overlap_seconds":31536000}"#)
        .is("invalid_request", "`overlap_seconds`: an overlap must be between 0 and 2592000 seconds."),
    Mistake::of(By::Nobody, "POST", "/admin/v1/session").body("{}").not_pure()
        .is("invalid_request", "The member `key` is missing."),
];

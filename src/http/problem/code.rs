//! The kinds of problems: one row each.

/// Declares [`Code`] with what there is to say of each kind: its code, its status, whether
/// it is `notable` or `common`, its title, and what a person does next.
macro_rules! codes {
    ($(
        $(#[$doc:meta])*
        $variant:ident = $code:literal, $status:literal, $notable:ident, $title:literal, $advice:literal;
    )*) => {
        /// One kind of problem. Its page is `/problems/<code>`.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Code {
            $($(#[$doc])* $variant,)*
        }

        impl Code {
            /// As it stands in `code` and in the page's address.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $code,)*
                }
            }

            /// The HTTP status.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self {
                    $(Self::$variant => $status,)*
                }
            }

            /// One line for people. It stands in a quoted-string (RFC 9110 section
            /// 5.6.4), so that it has no quotation marks.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self {
                    $(Self::$variant => $title,)*
                }
            }

            /// What to do next, in general.
            #[must_use]
            pub const fn advice(self) -> &'static str {
                match self {
                    $(Self::$variant => $advice,)*
                }
            }

            /// Whether a refusal is worth a line in the log: one of a key whose secret
            /// proved, or a fault of ours or of what is behind. Strangers get the others
            /// as often as they like.
            #[must_use]
            pub const fn is_notable(self) -> bool {
                match self {
                    $(Self::$variant => codes!(@ $notable),)*
                }
            }

            /// Every code, in the order of the contract.
            pub fn all() -> impl Iterator<Item = Self> {
                [$(Self::$variant),*].into_iter()
            }

            /// Reads `as_str` back.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                Self::all().find(|code| code.as_str() == text)
            }
        }
    };
    (@ notable) => { true };
    (@ common) => { false };
}

codes! {
    /// No bearer token.
    MissingCredentials = "missing_credentials", 401, common,
        "No API key was sent as a Bearer token",
        "Send the key in the header `Authorization: Bearer <key>`.";
    /// Not of the form, or the checksum is wrong.
    MalformedKey = "malformed_key", 401, common,
        "The API key is malformed",
        "Send the whole key exactly as it was shown when it was issued, in one `Authorization` header.";
    /// Forged, unknown, or wrong secret.
    InvalidKey = "invalid_key", 401, common,
        "The API key is not valid",
        "Check that the key belongs to this service; if its secret was lost, have a new key issued.";
    /// Revoked for ever.
    RevokedKey = "revoked_key", 401, notable,
        "The API key has been revoked",
        "Revocation is final: ask your administrator for a new key.";
    /// Past its end.
    ExpiredKey = "expired_key", 401, notable,
        "The API key has expired",
        "Use the key that replaced it, or ask your administrator for a new one.";
    /// Paused.
    DisabledKey = "disabled_key", 401, notable,
        "The API key is disabled",
        "Ask your administrator to enable it again.";
    /// The organization is switched off.
    ApiAccessDisabled = "api_access_disabled", 403, notable,
        "API access is disabled for this organization",
        "An administrator can enable API access for the organization.";
    /// The key lacks the route's scope.
    InsufficientScope = "insufficient_scope", 403, notable,
        "The API key lacks the required scope",
        "Ask your administrator to add the scope to the key, or use a key that has it.";
    /// The key is for other routes.
    WrongEnvironment = "wrong_environment", 403, notable,
        "The API key is for another environment",
        "Client routes accept `live` keys, and `test` keys where a test API is set up; admin routes accept `admin` keys.";
    /// The key is tied to other networks.
    AddressNotAllowed = "address_not_allowed", 403, notable,
        "The API key may not be used from this address",
        "Call from one of the networks that the key is restricted to, or ask an administrator to change them.";
    /// A browser sent it.
    BrowserCallRefused = "browser_call_refused", 403, common,
        "API keys do not belong in a browser",
        "Call from a server. If this key was in a web page, treat it as leaked and rotate it.";
    /// Keys cannot be issued while API access is disabled.
    IssuingDisabled = "issuing_disabled", 409, common,
        "Keys cannot be issued while API access is disabled",
        "Enable API access for the organization first.";
    /// This key cannot be rotated.
    NotRotatable = "not_rotatable", 409, common,
        "This key cannot be rotated",
        "A revoked, expired, disabled or already replaced key cannot be rotated: issue a new key.";
    /// Revocation is final.
    AlreadyRevoked = "already_revoked", 409, common,
        "The key has already been revoked",
        "Issue a new key.";
    /// The bootstrap token was used.
    AlreadyBootstrapped = "already_bootstrapped", 409, common,
        "This bootstrap token has already been used",
        "Sign in with an admin key; if none is left, the operator sets a new BOOTSTRAP_TOKEN.";
    /// The change would leave no usable administrator.
    LastAdmin = "last_admin", 409, notable,
        "The change would leave no usable administrator",
        "First issue another admin key that has `admins:write`, never expires, and is bound to no organization and no networks.";
    /// Another organization has the same tag.
    OrganizationIdTaken = "organization_id_taken", 409, common,
        "This organization id cannot be used",
        "Another organization has the same tag: choose another id.";
    /// The request was done before; its secret is gone.
    SecretAlreadyShown = "secret_already_shown", 409, common,
        "This request has already been carried out",
        "The secret was in the first answer and is not stored. If it was lost, rotate the key.";
    /// The request is wrong; `detail` says where.
    InvalidRequest = "invalid_request", 400, common,
        "The request is not valid",
        "Correct the request and send it again.";
    /// There is no such thing.
    NotFound = "not_found", 404, common,
        "Not found",
        "Check the address and the ids in it.";
    /// The thing does not do that.
    MethodNotAllowed = "method_not_allowed", 405, common,
        "Method not allowed",
        "Use one of the methods in the `Allow` header.";
    /// The object has changed in the meantime.
    RevisionMismatch = "revision_mismatch", 412, common,
        "The object has changed in the meantime",
        "Read it again and repeat the change with its new revision in `If-Match`.";
    /// More than 64 KiB.
    BodyTooLarge = "body_too_large", 413, common,
        "The request body is too large",
        "Admin and OAuth requests may carry at most 64 KiB.";
    /// Not JSON.
    UnsupportedMediaType = "unsupported_media_type", 415, common,
        "Unsupported media type",
        "Send `Content-Type: application/json`.";
    /// One idempotency key, two requests.
    IdempotencyKeyReused = "idempotency_key_reused", 422, common,
        "This Idempotency-Key has been used for another request",
        "Use a new Idempotency-Key for a new request.";
    /// Too many.
    RateLimited = "rate_limited", 429, common,
        "Too many requests",
        "Wait as long as `Retry-After` says.";
    /// Nobody could prove how the key stands.
    FreshnessUnavailable = "freshness_unavailable", 503, notable,
        "The key's status cannot be verified right now",
        "The request was neither accepted nor refused. Try again after `Retry-After` seconds.";
    /// A rate of the key or its organization is used up.
    RateLimitExceeded = "rate_limit_exceeded", 429, notable,
        "Too many requests in a short time",
        "Wait for `Retry-After` seconds; `violated-policies` names the limit. Ask your administrator for a higher one if this happens often.";
    /// A quota is used up.
    QuotaExceeded = "quota_exceeded", 429, notable,
        "The quota is used up",
        "`violated-policies` names the quota, and `RateLimit` says when it begins anew. Ask your administrator for a higher one if this is too early.";
    /// A limit cannot be checked.
    LimitsUnavailable = "limits_unavailable", 503, notable,
        "The limits of this key cannot be checked right now",
        "The request was not let through, and nothing was counted. Try again after `Retry-After` seconds.";
    /// The registry did not answer.
    RegistryUnavailable = "registry_unavailable", 503, notable,
        "The registry is not available right now",
        "Try again after `Retry-After` seconds.";
    /// The upstream did not answer properly.
    UpstreamUnavailable = "upstream_unavailable", 502, notable,
        "The API behind the gateway is not available",
        "The key was accepted, but the API did not answer. Try again later.";
    /// The upstream took too long.
    UpstreamTimeout = "upstream_timeout", 504, notable,
        "The API behind the gateway took too long",
        "The key was accepted; the request may or may not have been carried out.";
    /// A report is not signed by whom it names.
    InvalidSignature = "invalid_signature", 403, common,
        "The report is not signed by GitHub",
        "Sign the exact bytes of the body with the key that `Github-Public-Key-Identifier` names.";
    /// Our own fault.
    InternalError = "internal_error", 500, notable,
        "Something went wrong on our side",
        "Try again; if it fails again, report the request id.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_back_and_a_title_can_be_quoted() {
        for code in Code::all() {
            assert_eq!(Code::parse(code.as_str()), Some(code));
            assert!(!code.title().contains(['"', '\\']), "{code:?}");
        }
    }
}

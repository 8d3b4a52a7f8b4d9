//! Methods that a place does not take, and where to go instead.

use crate::http::place::AdminPlace;
use crate::http::problem::Problem;

/// That a place takes this method.
///
/// # Errors
/// `method_not_allowed`, which says what the place takes and where that is done which
/// the caller may have meant.
pub fn check_method(place: &AdminPlace<'_>, method: &str) -> Result<(), Problem> {
    let allow = place.allow();
    if allow.split(", ").any(|allowed| allowed == method) {
        return Ok(());
    }
    let instead = instead(place, method);
    Err(Problem::method_not_allowed(allow).because(format!("{instead}This address takes {allow}.")))
}

const fn instead(place: &AdminPlace<'_>, method: &str) -> &'static str {
    match (place, method.as_bytes()) {
        (AdminPlace::Organizations, b"POST" | b"PUT") => {
            "An organization is created with `PUT /admin/v1/organizations/{organization}`, by the id that you give it. "
        }
        (AdminPlace::Organization(_), b"POST") => {
            "`PUT` creates or changes an organization, `PATCH` only changes one; keys are issued with `POST` at `/keys` below this address. "
        }
        (AdminPlace::Keys(_), b"PUT" | b"PATCH" | b"DELETE") => {
            "A key is changed with `PATCH` at its own address, `/keys/{key_id}`. "
        }
        (AdminPlace::Key(..), b"PUT" | b"POST") => "A key is changed with `PATCH`. ",
        (AdminPlace::Key(..), b"DELETE") => {
            "A key is never deleted: end it with `POST` at `/revoke` below this address. "
        }
        _ => "",
    }
}

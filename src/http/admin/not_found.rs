//! What there is none of: an organization or a key. Only for administrators who reach
//! the organization; to others the two are one.

use crate::http::place::AdminPlace;
use crate::http::problem::{Code, Problem};
use crate::key::{KeyId, OrganizationId};

/// Of an address whose organization cannot be.
pub(super) const NO_ORGANIZATION_ID: &str = "No organization has the id in this address: an id has 1 to 64 characters out of A-Z, a-z, 0-9, _ and -.";
/// Of an address whose key id cannot be. It is not quoted: it may be a whole key.
pub(super) const NO_KEY_ID: &str = "What stands for the key in this address is no key id: that is the part of a key before its dot, such as `kat_live_…`.";

/// `not_found`, as a registry says it of a command at this place.
#[must_use]
pub fn not_found(place: &AdminPlace<'_>, method: &str) -> Problem {
    let (_, organization, key) = place.parts();
    let problem = Problem::from(Code::NotFound);
    let Some(organization) = organization.and_then(OrganizationId::parse) else {
        return problem;
    };
    // What is kept of a deleted organization can be read.
    let deleted = if method == "GET" {
        ""
    } else {
        ", or it has been deleted and takes no changes"
    };
    let off = match place {
        AdminPlace::Export(_) | AdminPlace::Import(_) => {
            ", or the operator has not switched export and import on (`KEY_TRANSFER`)"
        }
        _ => "",
    };
    problem.because(match key.and_then(KeyId::parse) {
        Some(key) if key.public.organization_tag() != organization.tag() => format!(
            "The key is not one of `{organization}`: its id was given out by another organization. Check both ids in the address."
        ),
        Some(_) => format!("`{organization}` has no key with this id{deleted}."),
        None => format!("There is no organization `{organization}`{deleted}{off}."),
    })
}

//! Orders to a registry's object.

use wasm_bindgen::JsValue;

use crate::key::{OrganizationId, OrganizationTag};
use crate::registry::message::{Actor, Command, MESSAGE_VERSION, RegistryResponse, Reply, Request};
use crate::runtime::objects::{self, Address, Unanswered};
use crate::settings::bindings;

/// Asks the registry of this tag.
pub(crate) async fn ask(
    env: &JsValue,
    tag: OrganizationTag,
    request: &Request,
) -> Result<Reply, Unanswered> {
    let to = Address::of(bindings::REGISTRY, tag.as_str()).sheddable(request.is_sheddable());
    let response: RegistryResponse = objects::ask(env, to, request).await?;
    response.reply.ok_or(Unanswered::Unreachable)
}

/// A request on the control plane's own behalf.
pub(crate) fn by_system(command: Command, request_id: String) -> Request {
    Request {
        v: MESSAGE_VERSION,
        organization: None,
        actor: Actor::System,
        request_id,
        if_match: None,
        must_exist: false,
        idempotency: None,
        command,
    }
}

/// Tells the registry of an organization something on the control plane's own behalf.
pub(crate) async fn tell_organization(
    env: &JsValue,
    organization: &OrganizationId,
    command: Command,
) -> Result<Reply, Unanswered> {
    let request = Request {
        organization: Some(organization.clone()),
        ..by_system(command, String::new())
    };
    ask(env, organization.tag(), &request).await
}

/// The same to `_platform`'s registry.
pub(crate) async fn tell_platform(env: &JsValue, command: Command) -> Result<Reply, Unanswered> {
    tell_organization(env, &OrganizationId::platform(), command).await
}

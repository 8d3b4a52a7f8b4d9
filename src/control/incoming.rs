//! What only the control plane asks of a request.

use crate::http::{Code, Problem};
use crate::runtime::incoming::Incoming;

impl Incoming {
    /// The body, if it is JSON and of at most 64 KiB. What comes after is never held.
    pub(crate) async fn json_body(&self) -> Result<Vec<u8>, Problem> {
        let media_type = self.header("content-type").unwrap_or_default();
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        let takes = ["application/json", "application/merge-patch+json"];
        if !takes
            .iter()
            .any(|known| essence.eq_ignore_ascii_case(known))
        {
            return Err(Code::UnsupportedMediaType.into());
        }
        self.body().await
    }

    /// The same where there need be none: an empty body needs no media type.
    pub(crate) async fn json_body_or_empty(&self) -> Result<Vec<u8>, Problem> {
        if self.header("content-type").is_some() {
            return self.json_body().await;
        }
        match self.body().await? {
            body if body.is_empty() => Ok(body),
            _ => Err(Code::UnsupportedMediaType.into()),
        }
    }
}

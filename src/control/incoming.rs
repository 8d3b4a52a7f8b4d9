//! What only the control plane asks of a request.

use crate::http::{Code, Problem};
use crate::runtime::incoming::Incoming;

impl Incoming {
    /// That the body says it is JSON.
    pub(crate) fn is_json(&self) -> Result<(), Problem> {
        let media_type = self.header("content-type").unwrap_or_default();
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        let takes = ["application/json", "application/merge-patch+json"];
        if !takes
            .iter()
            .any(|known| essence.eq_ignore_ascii_case(known))
        {
            return Err(Code::UnsupportedMediaType.into());
        }
        Ok(())
    }

    /// The body, of at most 64 KiB, if it is JSON or empty: that needs no media type.
    pub(crate) async fn json_body_or_empty(&self) -> Result<Vec<u8>, Problem> {
        if self.header("content-type").is_some() {
            self.is_json()?;
            return self.body().await;
        }
        match self.body().await? {
            body if body.is_empty() => Ok(body),
            _ => Err(Code::UnsupportedMediaType.into()),
        }
    }
}

//! An answer as text between an object and a Worker, which passes it on unread.

use super::answer::{Answer, Body, NDJSON};

/// The header that carries the cursor after which a listing of lines has more. It is
/// for the Worker, not for the client.
pub const NEXT_LINES: &str = "katalo-next-lines";

/// Status, headers, body. As text: the status, a line for each header and an empty line,
/// then the body as it is.
///
/// ```text
/// 200
/// content-type: application/json
/// etag: "7"
///
/// {"key":…}
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HttpReply {
    /// HTTP status.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Empty where there is none.
    pub body: String,
}

impl HttpReply {
    /// As text. A header whose value has a line break is left out: the reader would
    /// take the rest for another header.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("{}\n", self.status);
        for (name, value) in &self.headers {
            if !value.contains(['\r', '\n']) {
                text.extend([name.as_str(), ": ", value.as_str(), "\n"]);
            }
        }
        text.push('\n');
        text.push_str(&self.body);
        text
    }

    /// Reads it back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (head, body) = text.split_once("\n\n")?;
        let mut lines = head.split('\n');
        let status = lines.next()?.parse().ok()?;
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(": ")?;
            Some((name.to_owned(), value.to_owned()))
        });
        Some(Self {
            status,
            headers: headers.collect::<Option<_>>()?,
            body: body.to_owned(),
        })
    }
}

impl From<Answer> for HttpReply {
    fn from(answer: Answer) -> Self {
        let (extra, body) = match answer.body {
            Body::Empty => (Vec::new(), String::new()),
            Body::Text(media_type, text) => (vec![("content-type", media_type.to_owned())], text),
            Body::Lines(text, next) => (
                vec![("content-type", NDJSON.to_owned()), (NEXT_LINES, next)],
                text,
            ),
        };
        let headers = extra.into_iter().chain(answer.headers);
        Self {
            status: answer.status,
            headers: headers
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            body,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::JSON;

    #[track_caller]
    fn pinned(answer: Answer, text: &str) {
        let reply = HttpReply::from(answer);
        assert_eq!(reply.to_text(), text);
        assert_eq!(HttpReply::parse(text), Some(reply));
    }

    #[test]
    fn is_written_so_and_read_back() {
        pinned(
            Answer::new(200, Body::Text(JSON, "{\"a\":\n\n1}".to_owned())).with("etag", "\"7\""),
            "200\ncontent-type: application/json\netag: \"7\"\n\n{\"a\":\n\n1}",
        );
        pinned(
            Answer::new(200, Body::Lines("{}\n{}\n".to_owned(), "200".to_owned())),
            "200\ncontent-type: application/x-ndjson\nkatalo-next-lines: 200\n\n{}\n{}\n",
        );
    }

    #[test]
    fn a_line_break_makes_no_header() {
        let answer = Answer::new(204, Body::Empty).with("etag", "x\nset-cookie: y");
        assert_eq!(HttpReply::from(answer).to_text(), "204\n\n");
        for bad in ["", "200", "ok\n\n", "200\netag\n\n"] {
            assert_eq!(HttpReply::parse(bad), None, "{bad:?}");
        }
    }
}

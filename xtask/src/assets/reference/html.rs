//! Text as HTML.

use katalo_keys::http::Code;
use pulldown_cmark::{CowStr, Event, Parser, Tag, TagEnd};
use std::collections::BTreeSet;

/// The codes of problems, which have a page each.
pub(super) struct Problems(BTreeSet<&'static str>);

impl Default for Problems {
    fn default() -> Self {
        Self(Code::all().map(Code::as_str).collect())
    }
}

/// Text as it stands in HTML, in attributes too.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// Markdown as HTML. Markup in it is text: descriptions of scopes are the operator's.
/// Pictures are their words, and the code of a problem leads to its page.
pub(super) fn prose(text: &str, problems: &Problems) -> String {
    let events = Parser::new(text).filter_map(|event| match event {
        Event::Html(html) | Event::InlineHtml(html) => Some(Event::Text(html)),
        Event::Start(Tag::Image { .. }) | Event::End(TagEnd::Image) => None,
        Event::Code(code) if problems.0.contains(&*code) => {
            let link = format!("<a href=\"/problems/{code}\"><code>{code}</code></a>");
            Some(Event::InlineHtml(CowStr::from(link)))
        }
        event => Some(event),
    });
    let mut html = String::new();
    pulldown_cmark::html::push_html(&mut html, events);
    html
}

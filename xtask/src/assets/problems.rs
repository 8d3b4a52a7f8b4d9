//! `/problems/<code>`: a page for every problem that the Worker can answer with,
//! from the crate's own table, so that none can be missing.

use super::reference::escaped;
use anyhow::Result;
use katalo_keys::http::Code;
use std::{fmt::Write as _, fs, path::Path};

/// What every page may do: nothing but its own style.
pub(super) const POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'";

const STYLE: &str = "\
:root { color-scheme: light dark; font: 1rem/1.6 system-ui, sans-serif }
body { max-width: 42rem; margin: 4rem auto; padding: 0 1.25rem }
h1 { font-size: 1.75rem; line-height: 1.25 }
code { font-family: ui-monospace, monospace }
dt { font-weight: 600 } dd { margin: 0 0 1rem }
";

/// Lays the pages out in `folder`.
pub(super) fn run(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("style.css"), STYLE)?;
    let mut list = String::new();
    for code in Code::all() {
        let name = code.as_str();
        let _ = writeln!(
            list,
            "<dt><a href=\"{name}\"><code>{name}</code></a> · {}</dt><dd>{}</dd>",
            code.status(),
            shown(code.title())
        );
        fs::write(folder.join(format!("{name}.html")), page_of(code))?;
    }
    let index = page("Problems", &format!("<h1>Problems</h1>\n<dl>\n{list}</dl>"));
    fs::write(folder.join("index.html"), index)?;
    Ok(())
}

fn page_of(code: Code) -> String {
    let body = format!(
        "<h1>{title}</h1>\n<p>{advice}</p>\n<dl>\n\
         <dt>HTTP status</dt><dd>{status}</dd>\n\
         <dt><code>code</code></dt><dd><code>{name}</code></dd>\n</dl>\n\
         <p>The answer is a problem document (RFC 9457). Its <code>detail</code> says what was \
         wrong with this very request; quote its <code>request_id</code> when you ask for help. \
         Never send a key along.</p>\n<p><a href=\"./\">All problems</a></p>",
        title = shown(code.title()),
        advice = shown(code.advice()),
        status = code.status(),
        name = code.as_str(),
    );
    page(code.title(), &body)
}

fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{} · Katalo keys</title>\n\
         <link rel=\"stylesheet\" href=\"/problems/style.css\">\n<main>\n{body}\n</main>\n</html>\n",
        shown(title)
    )
}

/// Text as it stands in HTML; what is between backticks is code.
fn shown(text: &str) -> String {
    escaped(text)
        .split('`')
        .enumerate()
        .map(|(place, part)| match place % 2 {
            0 => part.to_owned(),
            _ => format!("<code>{part}</code>"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_page() {
        let folder = std::env::temp_dir().join(format!("katalo-problems-{}", std::process::id()));
        run(&folder).unwrap();
        for code in Code::all() {
            let page = fs::read_to_string(folder.join(format!("{}.html", code.as_str()))).unwrap();
            assert!(page.contains(&shown(code.title())) && page.contains(&shown(code.advice())));
        }
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(shown("a <b> `c`"), "a &lt;b&gt; <code>c</code>");
    }
}

//! That what an operator copies from here is safe as it stands.
#![allow(missing_docs, reason = "tests")]

use katalo_keys::http::{IDENTITY, OVERRIDES};

const NGINX: &str = include_str!("../docs/integrations/nginx.conf");
const CADDY: &str = include_str!("../docs/integrations/caddy/Caddyfile");
const TRAEFIK: &str = include_str!("../docs/integrations/traefik.md");
const ENVOY: &str = include_str!("../docs/integrations/envoy.md");
const WRANGLER: &str = include_str!("../wrangler.toml");

/// The lines without spaces around and within, in lower case.
fn lines(text: &str) -> Vec<String> {
    text.lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .map(|line| line.to_ascii_lowercase())
        .collect()
}

#[track_caller]
fn says(lines: &[String], expected: &str) {
    assert!(lines.iter().any(|line| line == expected), "{expected}");
}

#[test]
fn every_example_drops_what_would_change_what_was_checked() {
    let (nginx, traefik, envoy) = (lines(NGINX), lines(TRAEFIK), lines(ENVOY));
    let caddy: Vec<String> = lines(CADDY)
        .iter()
        .filter_map(|line| line.strip_prefix("request_header -").map(str::to_owned))
        .collect();
    for name in OVERRIDES.iter().chain(&["proxy"]) {
        says(&nginx, &format!("proxy_set_header {name} \"\";"));
        says(&traefik, &format!("{name}: \"\""));
        says(&envoy, &format!("- remove: {name}"));
        let is_dropped = |pattern: &String| match pattern.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => pattern == name,
        };
        assert!(caddy.iter().any(is_dropped), "Caddyfile: {name}");
    }
    // Other spellings of all of them.
    says(&nginx, "underscores_in_headers off;");
    says(&nginx, "ignore_invalid_headers on;");
    assert!(
        ["*_*", "*.*"]
            .iter()
            .all(|other| caddy.contains(&(*other).to_owned()))
    );
    says(&envoy, "headers_with_underscores_action: reject_request");
    // One path for the check and the API.
    says(&nginx, "merge_slashes off;");
    says(&envoy, "path_with_escaped_slashes_action: reject_request");
}

#[test]
fn every_example_hands_the_identity_on() {
    for name in IDENTITY {
        for (program, text) in [("nginx", NGINX), ("Caddy", CADDY), ("Traefik", TRAEFIK)] {
            let text = text.to_ascii_lowercase();
            assert!(text.contains(name), "{program}: {name}");
        }
    }
    says(&lines(ENVOY), "- prefix: katalo-");
}

/// A host at workers.dev, and one for each version, would be outside the zone, its
/// firewall and its limits.
#[test]
fn there_is_no_second_host() {
    says(&lines(WRANGLER), "workers_dev = false");
    says(&lines(WRANGLER), "preview_urls = false");
}

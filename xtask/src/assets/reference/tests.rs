use super::{example::sample, *};
use crate::assets::openapi;
use crate::settings;
use serde_json::json;
use std::collections::BTreeSet;
use std::path::Path;

fn document() -> Value {
    let file = std::env::temp_dir().join(format!("katalo-reference-{}.json", std::process::id()));
    let loaded = settings::load(Some(Path::new(settings::EXAMPLE))).unwrap();
    let document = openapi::run(&file, &loaded.checked.settings).unwrap();
    std::fs::remove_file(&file).unwrap();
    document
}

fn operations(document: &Value) -> impl Iterator<Item = (&String, &String, &Value)> {
    members(document, "paths").flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter();
        methods.map(move |(method, operation)| (path, method, operation))
    })
}

/// What stands behind each occurrence of `before`, up to the next quote.
fn quoted<'a>(page: &'a str, before: &str) -> Vec<&'a str> {
    let parts = page.split(before).skip(1);
    parts.filter_map(|part| part.split('"').next()).collect()
}

#[test]
fn everything_is_there_and_every_link_leads_somewhere() {
    let document = document();
    let page = page(&document).unwrap();
    for (path, method, operation) in operations(&document) {
        let id = text(operation, "operationId");
        let method = method.to_ascii_uppercase();
        assert!(
            page.contains(&format!("id=\"{id}\">{method}</code>")),
            "{id}"
        );
        assert!(page.contains(&format!("<code>{path}</code>")), "{path}");
        assert!(page.contains(&escaped(text(operation, "summary"))), "{id}");
    }
    let listed = quoted(&page, " id=\"");
    let ids: BTreeSet<&str> = listed.iter().copied().collect();
    assert_eq!(ids.len(), listed.len(), "an id is there twice");
    for (name, _) in members(&document["components"], "schemas") {
        assert!(ids.contains(format!("schema-{name}").as_str()), "{name}");
    }
    for target in quoted(&page, "href=\"#") {
        assert!(ids.contains(target), "nothing is called {target}");
    }
}

#[test]
fn the_policy_forbids_nothing_that_is_on_the_page() {
    let page = page(&document()).unwrap();
    for forbidden in ["<style", " style=", " on", "javascript:", "http-equiv"] {
        let tags = page
            .split('<')
            .skip(1)
            .filter_map(|part| part.split('>').next());
        let found = tags
            .map(|tag| format!("<{tag}"))
            .find(|tag| tag.contains(forbidden));
        assert_eq!(found, None);
    }
    assert_eq!(page.matches("<script").count(), 1);
    for file in quoted(&page, "src=\"") {
        assert!(
            ["/dashboard/icon.svg", "reference.js"].contains(&file),
            "{file}"
        );
    }
}

#[test]
fn every_example_is_one_that_the_api_takes() {
    let document = document();
    let of = Document {
        whole: &document,
        problems: Problems::default(),
    };
    let mut bodies = 0;
    for (path, method, operation) in operations(&document) {
        let Some(body) = operation.get("requestBody") else {
            continue;
        };
        for (_, content) in members(body, "content") {
            let mut schema = content["schema"].clone();
            let value = sample(&of, &content["schema"]);
            schema["components"] = document["components"].clone();
            let errors = jsonschema::validator_for(&schema).unwrap();
            // An ellipsis stands for what only the service can make.
            let errors: Vec<String> = errors
                .iter_errors(&value)
                .map(|error| error.to_string())
                .filter(|error| !error.starts_with("\"…\""))
                .collect();
            assert!(errors.is_empty(), "{method} {path}: {value}: {errors:?}");
            bodies += 1;
        }
    }
    assert!(bodies > 10);
}

#[test]
fn markup_in_a_description_is_text() {
    let mut document = document();
    let evil = "<img src=x onerror=alert(1)> ![x](https://evil.example/x.png) `not_found`";
    document["info"]["description"] = json!(evil);
    let page = page(&document).unwrap();
    assert!(page.contains("&lt;img src=x onerror=alert(1)&gt; x <a href=\"/problems/not_found\">"));
    assert!(!page.contains("evil.example"));
}

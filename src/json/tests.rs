use super::*;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    name: String,
    #[serde(default)]
    items: Vec<Item>,
    note: Option<String>,
    #[serde(default)]
    counts: BTreeMap<String, i32>,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Item {
    Nothing,
    Count(u8),
    Pair(i64, bool),
    Part { size: f64, of: Option<Box<Item>> },
}

fn error(text: &str) -> (String, String) {
    let error = from_str::<Order>(text).unwrap_err();
    (error.path(), error.message().to_owned())
}

#[test]
fn a_mistake_is_shown_where_it_is() {
    for (text, path, message) in [
        (r#"{"name":7}"#, "name", "expected a string, not a number"),
        (
            r#"{"name":"a","items":[{"count":1},{"count":"x"}]}"#,
            "items[1]",
            "expected a whole number from 0 to 255, not a string",
        ),
        (
            r#"{"name":"a","items":[{"count":256}]}"#,
            "items[0]",
            "expected a whole number from 0 to 255",
        ),
        (
            r#"{"name":"a","items":[{"part":{"size":1,"of":{"part":{"size":"x"}}}}]}"#,
            "items[0].of.size",
            "expected a number, not a string",
        ),
        (
            r#"{"name":"a","counts":{"b":true}}"#,
            "counts.b",
            "expected a whole number, not a boolean",
        ),
        (r#"{"note":"a"}"#, "name", "the member `name` is missing"),
        (
            r#"{"name":"a","name":"b"}"#,
            "name",
            "the member `name` is there twice",
        ),
        (
            r#"{"name":"a","more":1}"#,
            "more",
            "there is no member `more`, only `name`, `items`, `note`, `counts`",
        ),
        (
            r#"{"name":"a","items":["none"]}"#,
            "items[0]",
            "expected one of `nothing`, `count`, `pair`, `part`",
        ),
        (
            r#"{"name":"a","items":[7]}"#,
            "items[0]",
            "expected one of `nothing`, `count`, `pair`, `part`, not a number",
        ),
        (r#"{"name":"a""#, "", "this is no JSON (line 1, column 11)"),
        ("{\n'name'", "", "this is no JSON (line 2, column 1)"),
    ] {
        assert_eq!(error(text), (path.to_owned(), message.to_owned()), "{text}");
    }
    let second = from_str::<Vec<u8>>("[1,-2]").unwrap_err();
    assert_eq!(second.item(), Some(1));
    assert_eq!(from_str::<Vec<u8>>("1").unwrap_err().item(), None);
    let odd = from_str::<BTreeMap<String, u8>>(r#"{"a/b~c":-1}"#).unwrap_err();
    assert_eq!(
        (odd.pointer(), odd.path()),
        ("/a~1b~0c", "a/b~c".to_owned())
    );
}

#[test]
fn an_object_is_not_read_from_a_list() {
    for text in [
        r#"["a",[],null,{}]"#,
        r#"{"name":"a","items":[{"part":[1.5,null]}]}"#,
        r#"{"name":"a","items":[{"nothing":null}]}"#,
        r#"{"name":"a","items":[{"count":1,"pair":[1,true]}]}"#,
        r#"{"name":"a","items":[{}]}"#,
    ] {
        assert!(from_str::<Order>(text).is_err(), "{text}");
    }
}

#[test]
fn what_is_no_json_is_refused() {
    for text in [
        "",
        "{",
        "{}{}",
        "{\"a\":}",
        "[1,]",
        "nul",
        "\u{feff}null",
        "{1:2}",
    ] {
        assert!(from_str::<Value>(text).is_err(), "{text}");
    }
    assert!(from_slice::<Value>(b"\"\xff\"").is_err());
    let deep = "[".repeat(129) + &"]".repeat(129);
    assert!(from_str::<Value>(&deep).is_err());
}

#[test]
fn a_word_is_a_variant() {
    assert_eq!(from_word::<Item>("nothing").unwrap(), Item::Nothing);
    assert!(from_word::<Item>("count").is_err());
    assert!(from_word::<Item>("none").is_err());
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e9..1e9f64).prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(".{0,4}", inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn items() -> impl Strategy<Value = Item> {
    let leaf = prop_oneof![
        Just(Item::Nothing),
        any::<u8>().prop_map(Item::Count),
        (any::<i64>(), any::<bool>()).prop_map(|(number, flag)| Item::Pair(number, flag)),
    ];
    leaf.prop_recursive(3, 8, 1, |inner| {
        (
            any::<i32>().prop_map(|number| f64::from(number) / 4.0),
            prop::option::of(inner.prop_map(Box::new)),
        )
            .prop_map(|(size, of)| Item::Part { size, of })
    })
}

proptest! {
    /// Any value is read as serde_json itself reads it.
    #[test]
    fn every_value_is_read(value in values(), pretty: bool) {
        let text = if pretty { format!("{value:#}") } else { value.to_string() };
        prop_assert_eq!(from_str::<Value>(&text).unwrap(), serde_json::from_str::<Value>(&text).unwrap());
    }

    /// What serde_json writes of a type is read back.
    #[test]
    fn every_type_is_read_back(
        name in ".{0,8}",
        items in prop::collection::vec(items(), 0..4),
        note in prop::option::of(".{0,8}"),
        counts in prop::collection::btree_map(".{0,4}", any::<i32>(), 0..4),
    ) {
        let order = Order { name, items, note, counts };
        let text = serde_json::to_string(&order).unwrap();
        prop_assert_eq!(from_str::<Order>(&text).unwrap(), order);
    }

    /// A type takes what serde_json takes, but for lists in the place of objects.
    #[test]
    fn whatever_is_taken_is_the_same(value in values(), member in prop::sample::select(vec!["name", "items", "note", "counts"])) {
        let mut order = json!({ "name": "a" });
        order[member] = value;
        let text = order.to_string();
        let ours = from_str::<Order>(&text).ok();
        if ours.is_some() {
            prop_assert_eq!(ours, serde_json::from_str(&text).ok());
        }
    }
}

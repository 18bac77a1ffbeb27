//! Tests of reading typed requests.

use serde::Deserialize;

use super::*;

#[derive(Debug, PartialEq, Deserialize)]
struct Order {
    items: Vec<Item>,
    #[serde(default)]
    urgent: bool,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Item {
    count: u32,
}

fn refused(json: &str) -> String {
    let status = from_json::<Order>(json.as_bytes()).unwrap_err();
    assert_eq!(status.code(), crate::Code::InvalidArgument);
    assert!(!status.is_retryable());
    status.message().to_owned()
}

#[test]
fn what_fits_is_read() {
    let order = from_json::<Order>(br#" {"items": [{"count": 2}]} "#).unwrap();
    assert_eq!(order, Order { items: vec![Item { count: 2 }], urgent: false });
}

#[test]
fn the_field_that_does_not_fit_is_named_with_its_path() {
    let cases = [
        (r#"{"items": [{"count": 1}, {"count": "two"}]}"#, "items[1].count"),
        (r#"{"items": [{"count": -1}]}"#, "items[0].count"),
        (r#"{"items": [], "urgent": 1}"#, "urgent"),
        (r#"{"items": 3}"#, "items"),
    ];
    for (json, path) in cases {
        let message = refused(json);
        assert!(message.contains(&format!("`{path}`")), "{message}");
    }
}

#[test]
fn a_field_that_is_missing_is_named_with_where_it_belongs() {
    let message = refused("{}");
    assert!(message.contains("`items`"), "{message}");
    let message = refused(r#"{"items": [{}]}"#);
    assert!(message.contains("items[0]") && message.contains("`count`"), "{message}");
}

#[test]
fn what_is_no_json_or_goes_on_too_long_is_refused() {
    for json in ["", "null", "[", "{\"items\": [", "\u{0}", "nonsense"] {
        refused(json);
    }
    let message = refused(r#"{"items": []} {"items": []}"#);
    assert!(message.contains("does not end"), "{message}");
    from_json::<Order>(&[0xff, 0xfe]).unwrap_err();
}

#[test]
fn deep_nesting_is_refused_rather_than_followed() {
    let deep = "[".repeat(100_000);
    assert_eq!(from_json::<serde_json::Value>(deep.as_bytes()).unwrap_err().code(), crate::Code::InvalidArgument);
}

#[test]
fn no_body_stands_for_null() {
    from_json::<()>(b"").unwrap();
    assert_eq!(from_json::<Option<Order>>(b"").unwrap(), None);
}

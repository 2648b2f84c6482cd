//! The checked-in JSON Schema is that of the code, and reports are as it says.

mod common;

use common::{ten_tokens, two_blocks};
use seamount_report::Report;
use serde_json::{Map, Value, json};

const SCHEMA: &str = include_str!("../../../docs/report.schema.json");

/// What of `value` is not as `schema`, a part of `root`, says. Knows the keywords that the file uses, and no other.
fn errors(root: &Value, schema: &Value, value: &Value, path: &str) -> Vec<String> {
    let Value::Object(schema) = schema else {
        assert_eq!(schema, &json!(true), "a schema at {path}");
        return Vec::new();
    };
    schema.iter().flat_map(|(keyword, says)| keyword_errors(root, schema, keyword, says, value, path)).collect()
}

fn keyword_errors(
    root: &Value,
    schema: &Map<String, Value>,
    keyword: &str,
    says: &Value,
    value: &Value,
    path: &str,
) -> Vec<String> {
    let at = |part: &dyn std::fmt::Display| format!("{path}/{part}");
    let unless = |holds: bool| if holds { Vec::new() } else { vec![format!("{path}: {keyword} {says}: {value}")] };
    match keyword {
        "$schema" | "$defs" | "title" | "description" | "format" => Vec::new(),
        "$ref" => {
            let pointer = says.as_str().and_then(|says| says.strip_prefix('#')).expect("a reference into the file");
            errors(root, root.pointer(pointer).expect("a definition"), value, path)
        }
        "type" => {
            let is = |word: &Value| match word.as_str().expect("a type's name") {
                "object" => value.is_object(),
                "array" => value.is_array(),
                "string" => value.is_string(),
                "integer" => value.is_u64() || value.is_i64(),
                "number" => value.is_number(),
                "null" => value.is_null(),
                other => panic!("type {other} at {path}"),
            };
            unless(says.as_array().map_or_else(|| is(says), |words| words.iter().any(is)))
        }
        "properties" => {
            let Value::Object(fields) = value else { return Vec::new() };
            let known = |(name, part): (&String, &Value)| {
                says.get(name).map(|says| errors(root, says, part, &at(name))).unwrap_or_default()
            };
            let unknown =
                fields.keys().filter(|name| says.get(*name).is_none() && !schema.contains_key("additionalProperties"));
            let unknown: Vec<_> = unknown.map(|name| format!("{}: not described", at(name))).collect();
            fields.iter().flat_map(known).chain(unknown).collect()
        }
        "additionalProperties" => {
            let Value::Object(fields) = value else { return Vec::new() };
            fields.iter().flat_map(|(name, part)| errors(root, says, part, &at(name))).collect()
        }
        "required" => unless(
            says.as_array()
                .expect("names")
                .iter()
                .all(|name| value.as_object().is_none_or(|fields| fields.contains_key(name.as_str().expect("a name")))),
        ),
        "items" => {
            let items = value.as_array().into_iter().flatten().enumerate();
            items.flat_map(|(nth, item)| errors(root, says, item, &at(&nth))).collect()
        }
        "prefixItems" => {
            let parts = says.as_array().expect("schemas").iter().zip(value.as_array().into_iter().flatten());
            parts.enumerate().flat_map(|(nth, (says, item))| errors(root, says, item, &at(&nth))).collect()
        }
        "minItems" | "maxItems" => {
            let n = value.as_array().map(|items| items.len() as u64);
            let says = says.as_u64();
            unless(n.is_none() || if keyword == "minItems" { n >= says } else { n <= says })
        }
        "minimum" => unless(value.as_f64() >= says.as_f64() || !value.is_number()),
        "maximum" => unless(value.as_f64() <= says.as_f64() || !value.is_number()),
        "const" => unless(value == says),
        "enum" => unless(says.as_array().expect("values").contains(value)),
        "anyOf" | "oneOf" => {
            let n = says
                .as_array()
                .expect("schemas")
                .iter()
                .filter(|says| errors(root, says, value, path).is_empty())
                .count();
            unless(if keyword == "oneOf" { n == 1 } else { n > 0 })
        }
        other => panic!("{other} at {path}: this test does not know what it says"),
    }
}

#[test]
fn the_file_has_the_schema_of_the_code() {
    let of_code = serde_json::to_string_pretty(&Report::json_schema()).unwrap() + "\n";
    assert!(SCHEMA == of_code, "write it anew: cargo run -- report --schema > docs/report.schema.json");
}

#[test]
fn reports_are_valid_and_other_things_are_not() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let program = two_blocks();
    let bare = serde_json::to_value(Report::of(&program)).unwrap();
    let report = Report::of(&program).with_file_bytes(1).with_activity(ten_tokens(&program));
    let full = serde_json::to_value(report).unwrap();
    for report in [&bare, &full] {
        assert_eq!(errors(&schema, &schema, report, ""), Vec::<String>::new());
    }
    let mut negative = full.clone();
    negative["cores"][0]["chip"] = json!(-1);
    let mut word = full.clone();
    word["limits"][0]["resource"] = json!("love");
    let mut missing = full.clone();
    missing.as_object_mut().unwrap().remove("chips");
    let mut more = full;
    more["arch"]["altitude"] = json!(1);
    for (broken, at) in
        [(negative, "/cores/0/chip"), (word, "/limits/0/resource"), (missing, ": required"), (more, "/arch/altitude")]
    {
        let found = errors(&schema, &schema, &broken, "");
        assert!(!found.is_empty() && found.iter().all(|error| error.starts_with(at)), "{at}: {found:?}");
    }
}

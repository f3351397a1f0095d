#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::*;
use proptest::prelude::*;

fn canonical(text: &str) -> String {
    let mut out = String::new();
    write_canonical(&parse(text).unwrap(), &mut out);
    out
}

#[test]
fn reads_every_kind_of_value() {
    let object =
        parse(r#" {"a":null,"b":[true,false],"c":-1.50e+3,"d":"x\n\u00e9\ud83d\ude00","e":{}} "#)
            .unwrap();
    assert_eq!(object.get("a"), Some(&Value::Null));
    assert_eq!(
        object.elements("b"),
        [Value::Bool(true), Value::Bool(false)]
    );
    assert_eq!(object.get("c"), Some(&Value::Number("-1.50e+3")));
    assert_eq!(object.str("d"), Some("x\né😀"));
    assert_eq!(object.object("e").unwrap().text(), "{}");
}

#[test]
fn an_object_remembers_its_exact_text() {
    let object = parse("{\"resource\" : { \"v\" : 5.0 }\n}").unwrap();
    assert_eq!(object.object("resource").unwrap().text(), "{ \"v\" : 5.0 }");
}

#[test]
fn paths_go_through_the_first_element() {
    let object = parse(r#"{"a":[{"b":{"c":["x","y"]}},{"b":{"c":"z"}}]}"#).unwrap();
    assert_eq!(object.at("a.b.c").unwrap().as_str(), Some("x"));
    assert_eq!(object.at("a.c"), None);
}

#[test]
fn refuses_what_is_not_json() {
    let bad = [
        "",
        "{",
        "}",
        "{}}",
        "{} {}",
        "{a:1}",
        "{'a':1}",
        "{\"a\":1,}",
        "{\"a\" 1}",
        "{\"a\":[1,]}",
        "{\"a\":01}",
        "{\"a\":1.}",
        "{\"a\":.5}",
        "{\"a\":+1}",
        "{\"a\":1e}",
        "{\"a\":-}",
        "{\"a\":NaN}",
        "{\"a\":tru}",
        "{\"a\":\"\n\"}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u12\"}",
        "{\"a\":\"\\u+123\"}",
        "{\"a\":\"b}",
        "{\"a\":}",
        "{,}",
        "[1,2",
    ];
    for text in bad {
        assert_eq!(parse(text).unwrap_err(), MALFORMED, "{text}");
    }
    assert_eq!(parse("[1]").unwrap_err(), NOT_AN_OBJECT);
    assert_eq!(parse("5").unwrap_err(), NOT_AN_OBJECT);
}

#[test]
fn refuses_half_characters_and_equal_names() {
    for text in [
        r#"{"a":"\ud800"}"#,
        r#"{"a":"\udc00"}"#,
        r#"{"a":"\ud800\u0041"}"#,
        r#"{"a":"\ud800x"}"#,
    ] {
        assert_eq!(parse(text).unwrap_err(), LONE_SURROGATE, "{text}");
    }
    assert_eq!(
        parse(r#"{"a":{"b":1,"\u0062":2}}"#).unwrap_err(),
        DUPLICATE_KEY
    );
    let many: String = (0..40).map(|n| format!("\"k{n}\":0,")).collect();
    assert!(parse(&format!("{{{many}\"z\":0}}")).is_ok());
    assert_eq!(
        parse(&format!("{{{many}\"k7\":0}}")).unwrap_err(),
        DUPLICATE_KEY
    );
}

#[test]
fn limits_hold_at_their_edge() {
    let nested = |depth: usize| {
        format!(
            "{{\"a\":{}{}}}",
            "[".repeat(depth - 1),
            "]".repeat(depth - 1)
        )
    };
    assert!(parse(&nested(64)).is_ok());
    assert_eq!(parse(&nested(65)).unwrap_err(), TOO_DEEP);
    assert_eq!(parse(&nested(1_000_000)).unwrap_err(), TOO_DEEP);

    let number = |length: usize| format!("{{\"a\":{}}}", "7".repeat(length));
    assert!(parse(&number(64)).is_ok());
    assert_eq!(parse(&number(65)).unwrap_err(), NUMBER_TOO_LONG);
    assert_eq!(parse(&number(1_000_000)).unwrap_err(), NUMBER_TOO_LONG);

    let values = |count: usize| format!("{{\"a\":[{}0]}}", "0,".repeat(count - 3));
    assert!(parse(&values(200_000)).is_ok());
    assert_eq!(parse(&values(200_001)).unwrap_err(), TOO_MANY_VALUES);

    let long = |length: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(length - 8));
    assert!(parse(&long(MAX_TEXT)).is_ok());
    assert_eq!(parse(&long(MAX_TEXT + 1)).unwrap_err(), TOO_LONG);
}

#[test]
fn a_part_is_held_to_the_limits_it_will_meet_alone() {
    let wide = Limits {
        depth: 80,
        nodes: 400_000,
    };
    let inside = |depth: usize| {
        format!(
            "{{\"r\":{{\"a\":{}{}}}}}",
            "[".repeat(depth - 1),
            "]".repeat(depth - 1)
        )
    };
    for (depth, expected) in [(64, Ok(())), (65, Err(TOO_DEEP))] {
        let text = inside(depth);
        let outer = parse_within(&text, wide).unwrap();
        let part = outer.object("r").unwrap();
        assert_eq!(part.check(Limits::RESOURCE), expected);
        assert_eq!(parse(part.text()).map(|_| ()), expected);
    }
}

#[test]
fn the_private_number_key_of_serde_json_is_a_member_like_any_other() {
    let object = parse(r#"{"a":{"$serde_json::private::Number":"5"}}"#).unwrap();
    assert_eq!(
        object
            .object("a")
            .unwrap()
            .str("$serde_json::private::Number"),
        Some("5")
    );
    assert_ne!(
        canonical(r#"{"a":{"$serde_json::private::Number":"5"}}"#),
        canonical(r#"{"a":5}"#)
    );
}

#[test]
fn the_canonical_form_is_blind_to_order_space_and_escapes_but_not_to_decimals() {
    assert_eq!(
        canonical("{ \"b\" : 1 , \"a\" : \"\\u00e9\\/\" }"),
        "{\"a\":\"é/\",\"b\":1}"
    );
    assert_ne!(canonical("{\"a\":5.0}"), canonical("{\"a\":5}"));
    assert_eq!(
        canonical(r#"{"a":"\u0000\u001F\"\\\n"}"#),
        r#"{"a":"\u0000\u001f\"\\\u000a"}"#
    );
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::btree_map("[a-c\u{e9}\"]{0,3}", inner, 0..6)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn the_canonical_form_means_the_same_and_is_a_fixed_point(value in any_json()) {
        let text = serde_json::json!({ "v": value }).to_string();
        let first = canonical(&text);
        prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&first).unwrap(), serde_json::from_str::<serde_json::Value>(&text).unwrap());
        prop_assert_eq!(canonical(&first), first);
    }

    #[test]
    fn accepts_nothing_that_serde_json_refuses(text in "[\\{\\}\\[\\]\":,0-9eE.+ \\-a\\\\untrlsfd8]{0,24}") {
        let text = format!("{{\"a\":{text}}}");
        let theirs = serde_json::from_str::<serde_json::Value>(&text);
        match parse(&text) {
            Ok(_) => prop_assert!(theirs.is_ok()),
            Err(MALFORMED) => prop_assert!(theirs.is_err()),
            Err(_) => (),
        }
    }

    #[test]
    fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&String::from_utf8_lossy(&bytes));
    }
}

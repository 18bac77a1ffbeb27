//! Patterns of names.

use crate::services::{NamePattern, PatternError};

fn matching(pattern: &str) -> Vec<&'static str> {
    let pattern: NamePattern = pattern.parse().unwrap();
    assert_eq!(pattern.to_string().parse(), Ok(pattern.clone()));
    let names = ["math", "math.calc", "math.calc.fast", "math.geo", "maths.calc", "system"];
    names.into_iter().filter(|name| pattern.matches(&name.parse().unwrap())).collect()
}

#[test]
fn a_star_is_one_label_and_an_angle_the_rest() {
    assert_eq!(matching("math.calc"), ["math.calc"]);
    assert_eq!(matching("math.*"), ["math.calc", "math.geo"]);
    assert_eq!(matching("*.calc"), ["math.calc", "maths.calc"]);
    assert_eq!(matching("math.*.fast"), ["math.calc.fast"]);
    assert_eq!(matching("math.>"), ["math.calc", "math.calc.fast", "math.geo"]);
    assert_eq!(matching("*.>"), ["math.calc", "math.calc.fast", "math.geo", "maths.calc"]);
    assert_eq!(matching("*"), ["math", "system"]);
    assert_eq!(matching(">").len(), 6);
    assert_eq!(NamePattern::all(), ">".parse().unwrap());
}

#[test]
fn what_is_no_pattern_is_refused_with_the_way_out() {
    let long = "a".repeat(129);
    for text in ["", ".", "math.", "Math.*", "ma*", "math.c*c", "math.**", "math calc", "math.calc@1", &long] {
        let error = text.parse::<NamePattern>().unwrap_err();
        assert!(matches!(error, PatternError::Label { .. }), "{text}: {error}");
        assert!(error.to_string().contains("math.*"), "{error}");
    }
    for text in [">.calc", "math.>.fast"] {
        let error = text.parse::<NamePattern>().unwrap_err();
        assert_eq!(error, PatternError::RestInside { pattern: text.to_owned() });
        assert!(error.to_string().contains("'math.>'"), "{error}");
    }
}

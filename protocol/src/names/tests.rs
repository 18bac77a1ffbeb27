//! Names are parsed once, shown as they were typed, and nothing else gets in.

use proptest::prelude::*;
use serde::de::value::{Error, StrDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer};

use super::*;
use crate::{codec, strategies};

fn refused<T: FromStr<Err = NameError> + fmt::Debug>(text: &str) -> String {
    text.parse::<T>().expect_err(text).to_string()
}

fn query(text: &str) -> ServiceQuery {
    text.parse().unwrap()
}

fn matches(text: &str, version: &str) -> bool {
    query(text).matches(&"math.calc".parse().unwrap(), &parse_version(version).unwrap())
}

/// As text for people and as bytes on the wire.
fn reads_both_ways<T: DeserializeOwned>(text: &str) -> [bool; 2] {
    let people: StrDeserializer<'_, Error> = text.into_deserializer();
    [T::deserialize(people).is_ok(), codec::decode::<T>(&codec::encode(&text).unwrap(), 1000).is_ok()]
}

#[test]
fn network_names() {
    for good in ["main", "a", "0", "my-net-2", &"x".repeat(32)] {
        assert_eq!(good.parse::<NetworkName>().unwrap().as_str(), good);
    }
    for bad in ["", "-a", "a-", "Main", "a.b", "a/b", "a b", "é", &"x".repeat(33)] {
        let rule = "use 1 to 32 characters of a-z, 0-9 and inner hyphens, such as main";
        assert_eq!(refused::<NetworkName>(bad), format!("{bad:?} is not a network name: {rule}"));
    }
    assert_eq!(NetworkName::main(), "main".parse().unwrap());
}

#[test]
fn service_names() {
    let longest = ["x".repeat(63), "y".repeat(64)].join(".");
    for good in ["math.calc", "a", "a.b.c.d", "photos-2", &longest] {
        assert_eq!(good.parse::<ServiceName>().unwrap().as_str(), good);
    }
    for bad in ["", ".", "a.", ".a", "a..b", "a.-b", "a-.b", "A", "a_b", "a/b", "a@1", "é", &(longest + "y")] {
        assert!(refused::<ServiceName>(bad).starts_with(&format!("{bad:?} is not a service name: use labels of a-z")));
    }
}

#[test]
fn method_names() {
    for good in ["add", "Add", "_x", "-", "a.b", "get_2", &"x".repeat(64)] {
        assert_eq!(good.parse::<MethodName>().unwrap().as_str(), good);
    }
    for bad in ["", ".", "..", ".hidden", "a/b", "a b", "a%", "é", "a\n", &"x".repeat(65)] {
        assert!(refused::<MethodName>(bad).starts_with(&format!("{bad:?} is not a method name: use 1 to 64")));
    }
}

#[test]
fn topic_names() {
    let longest = ["x".repeat(63), "y".repeat(64)].join("/");
    for good in ["rooms/lobby", "a", "math.calc/results", "a.b/c-d.0", &longest] {
        assert_eq!(good.parse::<TopicName>().unwrap().as_str(), good);
        assert_eq!(reads_both_ways::<TopicName>(good), [true, true]);
    }
    for bad in ["", "/", "a/", "/a", "a//b", "a./b", "A", "a_b", "a b", "*", "a/>", "é", &(longest + "y")] {
        assert!(refused::<TopicName>(bad).starts_with(&format!("{bad:?} is not a topic name: use labels of a-z")));
        assert_eq!(reads_both_ways::<TopicName>(bad), [false, false]);
    }
}

#[test]
fn topic_patterns() {
    for bad in ["", ">/a", "a/>/b", "a*", "a/*b", "**", "a//*", ">>", "A/*"] {
        assert!(refused::<TopicPattern>(bad).starts_with(&format!("{bad:?} is not a topic pattern: use a topic name")));
    }
    let stands_for =
        |pattern: &str, topic: &str| pattern.parse::<TopicPattern>().unwrap().matches(&topic.parse().unwrap());
    for (pattern, topics, others) in [
        ("a/b", &["a/b"][..], &["a.b", "a", "a/b/c", "a/c"][..]),
        ("a/*", &["a/b", "a/c"], &["a", "a.b", "a/b/c", "a/b.c", "b/b"]),
        ("*", &["a", "b"], &["a/b", "a.b"]),
        ("*/b", &["a/b"], &["a.b", "b", "a/b/b", "a/c"]),
        ("a/*/c", &["a/b/c"], &["a/b.c", "a/c", "a/b/c/d"]),
        ("a/>", &["a/b", "a/b/c", "a/b.c"], &["a", "a.b", "b/c"]),
        ("a.>", &["a.b", "a.b/c"], &["a/b"]),
        ("*.>", &["a.b", "b.c/d"], &["a/b", "a"]),
        (">", &["a", "a/b", "a.b.c"], &[]),
    ] {
        assert!(topics.iter().all(|topic| stands_for(pattern, topic)), "{pattern} stands for {topics:?}");
        assert!(!others.iter().any(|topic| stands_for(pattern, topic)), "{pattern} stands for none of {others:?}");
    }
    let literal = |pattern: &str| pattern.parse::<TopicPattern>().unwrap().literal();
    assert_eq!(literal("a/b"), Some("a/b".parse().unwrap()));
    assert!(literal("a/*").is_none() && literal(">").is_none());
}

#[test]
fn names_that_follow_from_a_topic() {
    let topic: TopicName = "jobs".parse().unwrap();
    assert_eq!(topic.dead_letters(&"workers".parse().unwrap()), "jobs/dead/workers".parse());
    let long: TopicName = "x".repeat(120).parse().unwrap();
    assert!(long.dead_letters(&"workers".parse().unwrap()).is_err());
    assert!(refused::<GroupName>("a/b").contains("is not a group name"));

    // RFC 8032, section 7.1, test 1.
    let owner = crate::golden::key().node_id();
    let owned = TopicName::owned_by(&owner, "lobby").unwrap();
    assert_eq!(owned.as_str(), "key-25njqamcweflpvkl73j4szahhihoc4xt3ktcgjnpaingr5yhkena/lobby");
    assert_eq!(owned.owner(), Some(owner));
    for other in ["lobby", "key-25nj/lobby", "key-25njqamcweflpvkl73j4szahhihoc4xt3ktcgjnpaingr5yhken7/x"] {
        assert_eq!(other.parse::<TopicName>().unwrap().owner(), None, "{other}");
    }
}

#[test]
fn instance_ids() {
    assert_eq!("00000000000000ff".parse(), Ok(InstanceId(255)));
    assert_eq!(InstanceId(255).to_string(), "00000000000000ff");
    assert_eq!(format!("{:?}", InstanceId(255)), "InstanceId(00000000000000ff)");
    for bad in ["", "ff", "+0000000000000ff", "-0000000000000ff", "00000000000000fg", "000000000000000ff", "éééééééé"]
    {
        assert_eq!(refused::<InstanceId>(bad), format!("{bad:?} is not an instance id: use 16 hexadecimal digits"));
    }
}

#[test]
fn versions() {
    assert_eq!(parse_version("1.2.3-rc.1+b5").unwrap().to_string(), "1.2.3-rc.1+b5");
    let long = format!("1.0.0-{}", "a".repeat(58));
    assert!(parse_version(&long).is_ok());
    for bad in ["", "1", "1.0", "v1.0.0", "01.0.0", "1.0.0 ", "99999999999999999999.0.0", &(long + "a")] {
        let error = parse_version(bad).unwrap_err().to_string();
        let rule = "use MAJOR.MINOR.PATCH of at most 64 bytes, such as 1.0.0";
        assert_eq!(error, format!("{bad:?} is not a version: {rule}"));
    }
}

#[test]
fn errors_show_no_more_than_the_beginning() {
    let error = refused::<ServiceName>(&"ä".repeat(100_000));
    assert_eq!(error.chars().filter(|c| *c == 'ä').count(), 160);
}

#[test]
fn a_query_finds_the_versions_it_names() {
    assert!(matches("math.calc", "0.1.0") && matches("math.calc", "7.0.0") && matches("math.calc", "7.0.0-rc.1"));
    assert!(matches("math.calc@*", "7.0.0-rc.1"), "the same query as without a version");
    assert!(matches("math.calc@1", "1.9.3") && !matches("math.calc@1", "2.0.0") && !matches("math.calc@1", "0.9.0"));
    assert!(!matches("math.calc@1", "1.0.0-rc.1"), "a pre-release has to be asked for");
    assert!(matches("math.calc@1.0.0-rc.1", "1.0.0-rc.2"));
    assert!(matches("math.calc@^1.2", "1.3.0") && !matches("math.calc@^1.2", "1.1.9"));
    assert!(matches("math.calc@=1.2.3", "1.2.3") && !matches("math.calc@=1.2.3", "1.2.4"));
    assert!(matches("math.calc@>=1, <3", "2.5.0") && !matches("math.calc@>=1, <3", "3.0.0"));
    assert!(!query("math").matches(&"math.calc".parse().unwrap(), &parse_version("1.0.0").unwrap()));
    assert_eq!(ServiceQuery::any("math.calc".parse().unwrap()), query("math.calc"));
}

#[test]
fn a_query_is_shown_in_its_full_form() {
    let pairs = [("a", "a"), ("a@*", "a"), ("a@1", "a@^1"), ("a@1.x", "a@1.*"), ("a@>=1,<3", "a@>=1, <3")];
    for (typed, shown) in pairs {
        assert_eq!(query(typed).to_string(), shown);
        assert_eq!(query(shown), query(typed));
    }
    assert_eq!(format!("{:?}", query("a@1")), "ServiceQuery(a@^1)");
}

#[test]
fn queries_that_cannot_be_met_are_refused_in_words() {
    let end = "is not a version requirement: use a version or range of at most 64 bytes in its full form, such as 1, \
               ^1.2 or =1.2.3";
    // The last one is short as typed and too long as shown.
    for bad in ["", "one", "1@2", "latest", "1.2.3.4", &"1".repeat(65), &["1"; 17].join(",")] {
        assert_eq!(refused::<ServiceQuery>(&format!("a@{bad}")), format!("{bad:?} {end}"));
    }
    assert!(refused::<ServiceQuery>("@1").starts_with("\"\" is not a service name"));
    assert!(refused::<ServiceQuery>("").starts_with("\"\" is not a service name"));
    assert!(refused::<ServiceQuery>("A@1").starts_with("\"A\" is not a service name"));
}

#[test]
fn strangers_names_go_through_the_same_parser() {
    for bad in ["", "A", "a..b", "../etc", "a\0"] {
        assert_eq!(reads_both_ways::<ServiceName>(bad), [false; 2], "{bad:?}");
        assert_eq!(reads_both_ways::<NetworkName>(bad), [false; 2], "{bad:?}");
    }
    assert_eq!(reads_both_ways::<MethodName>(".."), [false; 2]);
    assert_eq!(reads_both_ways::<ServiceName>("math.calc"), [true; 2]);
    let people: StrDeserializer<'_, Error> = "00000000000000ff".into_deserializer();
    assert_eq!(InstanceId::deserialize(people), Ok(InstanceId(255)));
    let people: StrDeserializer<'_, Error> = "ff".into_deserializer();
    assert_eq!(
        InstanceId::deserialize(people).unwrap_err().to_string(),
        "\"ff\" is not an instance id: use 16 hexadecimal digits"
    );
}

#[test]
fn a_name_fits_a_table_and_is_found_by_its_text() {
    let name: ServiceName = "math.calc".parse().unwrap();
    assert_eq!(format!("[{name:<11}]"), "[math.calc  ]");
    assert_eq!(format!("{name:?}"), "ServiceName(math.calc)");
    assert!(std::collections::HashSet::from([name]).contains("math.calc"));
}

proptest! {
    #[test]
    fn what_is_shown_is_read_again(
        service in strategies::service_name(),
        method in strategies::method_name(),
        version in strategies::version(),
        id: u64,
    ) {
        prop_assert_eq!(service.to_string().parse(), Ok(service));
        prop_assert_eq!(method.to_string().parse(), Ok(method));
        prop_assert_eq!(parse_version(&version.to_string()), Ok(version));
        prop_assert_eq!(InstanceId(id).to_string().parse(), Ok(InstanceId(id)));
    }

    #[test]
    fn every_query_that_is_read_is_shown_readably(
        service in strategies::service_name(),
        requirement in "(\\^|~|=|>|>=|<|<=)?[0-9]{1,3}(\\.[0-9]{1,3}){0,2}(,(\\^|~)?[0-9x]){0,30}",
    ) {
        if let Ok(query) = format!("{service}@{requirement}").parse::<ServiceQuery>() {
            prop_assert_eq!(query.to_string().parse(), Ok(query));
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[a-z0-9.@*^~<>=,xX+-]{0,40}|\\PC{0,40}|.{0,200}") {
        if let Ok(name) = text.parse::<ServiceName>() {
            prop_assert_eq!(name.as_str(), &text);
        }
        if let Ok(name) = text.parse::<NetworkName>() {
            prop_assert_eq!(name.as_str(), &text);
        }
        if let Ok(name) = text.parse::<MethodName>() {
            prop_assert_eq!(name.as_str(), &text);
        }
        if let Ok(version) = parse_version(&text) {
            prop_assert_eq!(version.to_string(), text.as_str());
        }
        if let Ok(query) = text.parse::<ServiceQuery>() {
            prop_assert_eq!(query.to_string().parse(), Ok(query));
        }
        let _ = text.parse::<InstanceId>();
    }
}

use atoll_node::control::api::{
    AuthorRow, EpochRow, GroupProgress, KeeperRow, NodeMembers, OutboxKeeper, OutboxRow, RetainRequest, TopicAccess,
    TopicPolicy,
};
use atoll_protocol::{
    identity::NodeId,
    topic::{Epoch, Seq},
};
use clap::Parser;

use super::*;

fn id(byte: u8) -> NodeId {
    NodeId::from_public_key([byte; 32])
}

/// The end of what was printed ages ago.
const LONG_AGO: u64 = 0;

fn row() -> TopicRow {
    TopicRow {
        topic: "rooms/lobby".parse().unwrap(),
        authors: 2,
        messages: 1_234,
        bytes: 50_000,
        last_at_unix_ms: None,
        subscribed: true,
        kept: false,
        published: true,
        owner: None,
        owned: false,
        keepers: vec![id(1), id(2)],
    }
}

#[test]
fn topics_have_the_known_columns() {
    let other = TopicRow {
        topic: "a".parse().unwrap(),
        subscribed: false,
        published: false,
        kept: true,
        owner: Some(id(3)),
        keepers: Vec::new(),
        ..row()
    };
    let own = TopicRow { owned: true, ..other.clone() };
    let expected = [
        "TOPIC        AUTHORS  MESSAGES  SIZE     LAST  HERE                   OWNER      KEEPERS".to_owned(),
        format!(
            "rooms/lobby  2        1,234     50.0 kB  -     subscribed, published  -          {},{}",
            id(1).short(),
            id(2).short()
        ),
        format!("a            2        1,234     50.0 kB  -     kept                   {}  -", id(3).short()),
        "a            2        1,234     50.0 kB  -     kept                   this node  -".to_owned(),
    ];
    assert_eq!(list::table(&[row(), other, own]).render(None), expected.join("\n"));
}

fn policy() -> TopicPolicy {
    TopicPolicy {
        issued_unix_ms: LONG_AGO,
        access: TopicAccess::Open,
        keepers: Vec::new(),
        age_secs: None,
        bytes: None,
        messages: None,
        last_per_key: false,
    }
}

fn epoch(epoch: u64, first: u64, last: u64) -> EpochRow {
    let (first_seq, last_seq) = (Seq(first), Seq(last));
    EpochRow { epoch: Epoch(epoch), first_seq, last_seq, last_at_unix_ms: LONG_AGO, messages: 3, bytes: 300 }
}

fn description() -> TopicDescription {
    TopicDescription {
        row: row(),
        own_name: Some("key-x/rooms/lobby".parse().unwrap()),
        policy: None,
        keeper_rows: Vec::new(),
        author_rows: Vec::new(),
    }
}

#[test]
fn a_page_says_what_is_not_there() {
    let page = describe::page(&description());
    for words in [
        "rooms/lobby\n",
        "  held      1,234 messages of 2 authors, 50.0 kB\n",
        "  here      subscribed, published\n",
        "  owner     nobody; what belongs to this node alone is called key-x/rooms/lobby\n",
        "  access    everybody may publish and read: it is everybody's\n",
        "    none: what is published stays",
        "    nobody has published yet",
    ] {
        assert!(page.contains(words), "{words:?}: {page}");
    }
}

#[test]
fn a_page_says_what_is_decided_who_keeps_and_who_has_published() {
    let forked = AuthorRow { author: id(8), quarantined: true, epochs: vec![epoch(2_000, 4, 3)] };
    let author = AuthorRow { author: id(7), quarantined: false, epochs: vec![epoch(0, 1, 3), epoch(1_000, 5, 5)] };
    let keeper =
        |node, pinned, path: Option<&str>, rtt_ms| KeeperRow { node, pinned, path: path.map(str::to_owned), rtt_ms };
    let topic = TopicDescription {
        row: TopicRow { owner: Some(id(9)), owned: true, ..row() },
        own_name: None,
        policy: Some(TopicPolicy {
            access: TopicAccess::Publishers(vec![id(7)]),
            keepers: vec![id(1)],
            age_secs: Some(7 * 86_400),
            bytes: Some(100_000_000),
            messages: Some(1_000),
            last_per_key: true,
            ..policy()
        }),
        keeper_rows: vec![keeper(id(1), true, Some("direct"), Some(0.314)), keeper(id(2), false, None, None)],
        author_rows: vec![author, forked],
    };
    let page = describe::page(&topic);
    for words in [
        format!("owner      this node, {}\n", id(9)),
        format!("access     publishers: the owner and {} may publish, everybody may read\n", id(7).short()),
        "retained   the last message for each key, and at most 7 days old, 100.0 MB, 1,000 messages\n".to_owned(),
        format!("pinned to  {}\n", id(1).short()),
        format!("{}  direct         0.31    named by the owner\n", id(1).short()),
        format!("{}  not connected  -       elected\n", id(2).short()),
        format!("{}  1970-01-01T00:00:00.000Z  1 to 3     3         300 B", id(7).short()),
        format!("{}  1970-01-01T00:00:01.000Z  5          3", id(7).short()),
        format!("{}  1970-01-01T00:00:02.000Z  none of 3", id(8).short()),
        format!("!!! {} is quarantined", id(8)),
    ] {
        assert!(page.contains(&words), "{words:?}: {page}");
    }
}

fn pending(keepers: Vec<OutboxKeeper>) -> OutboxRow {
    let (from_seq, to_seq) = (Seq(3), Seq(9));
    OutboxRow { topic: "orders".parse().unwrap(), epoch: Epoch(0), from_seq, to_seq, waiting: 0, keepers }
}

fn has(node: NodeId, kept: Option<(u64, u64)>) -> OutboxKeeper {
    let (kept_from_seq, kept_to_seq) = (kept.map(|kept| Seq(kept.0)), kept.map(|kept| Seq(kept.1)));
    OutboxKeeper { node, path: Some("direct".to_owned()), rtt_ms: None, kept_from_seq, kept_to_seq }
}

#[test]
fn an_outbox_says_in_words_how_it_stands() {
    let report = |known, pending| {
        outbox::page(&OutboxReport { keepers_wanted: 3, keepers_known: known, published: true, pending }, None)
    };
    let nothing = OutboxReport { keepers_wanted: 3, keepers_known: 0, published: false, pending: Vec::new() };
    assert_eq!(outbox::page(&nothing, None), "this node has published nothing");
    assert_eq!(report(5, Vec::new()), "everything that this node has published is kept by 3 keepers");
    let page = report(0, vec![pending(Vec::new())]);
    assert!(
        page.starts_with("no keepers are known") && page.contains("--keep") && page.contains("none known"),
        "{page}"
    );
    let page = report(1, vec![pending(vec![has(id(1), Some((1, 9)))])]);
    assert!(
        page.starts_with("everything that this node has published is kept by all keepers that are known, 1; 3"),
        "{page}"
    );
    let page = report(2, vec![OutboxRow { waiting: 7, ..pending(vec![has(id(1), Some((1, 2))), has(id(2), None)]) }]);
    let expected = [
        "not everything that this node has published is with 3 keepers yet; 2 are known".to_owned(),
        String::new(),
        "TOPIC   EPOCH                     POSITIONS  WAITED_FOR  KEEPER     PATH    RTT_MS  HAS".to_owned(),
        format!("orders  1970-01-01T00:00:00.000Z  3 to 9     7           {}  direct  -       1 to 2", id(1).short()),
        format!(
            "                                                         {}  direct  -       nothing yet",
            id(2).short()
        ),
    ];
    assert_eq!(page, expected.join("\n"));
}

#[derive(Debug, Parser)]
struct Program {
    #[command(flatten)]
    args: RetainArgs,
}

fn decide(line: &str) -> Result<RetainRequest, String> {
    let args = Program::try_parse_from(std::iter::once("retain").chain(line.split_whitespace()));
    retain::request(args.map_err(|e| e.to_string())?.args).map_err(|e| e.to_string())
}

#[test]
fn what_is_not_given_is_not_decided() {
    let nothing = RetainRequest { topic: "a".to_owned(), ..RetainRequest::default() };
    let cases = [
        ("a --age 7d", RetainRequest { age_secs: Some(Some(604_800)), ..nothing.clone() }),
        (
            "a --age none --bytes 100M",
            RetainRequest { age_secs: Some(None), bytes: Some(Some(100_000_000)), ..nothing.clone() },
        ),
        ("a --count 1000", RetainRequest { messages: Some(Some(1_000)), ..nothing.clone() }),
        ("--last-per-key a", RetainRequest { last_per_key: Some(true), ..nothing.clone() }),
        ("a --last-per-key=false", RetainRequest { last_per_key: Some(false), ..nothing.clone() }),
        ("a --open", RetainRequest { access: Some(TopicAccess::Open), ..nothing.clone() }),
        ("a --publishers", RetainRequest { access: Some(TopicAccess::Publishers(Vec::new())), ..nothing.clone() }),
        ("a --keeper none", RetainRequest { keepers: Some(Vec::new()), ..nothing.clone() }),
    ];
    for (line, expected) in cases {
        assert_eq!(decide(line), Ok(expected), "{line}");
    }
    let (a, b) = (id(1), id(2));
    let closed = decide(&format!("a --closed {a} {b} --keeper {b}")).unwrap();
    assert_eq!((closed.access, closed.keepers), (Some(TopicAccess::Closed(vec![a, b])), Some(vec![b])));
    // On the wire, too, what is lifted differs from what is not said.
    let lifted = RetainRequest { age_secs: Some(None), ..nothing };
    let text = serde_json::to_string(&lifted).unwrap();
    assert_eq!((text.as_str(), serde_json::from_str(&text).unwrap()), (r#"{"topic":"a","age_secs":null}"#, lifted));
}

#[test]
fn what_cannot_be_decided_is_refused_with_an_example() {
    for (line, value, example) in [
        ("a", "--age", "--open"),
        ("a --age 7", "'7'", "7d"),
        ("a --age 0s", "'0s'", "7d"),
        ("a --bytes lots", "'lots'", "512MiB"),
        ("a --bytes 0", "'0'", "100M"),
        ("a --count 0", "'0'", "1000"),
        ("a --open --closed", "--closed", "--open"),
        ("a --keeper 12D3", "'12D3'", "12D3Koo…"),
        ("a --publishers 12D3", "'12D3'", "12D3Koo…"),
        ("A --open", "'A'", "rooms/lobby"),
    ] {
        let said = decide(line).unwrap_err();
        assert!(said.contains(value) && said.contains(example), "{line}: {said}");
    }
    assert!(decide(&format!("a --keeper none {}", id(1))).unwrap_err().contains("not both"));
}

fn group() -> GroupReport {
    GroupReport {
        topic: "orders".parse().unwrap(),
        group: "billing".parse().unwrap(),
        coordinator: Some(id(1)),
        epoch: Some(7),
        nodes: vec![
            NodeMembers { node: id(1), members: Some(2), suspect: false },
            NodeMembers { node: id(2), members: Some(1), suspect: true },
        ],
        pending: Some(5),
        leased: Some(3),
        dead: Some(1_234),
        logs: vec![GroupProgress { author: id(3), epoch: Epoch(0), committed: Seq(17), taken: Seq(20) }],
    }
}

#[test]
fn groups_have_the_known_columns() {
    let unknown = GroupReport {
        group: "lost".parse().unwrap(),
        coordinator: None,
        nodes: vec![NodeMembers { node: id(2), members: None, suspect: true }],
        pending: None,
        leased: None,
        dead: None,
        logs: Vec::new(),
        ..group()
    };
    let (one, two, three) = (id(1).short(), id(2).short(), id(3).short());
    let expected = [
        "TOPIC   GROUP    COORDINATOR  NODES  MEMBERS  IN_FLIGHT  WAITING  DEAD".to_owned(),
        format!("orders  billing  {one:11}  2      3        3          2        1,234"),
        "orders  lost     -            1      -        -          -        -".to_owned(),
    ];
    assert_eq!(groups::table(&[group(), unknown]).render(None), expected.join("\n"));
    let topic: TopicName = "orders".parse().unwrap();
    let page = groups::page(&topic, &[group()]);
    for words in [
        "billing\n".to_owned(),
        format!("{one}  2        coordinator"),
        format!("{two}  1        suspect"),
        format!("{three}  1970-01-01T00:00:00.000Z  17          20"),
    ] {
        assert!(page.contains(&words), "{words:?}: {page}");
    }
    let none = groups::page(&topic, &[]);
    assert!(none.contains("orders") && none.contains("node subscribe orders --group"), "{none}");
}

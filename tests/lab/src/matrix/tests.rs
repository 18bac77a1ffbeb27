use std::time::Duration;

use super::{Attempt, Cell, table};
use crate::{
    nat::{Nat, Path},
    subject::Outcome,
};

fn came(path: Path) -> Attempt {
    Attempt::Outcome(Outcome { path, talked: Duration::ZERO, direct_after: None })
}

fn cell(a: Nat, b: Nat, expected: Option<Path>, attempts: Vec<Attempt>) -> Cell {
    Cell { a, b, expected, attempts }
}

#[test]
fn a_cell_holds_only_if_every_attempt_found_the_path() {
    let pair = (Nat::None, Nat::Symmetric);
    let judged = |expected, attempts| cell(pair.0, pair.1, expected, attempts);
    assert!(judged(Some(Path::Direct), vec![came(Path::Direct); 2]).holds());
    assert!(!judged(Some(Path::Direct), vec![came(Path::Direct), came(Path::Relayed)]).holds());
    assert!(!judged(Some(Path::Relayed), vec![came(Path::Direct)]).holds(), "direct where that is impossible");
    assert!(!judged(Some(Path::Direct), vec![]).holds(), "nothing was tried");
    assert!(judged(None, vec![came(Path::Direct), came(Path::Relayed)]).holds(), "either will do");
    assert!(!judged(None, vec![Attempt::Error("lost".into())]).holds());
}

#[test]
fn the_table_names_what_went_wrong() {
    let cells = [
        cell(Nat::None, Nat::None, Some(Path::Direct), vec![came(Path::Direct)]),
        cell(Nat::None, Nat::UdpBlocked, Some(Path::Relayed), vec![came(Path::Relayed)]),
        cell(
            Nat::Symmetric,
            Nat::UdpBlocked,
            Some(Path::Relayed),
            vec![came(Path::Relayed), Attempt::Error("no relay".into())],
        ),
    ];
    let text = table(&cells);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 4, "{text}");
    assert_eq!(lines[1].split_whitespace().collect::<Vec<_>>(), ["none", "direct", "relayed"]);
    assert_eq!(lines[2].split_whitespace().collect::<Vec<_>>(), ["symmetric", "1/2", "!"]);
    assert!(lines[3].contains("symmetric and udp-blocked") && lines[3].contains("no relay"), "{text}");
}

use atoll_registry::standing::Tier;

use super::*;

fn one(key: u8) -> Reputation {
    Reputation {
        node: NodeId::from_public_key([key; 32]),
        tier: Tier::Newcomer,
        score: 0.387,
        quality: 0.75,
        confidence: 0.5,
        hearsay: 0.0,
        calls: 2,
        success: 2.0,
        fault: 0.25,
        days: 1.0,
        successes: 2,
        counterparties: 1,
        witness: 0.5,
        friend: false,
        convicted: false,
        next: Some(NextTier { tier: Tier::Member, score: 0.113, days: 2.0, successes: 48, counterparties: 1 }),
    }
}

#[test]
fn the_table_says_what_is_missing() {
    let never = Reputation { calls: 0, score: 0.1, hearsay: 0.25, ..one(2) };
    let lines = table(&[one(1), never]).render(None);
    let lines: Vec<&str> = lines.lines().collect();
    assert_eq!(
        lines[0].split_whitespace().collect::<Vec<_>>().join(" "),
        "NODE TIER SCORE QUALITY CALLS WORD DAYS LACKS"
    );
    assert!(lines[1].contains("newcomer  0.39   0.75     2      -     1"), "{}", lines[1]);
    assert!(lines[1].ends_with("0.11 of score, 2 days, 48 successes, 1 counterparty"), "{}", lines[1]);
    assert!(lines[2].contains("0.10   -        0      0.25"), "{}", lines[2]);
}

#[test]
fn a_page_says_why_if_asked() {
    let short = page(&one(1), false);
    assert!(short.contains("for member  it lacks") && !short.contains("quality"), "{short}");
    let long = page(&one(1), true);
    for part in ["2.0 successes and 0.25 faults", "quality", "50 %", "0.10: 0.10 of anybody", "50.0 %"] {
        assert!(long.contains(part), "{part}: {long}");
    }
    let friend = page(&Reputation { friend: true, tier: Tier::Trusted, next: None, ..one(1) }, false);
    assert!(
        friend.contains("trusted, since the owner of this node trusts it") && !friend.contains("lacks"),
        "{friend}"
    );
    let fraud = page(&Reputation { convicted: true, score: 0.0, ..one(1) }, true);
    assert!(fraud.contains("signed two things"), "{fraud}");
}

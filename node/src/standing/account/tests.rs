use super::*;

fn peer(number: u8) -> NodeId {
    NodeId::from_public_key([number; 32])
}

const UNKNOWN: (Judged, Tier) =
    (Judged { score: 0.1, quality: 0.5, confidence: 0.0, hearsay: 0.0, place: 0 }, Tier::Newcomer);

fn of(accounts: &Accounts, number: u8) -> Arc<Account> {
    accounts.of(&peer(number), || UNKNOWN)
}

fn endings(accounts: &Accounts) -> Vec<(NodeId, Vec<(Ending, u32)>)> {
    accounts.take().into_iter().map(|(peer, counted)| (peer, counted.endings().collect())).collect()
}

#[test]
fn what_is_counted_is_told_once() {
    let accounts = Accounts::default();
    let one = of(&accounts, 1);
    (0..3).for_each(|_| accounts.count(&one, Ending::Good));
    accounts.count(&one, Ending::Lost);
    accounts.count(&of(&accounts, 2), Ending::Fault);
    let told = vec![(peer(1), vec![(Ending::Good, 3), (Ending::Lost, 1)]), (peer(2), vec![(Ending::Fault, 1)])];
    assert_eq!(endings(&accounts), told);
    assert_eq!(endings(&accounts), []);
    accounts.count(&one, Ending::Slow);
    assert_eq!(endings(&accounts), [(peer(1), vec![(Ending::Slow, 1)])]);
}

#[test]
fn whoever_answers_nothing_has_lost_one() {
    let accounts = Accounts::default();
    let one = of(&accounts, 1);
    (0..1000).for_each(|_| accounts.count(&one, Ending::Lost));
    assert_eq!(endings(&accounts), [(peer(1), vec![(Ending::Lost, 1)])], "it was out of reach, once");
    accounts.count(&one, Ending::Good);
    (0..1000).for_each(|_| accounts.count(&one, Ending::Lost));
    assert_eq!(endings(&accounts), [(peer(1), vec![(Ending::Good, 1), (Ending::Lost, 1000)])], "it was there");
}

#[test]
fn nothing_is_lost_between_threads() {
    let accounts = Accounts::default();
    let one = of(&accounts, 1);
    let mut told = 0;
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..4).map(|_| scope.spawn(|| (0..10_000).for_each(|_| accounts.count(&one, Ending::Good)))).collect();
        let mut sum = || told += accounts.take().iter().flat_map(|(_, c)| c.endings()).map(|(_, n)| n).sum::<u32>();
        while !threads.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            sum();
        }
        sum();
    });
    assert_eq!(told, 40_000);
}

#[test]
fn those_that_nobody_speaks_of_make_room() {
    let accounts = Accounts::default();
    let numbered = |n: u32| {
        let mut key = [0; 32];
        key[..4].copy_from_slice(&n.to_le_bytes());
        NodeId::from_public_key(key)
    };
    let held = accounts.of(&numbered(0), || UNKNOWN);
    for n in 0..3 * u32::try_from(ACCOUNTS).unwrap() {
        accounts.of(&numbered(n), || UNKNOWN);
        assert!(accounts.all.read().len() <= ACCOUNTS);
    }
    assert!(Arc::ptr_eq(&held, &accounts.of(&numbered(0), || UNKNOWN)));
}

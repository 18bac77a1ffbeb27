use super::*;

fn topic() -> TopicName {
    "rooms/lobby".parse().unwrap()
}

fn author(n: u8) -> NodeId {
    NodeId::from_public_key([n; 32])
}

#[test]
fn what_is_written_is_read() {
    let origins =
        [SubscribeFrom::Latest, SubscribeFrom::Earliest, SubscribeFrom::Seq(7), SubscribeFrom::AtUnixMs(u64::MAX)];
    for from in origins {
        let mut cursor = Cursor::begin(from, 1_700_000_000_000);
        for n in 1..=3 {
            cursor.pass(&topic(), &author(n), Epoch(1_600_000_000_000), Seq(u64::from(n) * 1000));
            cursor.pass(&topic(), &author(n), Epoch(u64::MAX), Seq(n.into()));
        }
        let read = Cursor::read(&cursor.text()).unwrap();
        assert_eq!(read, cursor);
        let of: Vec<_> = read.of(&topic(), &author(2)).collect();
        assert_eq!(of, [(Epoch(1_600_000_000_000), Seq(2000)), (Epoch(u64::MAX), Seq(2))]);
        assert_eq!(read.of(&"other".parse().unwrap(), &author(2)).count(), 0);
    }
}

#[test]
fn the_latest_becomes_a_time_a_little_before_it_began() {
    let cursor = Cursor::begin(SubscribeFrom::Latest, 10_000);
    assert_eq!(Cursor::read(&cursor.text()).unwrap().origin, SubscribeFrom::AtUnixMs(5_000));
}

#[test]
fn a_position_never_goes_back() {
    let mut cursor = Cursor::begin(SubscribeFrom::Earliest, 0);
    cursor.pass(&topic(), &author(1), Epoch(1), Seq(9));
    cursor.pass(&topic(), &author(1), Epoch(1), Seq(3));
    assert_eq!(cursor.of(&topic(), &author(1)).collect::<Vec<_>>(), [(Epoch(1), Seq(9))]);
}

#[test]
fn it_is_bounded_whoever_writes_it() {
    let mut cursor = Cursor::begin(SubscribeFrom::Earliest, 0);
    for epoch in 0..2 * MOST as u64 {
        cursor.pass(&topic(), &author(1), Epoch(epoch), Seq(1));
    }
    assert_eq!(cursor.read.len(), MOST);
    assert_eq!(Cursor::read(&cursor.text()).unwrap(), cursor);
    let mut long = vec![VERSION, 1, 0];
    for epoch in 0..=MOST as u64 {
        long.extend_from_slice(&[7; 8]);
        put(&mut long, epoch);
        put(&mut long, 1);
    }
    assert_eq!(Cursor::read(&BASE64_URL_SAFE_NO_PAD.encode(long)), None);
}

#[test]
fn what_is_no_cursor_is_none() {
    let cut = Cursor::begin(SubscribeFrom::Seq(300), 0).text();
    for text in [
        "",
        "?",
        "AA",
        "AQ",
        "AQkA",
        "AgEA",
        "AQH_",
        "AQEAAQ",
        "AQEA____________________________",
        &cut[..cut.len() - 1],
    ] {
        assert_eq!(Cursor::read(text), None, "{text}");
    }
}

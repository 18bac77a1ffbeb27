//! What is made here, and what is refused.

use super::*;

#[test]
fn a_batch_comes_back_as_it_was() {
    let [first, next] = batches();
    assert_eq!((first.head().value().first, first.head().value().last()), (Seq(1), Seq(2)));
    assert_eq!((next.head().value().first, next.head().value().prev), (Seq(3), first.head().hash()));
    for batch in [first, next] {
        let bytes = batch.signed().encode().unwrap();
        assert!(bytes.len() <= batch.signed().wire_len(), "{} bytes", bytes.len());
        let opened = SignedBatch::decode(&bytes).unwrap().open(&network()).unwrap();
        assert_eq!((opened.entries(), opened.head().hash()), (batch.entries(), batch.head().hash()));
        assert_eq!(opened.signed(), batch.signed());
    }
}

#[test]
fn what_was_received_is_not_copied() {
    let payload = Bytes::from(vec![7; 1000]);
    let batch = append(&mut writer(), &mut Clock::default(), vec![Draft::of(payload)]);
    let signed = batch.signed();
    let buffer = signed.entries.as_ptr() as usize..signed.entries.as_ptr() as usize + signed.entries.len();
    let opened = signed.open(&network()).unwrap();
    assert!(buffer.contains(&(opened.entries()[0].payload.as_ptr() as usize)));
}

#[test]
fn an_entry_of_100_bytes_takes_105() {
    let drafts = |count| vec![Draft::of(vec![1; 100]); count];
    let len = |count| append(&mut writer(), &mut Clock::default(), drafts(count)).len();
    assert_eq!(len(200) - len(100), 100 * 105);
}

#[test]
fn room_is_never_too_little() {
    let mut drafts = drafts();
    drafts.push(Draft { key: Some(Bytes::new()), id: Some(Bytes::from(vec![0; 64])), ..Draft::of(vec![0; 70_000]) });
    for draft in drafts {
        let batch = append(&mut writer(), &mut Clock::default(), vec![draft.clone()]);
        assert!(batch.len() <= 8 + draft.room(), "{} bytes, {} estimated", batch.len(), draft.room());
        assert!(batch.len() + 32 >= draft.room());
    }
}

#[test]
fn the_largest_entry_fits_and_no_larger_one() {
    let headers: Headers = (0..32).map(|nth| (format!("{nth:02}"), "x".repeat(254))).collect();
    let full = Draft {
        key: Some(vec![0; limits::ENTRY_KEY].into()),
        id: Some(vec![0; limits::ENTRY_ID].into()),
        headers,
        payload: vec![0; limits::ENTRY_PAYLOAD].into(),
    };
    let batch = append(&mut writer(), &mut Clock::default(), vec![full.clone()]);
    assert!(batch.signed().open(&network()).is_ok());

    let mut more = full.headers.clone();
    more.insert("one more".into(), String::new());
    let longer: Headers = [("a".into(), "x".repeat(limits::ENTRY_HEADER_BYTES))].into();
    for (draft, what) in [
        (Draft { key: Some(vec![0; 257].into()), ..Draft::default() }, "257 bytes of key, at most 256 are allowed"),
        (
            Draft { id: Some(vec![0; 65].into()), ..Draft::default() },
            "65 bytes of idempotency id, at most 64 are allowed",
        ),
        (Draft { headers: more, ..Draft::default() }, "33 headers, at most 32 are allowed"),
        (Draft { headers: longer, ..Draft::default() }, "8193 bytes of headers, at most 8192 are allowed"),
        (Draft::of(vec![0; 262_145]), "262145 bytes of payload, at most 262144 are allowed"),
    ] {
        let (before, mut writer) = (writer(), writer());
        let drafts = vec![Draft::default(), draft];
        let error = writer.append(&key(), &network(), &mut Clock::default(), NOW, drafts).unwrap_err();
        assert_eq!(error.to_string(), format!("draft 1 breaks a rule: {what}"));
        assert_eq!(writer, before, "nothing has changed");
    }
}

#[test]
fn a_batch_is_bounded() {
    let count = |count| {
        let drafts = vec![Draft::default(); count];
        writer().append(&key(), &network(), &mut Clock::default(), NOW, drafts)
    };
    assert!(count(limits::BATCH_ENTRIES).is_ok());
    assert_eq!(count(0).unwrap_err().to_string(), "0 entries cannot be one batch, 1 to 4096 can");
    assert!(count(limits::BATCH_ENTRIES + 1).is_err());
    let drafts = vec![Draft::of(vec![0; limits::ENTRY_PAYLOAD]); 2];
    let error = writer().append(&key(), &network(), &mut Clock::default(), NOW, drafts).unwrap_err();
    assert!(error.to_string().ends_with("bytes of entries cannot be one batch, at most 524288 can"), "{error}");
}

/// A head for these bytes, whatever they are.
fn signed(count: u32, time: Hlc, entries: impl Into<Bytes>) -> Result<Batch, BatchError> {
    let entries = entries.into();
    let digest = crate::sealed::Hash::of(&entries);
    SignedBatch { head: sealed(Head { count, time, digest, ..head() }), entries }.open(&network())
}

fn refused(count: u32, time: Hlc, entries: impl Into<Bytes>) -> String {
    signed(count, time, entries).unwrap_err().to_string()
}

#[test]
fn entries_are_those_that_were_signed() {
    let [batch, next] = batches();
    let swapped = SignedBatch { head: batch.signed().head, entries: next.signed().entries };
    let error = swapped.open(&network()).unwrap_err().to_string();
    assert!(error.starts_with("the entries sent as 1 to 2 on rooms/lobby are not those that 12D3Koo"), "{error}");
    let elsewhere = batch.signed().open(&"elsewhere".parse().unwrap());
    assert!(matches!(elsewhere, Err(BatchError::Head(SealError::Forged { .. }))));
    let long = SignedBatch { head: batch.signed().head, entries: vec![0; limits::BATCH + 1].into() };
    assert!(matches!(long.open(&network()), Err(BatchError::TooLong { len, .. }) if len == limits::BATCH + 1));
}

#[test]
fn what_is_signed_must_be_right() {
    let one = |elapsed: u8| vec![1, elapsed, 0, 0, 0, 1, 42];
    assert!(signed(1, Hlc(9), one(9)).is_ok());
    assert!(refused(2, Hlc(9), one(9)).ends_with("count and time of the head are those of its entries"));
    assert!(refused(1, Hlc(8), one(9)).ends_with("count and time of the head are those of its entries"));
    assert!(refused(1, Hlc(0), vec![0]).ends_with("a batch has entries"));
    assert!(refused(1, Hlc(0), Bytes::new()).contains("cannot be read: malformed: cut short"));
    let standing = refused(2, Hlc(9), vec![2, 9, 0, 0, 0, 1, 42, 0, 0, 0, 0, 0]);
    assert!(standing.starts_with("entry 70001 of 12D3Koo"), "{standing}");
    assert!(standing.ends_with("dated 0+9, which is not after the entry before"), "{standing}");
    // The epoch of 1970 itself is no date.
    assert!(refused(1, Hlc(0), one(0)).contains("entry 70000 of"));
}

#[test]
fn heads_keep_the_rules() {
    let refused = |head: Head| Signed::seal(&key(), &network(), head).unwrap_err().to_string();
    assert!(refused(Head { count: 0, ..head() }).ends_with("0 entries, 1 to 4096 are allowed"));
    assert!(refused(Head { count: 4097, ..head() }).ends_with("4097 entries, 1 to 4096 are allowed"));
    for first in [Seq(0), Seq(u64::MAX - 1)] {
        assert!(refused(Head { first, ..head() }).ends_with("positions begin at 1 and end below 2^64"));
    }
    let longest = Head {
        topic: "x".repeat(limits::TOPIC_NAME).parse().unwrap(),
        epoch: Epoch(u64::MAX),
        first: Seq(u64::MAX - 5000),
        count: 4096,
        time: Hlc(u64::MAX),
        extensions: [(1, vec![0; 198])].into(),
        ..head()
    };
    sealed(longest);
}

#[test]
fn announcements_bring_small_batches() {
    let announced =
        |len| Announcement::news(&append(&mut writer(), &mut Clock::default(), vec![Draft::of(vec![0; len])]));
    let inline = announced(limits::BATCH_INLINE - 20);
    let bytes = codec::encode(&inline).unwrap();
    assert_eq!(Announcement::decode(&bytes).as_ref(), Ok(&inline));
    assert!(inline.batch().unwrap().open(&network()).is_ok());
    let head_only = announced(limits::BATCH_INLINE);
    assert!(head_only.batch().is_none());
    assert!(codec::encode(&head_only).unwrap().len() < 256, "small enough to be gossiped often");
    assert!(Announcement::decode(&vec![0; limits::TOPIC_ANNOUNCEMENT + 1]).is_err());
}

#[test]
fn clocks_rise() {
    let (mut clock, minute) = (Clock::default(), 60_000);
    let first = clock.tick(NOW);
    assert_eq!((first.millis(), first.counter(), first.to_string()), (NOW, 0, "1700000000000+0".into()));
    assert_eq!(clock.tick(NOW), Hlc(first.0 + 1), "the same millisecond");
    assert_eq!(clock.tick(UnixMillis(5)), Hlc(first.0 + 2), "put back");
    clock.observe(Hlc::at(UnixMillis(NOW.0 + minute)), NOW);
    let after = clock.tick(NOW);
    assert_eq!(after, Hlc(Hlc::at(UnixMillis(NOW.0 + minute)).0 + 1), "what was seen comes before");
    clock.observe(Hlc::at(UnixMillis(NOW.0 + minute + 1)), NOW);
    assert_eq!(clock.last(), after, "a clock that is wrong drags nobody along");
    clock.resume(Hlc(u64::MAX));
    assert_eq!(clock.tick(NOW), Hlc(u64::MAX), "no overflow");
    assert_eq!(Hlc::at(UnixMillis(u64::MAX)).ahead(NOW).as_millis(), u128::from((u64::MAX >> 16) - NOW.0));
}

#[test]
fn epochs_rise() {
    assert_eq!(Epoch::begin(NOW, None), Epoch(NOW.0));
    assert_eq!(Epoch::begin(NOW, Some(Epoch(NOW.0))), Epoch(NOW.0 + 1));
    assert_eq!(Epoch::begin(NOW, Some(Epoch(u64::MAX))), Epoch(u64::MAX));
    let [_, last] = batches();
    let mut writer = Writer::begin(topic(), UnixMillis(5), Some(last.head()));
    let batch = append(&mut writer, &mut Clock::default(), drafts());
    let head = batch.head().value();
    assert!(head.epoch > last.head().value().epoch && batch.began() > last.head().value().time);
    assert_eq!((head.first, head.prev), (Seq::FIRST, last.head().hash()));
}

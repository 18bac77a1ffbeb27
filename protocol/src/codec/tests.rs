//! What the encoding refuses, and in which words.

use std::{
    collections::BTreeMap,
    fmt,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use serde::{Deserializer, de};

use super::*;
use crate::{
    golden,
    names::ServiceName,
    service::{EndpointKind, Lease, ServiceRecord},
};

mod hostile;

/// `u64` 2^60 as a length prefix.
const HUGE: [u8; 9] = [0xfd, 0, 0, 0, 0, 0, 0, 0, 0x10];

fn refused<'a, T: Deserialize<'a> + fmt::Debug>(bytes: &'a [u8]) -> String {
    decode::<T>(bytes, 1000).expect_err("these bytes must be refused").to_string()
}

#[test]
fn input_longer_than_the_limit_is_refused_unread() {
    assert_eq!(decode::<String>(&[0; 11], 10), Err(DecodeError::TooLong { len: 11, limit: 10 }));
    assert_eq!(refused::<String>(&[0; 1001]), "1001 bytes exceed the limit of 1000");
    let text = "x".repeat(9);
    assert_eq!(decode(&encode(&text).unwrap(), 10), Ok(text));
}

#[test]
fn bytes_after_the_value_are_refused() {
    let mut bytes = encode(&golden::lease()).unwrap();
    bytes.extend([0, 0]);
    assert_eq!(decode::<Lease>(&bytes, 1000), Err(DecodeError::Trailing(2)));
    assert_eq!(refused::<Lease>(&bytes), "2 bytes follow the end of the value");
}

#[test]
fn every_cut_is_refused() {
    let bytes = encode(&golden::service_record()).unwrap();
    for len in 0..bytes.len() {
        let error = decode::<ServiceRecord>(&bytes[..len], 1000).expect_err("a cut record");
        assert!(matches!(error, DecodeError::Malformed(_)), "cut at {len}: {error}");
    }
    assert_eq!(refused::<u32>(&[]), "malformed: cut short, at least 1 more bytes are needed");
}

#[test]
fn lengths_that_cannot_be_true_are_refused() {
    let sequence = "malformed: a sequence claims 1152921504606846976 elements, but the whole input has only 9 bytes";
    let text = "malformed: a text or byte string claims more bytes than any message has";
    assert_eq!(refused::<Vec<u64>>(&HUGE), sequence);
    assert_eq!(refused::<Vec<u8>>(&HUGE), sequence);
    assert_eq!(refused::<Vec<()>>(&HUGE), sequence, "else 2^60 turns of a loop");
    assert_eq!(refused::<BTreeMap<u8, u8>>(&HUGE), sequence);
    assert_eq!(refused::<String>(&HUGE), text);
    assert_eq!(refused::<&str>(&HUGE), text);
    assert_eq!(refused::<ServiceName>(&HUGE), text);
    // Below bincode's own limit, but not there.
    assert_eq!(refused::<String>(&[100, b'a']), "malformed: cut short, at least 99 more bytes are needed");
    // One level down, behind an option and an enum.
    let nested = [[1, 0].as_slice(), &HUGE].concat();
    assert!(refused::<Option<Result<Vec<u64>, u8>>>(&nested).contains("the whole input has only 11 bytes"));
}

#[test]
fn errors_say_what_is_wrong() {
    for (got, wanted) in [
        (refused::<bool>(&[7]), "malformed: 7 is neither 0 (false) nor 1 (true)"),
        (refused::<Option<u8>>(&[7, 0]), "malformed: 7 is no variant of Option<T>"),
        (refused::<String>(&[1, 0xff]), "malformed: a text is not UTF-8: invalid utf-8 sequence"),
        (refused::<EndpointKind>(&[9]), "malformed: invalid value: integer `9`, expected variant index 0 <= i < 4"),
        (refused::<u16>(&[0xfd; 9]), "malformed: a U64 where a U16 belongs"),
        (
            refused::<ServiceName>(&[4, b'M', b'a', b't', b'h']),
            "malformed: \"Math\" is not a service name: use labels of a-z",
        ),
    ] {
        assert!(got.starts_with(wanted), "{got:?} instead of {wanted:?}");
    }
}

#[test]
fn what_has_no_encoding_is_refused() {
    struct Unsized;
    impl Serialize for Unsized {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_seq(None).map(|_| unreachable!("bincode needs the length first"))
        }
    }
    assert!(encode(&Unsized).unwrap_err().to_string().starts_with("cannot encode: "));
}

/// Collects what a visitor is told in advance, and in which form texts reach it.
#[derive(Debug)]
struct Hint(Option<usize>);

impl<'de> Deserialize<'de> for Hint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Look;
        impl<'de> de::Visitor<'de> for Look {
            type Value = Hint;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a sequence")
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, mut access: A) -> Result<Hint, A::Error> {
                let hint = access.size_hint();
                while access.next_element::<u8>()?.is_some() {}
                Ok(Hint(hint))
            }
        }
        deserializer.deserialize_seq(Look)
    }
}

#[test]
fn sequences_get_no_hint_to_reserve_memory_by() {
    assert_eq!(decode::<Hint>(&[3, 1, 1, 1], 10).unwrap().0, None);
    // The same inside of everything that a value can be inside of.
    type Deep = (Option<Hint>, [Hint; 1], Result<Hint, u8>, Vec<Hint>, BTreeMap<u8, Hint>, std::ops::Range<Hint>);
    let deep = [&[1, 1, 1][..], &[1, 1], &[0, 1, 1], &[1, 1, 1], &[1, 5, 1, 1], &[1, 1, 1, 1]].concat();
    let (option, [array], result, vec, map, range) = decode::<Deep>(&deep, 100).unwrap();
    let in_option = option.unwrap().0;
    assert_eq!([in_option, array.0, result.unwrap().0, vec[0].0, map[&5].0, range.start.0, range.end.0], [None; 7]);
}

#[test]
fn texts_and_byte_strings_are_borrowed_before_they_are_copied() {
    static OWNED: AtomicBool = AtomicBool::new(false);
    struct Text;
    impl<'de> Deserialize<'de> for Text {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_string(Text)
        }
    }
    impl de::Visitor<'_> for Text {
        type Value = Text;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a text")
        }
        fn visit_str<E>(self, _: &str) -> Result<Text, E> {
            Ok(Text)
        }
        fn visit_string<E>(self, _: String) -> Result<Text, E> {
            OWNED.store(true, Relaxed);
            Ok(Text)
        }
    }
    assert!(decode::<Text>(&[2, b'h', b'i'], 10).is_ok());
    assert!(!OWNED.load(Relaxed), "bincode reserves what the length claims before it looks");
}

#[test]
fn byte_strings_have_the_encoding_of_sequences() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Piece<T>(#[serde(with = "bytes")] T)
    where
        T: AsRef<[u8]> + for<'a> TryFrom<&'a [u8]>;
    let whole = encode(&Piece(vec![1_u8, 2, 0xfe])).unwrap();
    assert_eq!(whole, encode(&vec![1_u8, 2, 0xfe]).unwrap());
    assert_eq!(decode(&whole, 10), Ok(Piece([1_u8, 2, 0xfe])));
    let error = refused::<Piece<[u8; 4]>>(&whole);
    assert_eq!(error, "malformed: invalid length 3, expected a byte string of the right length");
}

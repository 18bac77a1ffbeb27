use super::*;

#[test]
fn sizes_are_read_and_written_alike() {
    for (text, bytes) in [("512MiB", 512 << 20), ("1GiB", 1 << 30), ("3KiB", 3072), ("100B", 100)] {
        assert_eq!(text.parse::<Size>().unwrap(), Size(bytes));
        assert_eq!(Size(bytes).to_string(), text);
    }
    assert_eq!("4096".parse::<Size>().unwrap().to_string(), "4KiB");
    for text in ["", "MiB", "-1", "1.5MiB", "12 parsecs", "99999999999GiB"] {
        assert!(text.parse::<Size>().is_err(), "{text:?}");
    }
}

#[test]
fn chunks_make_up_exactly_the_size() {
    for size in [0, 1, CHUNK as u64 - 1, CHUNK as u64, CHUNK as u64 + 1, 10 * CHUNK as u64] {
        let lengths: Vec<usize> = chunks(size).map(|chunk| chunk.len()).collect();
        assert_eq!(lengths.iter().sum::<usize>() as u64, size);
        assert!(lengths.iter().rev().skip(1).all(|length| *length == CHUNK), "only the last may be short");
    }
}

#[test]
fn a_request_for_a_stream_is_told_from_one_to_echo() {
    assert_eq!(asked_for(&ask_for_stream(512 << 20)), Some(512 << 20));
    assert_eq!(asked_for(&request()), None);
}

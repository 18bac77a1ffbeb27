//! Names, ranges and hashes by themselves.

use std::io::Write;

use super::*;
use crate::tunnel::files::{
    hashes::Remembered,
    place::{Folder, Names, is_name},
    range::{Conditions, Wanted},
};

#[test]
fn a_path_is_a_list_of_names_or_none() {
    let names = |path: &str| Names::of_url(path).map(|names| names.as_slice().to_vec());
    assert_eq!(names("/"), Some(vec![]));
    assert_eq!(names("/a%20b/%C3%A9/"), Some(vec!["a b".to_owned(), "é".to_owned()]));
    let deep = "/a".repeat(65);
    for path in [
        "",
        "a",
        "//",
        "/a//b",
        "/.",
        "/..",
        "/a/..",
        "/a/../b",
        "/%2e%2e",
        "/%2E%2e/x",
        "/a%2Fb",
        "/a%2fb",
        "/a%5Cb",
        "/a\\b",
        "/%00",
        "/a%0Ab",
        "/%",
        "/%2",
        "/%zz",
        "/%ff",
        "/.atoll-part-1",
        &deep,
    ] {
        assert_eq!(names(path), None, "{path}");
    }
    let long = "a".repeat(256);
    assert!(!is_name(&long) && is_name(&long[..255]) && is_name("..a") && is_name(".hidden"));
    let names = Names::of_url("/a%20b/c%2Bd").unwrap();
    assert_eq!((names.url().as_str(), names.shown().as_str()), ("/a%20b/c%2Bd", "a b/c+d"));
    assert!(names.join("..").is_none() && names.join("x/y").is_none() && names.join("x").is_some());
}

#[test]
fn ranges_are_those_of_rfc_9110() {
    let wanted = |range: &str, size| Conditions { range: Some(range), ..Conditions::default() }.wanted(size, "\"t\"");
    for (range, expected) in [
        ("bytes=0-0", Wanted::Part(0..1)),
        ("bytes=0-", Wanted::Part(0..10)),
        ("bytes=9-", Wanted::Part(9..10)),
        ("bytes=3-5", Wanted::Part(3..6)),
        ("bytes=3-99", Wanted::Part(3..10)),
        ("bytes=3-99999999999999999999999", Wanted::Part(3..10)),
        ("bytes=-3", Wanted::Part(7..10)),
        ("bytes=-99", Wanted::Part(0..10)),
        ("bytes=10-", Wanted::Beyond),
        ("bytes=10-12", Wanted::Beyond),
        ("bytes=99999999999999999999999-", Wanted::Beyond),
        ("bytes=-0", Wanted::Beyond),
        ("bytes=5-3", Wanted::Whole),
        ("bytes=0-1,3-4", Wanted::Whole),
        ("bytes=", Wanted::Whole),
        ("bytes=-", Wanted::Whole),
        ("bytes=a-b", Wanted::Whole),
        ("bytes=+1-2", Wanted::Whole),
        ("lines=0-1", Wanted::Whole),
    ] {
        assert_eq!(wanted(range, 10), expected, "{range}");
    }
    assert_eq!(wanted("bytes=0-", 0), Wanted::Beyond);
    assert_eq!(wanted("bytes=-1", 0), Wanted::Beyond);
}

#[test]
fn conditions_come_before_ranges() {
    let base = Conditions { range: Some("bytes=1-2"), ..Conditions::default() };
    let wanted = |conditions: Conditions<'_>| conditions.wanted(10, "\"t\"");
    assert_eq!(wanted(Conditions { if_range: Some("\"t\""), ..base }), Wanted::Part(1..3));
    for other in ["\"u\"", "W/\"t\"", "Sat, 29 Oct 1994 19:43:31 GMT"] {
        assert_eq!(wanted(Conditions { if_range: Some(other), ..base }), Wanted::Whole, "{other}");
    }
    for same in ["\"t\"", "W/\"t\"", "\"u\", \"t\"", "*"] {
        assert_eq!(wanted(Conditions { if_none_match: Some(same), ..base }), Wanted::Known, "{same}");
    }
    assert_eq!(wanted(Conditions { if_none_match: Some("\"u\""), ..base }), Wanted::Part(1..3));
}

#[test]
fn hashes_tell_one_content_from_another() {
    let house = House::new();
    let hashes_of = |name: &str| {
        let folder = Folder::open(&house.shared()).unwrap();
        let (mut file, facts) = folder.file(name).unwrap();
        Remembered::default().of(&mut file, &facts).unwrap()
    };
    let small = hashes_of("a file.txt");
    assert_eq!((small.size, small.pieces.len(), small.is_sound()), (11, 1, true));
    let empty = hashes_of("empty");
    assert_eq!((empty.size, empty.pieces.len(), empty.is_sound()), (0, 0, true));
    fs::write(house.shared().join("big"), bytes(2 * (1 << 20) + 1)).unwrap();
    let big = hashes_of("big");
    assert_eq!((big.pieces.len(), big.piece(2).map(|(start, len, _)| (start, len))), (3, Some((2 << 20, 1))));
    for wrong in [
        Hashes { size: 12, ..(*small).clone() },
        Hashes { piece: 1, ..(*small).clone() },
        Hashes { pieces: Vec::new(), ..(*small).clone() },
        Hashes { pieces: empty.pieces.clone(), ..(*big).clone() },
        Hashes { root: big.root, ..(*small).clone() },
        Hashes { size: u64::MAX, ..(*small).clone() },
    ] {
        assert!(!wrong.is_sound(), "{wrong:?}");
    }
    let text = serde_json::to_string(&*big).unwrap();
    assert_eq!(serde_json::from_str::<Hashes>(&text).unwrap(), *big);
}

#[test]
fn hashes_are_made_anew_when_a_file_has_changed() {
    let house = House::new();
    let folder = Folder::open(&house.shared()).unwrap();
    let remembered = Remembered::default();
    let of = || {
        let (mut file, facts) = folder.file("a file.txt").unwrap();
        remembered.of(&mut file, &facts).unwrap()
    };
    let before = of();
    assert_eq!(of(), before);
    fs::OpenOptions::new().append(true).open(house.shared().join("a file.txt")).unwrap().write_all(b"!").unwrap();
    assert_ne!(of().root, before.root);
}

use std::io;

use futures::stream;
use http_body_util::StreamBody;
use hyper::body::Frame;

use super::*;

/// Lines of a body that arrives in these pieces, and perhaps breaks off.
fn lines(pieces: &[&[u8]], broken: bool) -> Lines<impl Body<Data = Bytes, Error = io::Error> + Unpin> {
    let pieces: Vec<_> = pieces.iter().map(|piece| Ok(Frame::data(Bytes::copy_from_slice(piece)))).collect();
    let end = broken.then(|| Err(io::Error::other("cut off")));
    Lines::new(StreamBody::new(stream::iter(pieces.into_iter().chain(end))))
}

async fn all(mut lines: Lines<impl Body<Data = Bytes, Error = io::Error> + Unpin>) -> (Vec<Bytes>, Option<LineError>) {
    let mut found = Vec::new();
    loop {
        match lines.next().await {
            Ok(Some(line)) => found.push(line),
            Ok(None) => return (found, None),
            Err(error) => return (found, Some(error)),
        }
    }
}

#[tokio::test]
async fn lines_are_the_same_however_they_arrive() {
    let text = b"{\"a\": 1}\r\n\n  \n[2]\n 3";
    for size in 1..=text.len() {
        let pieces: Vec<&[u8]> = text.chunks(size).collect();
        let (found, error) = all(lines(&pieces, false)).await;
        assert_eq!((found, error), (vec!["{\"a\": 1}".into(), "[2]".into(), "3".into()], None), "pieces of {size}");
    }
    assert_eq!(all(lines(&[], false)).await, (vec![], None));
    assert_eq!(all(lines(&[b"\n", b"\n"], false)).await, (vec![], None));
}

#[tokio::test]
async fn what_breaks_off_is_no_line() {
    let (found, error) = all(lines(&[b"1\n2"], true)).await;
    assert_eq!(found, ["1"]);
    assert!(matches!(error, Some(LineError::Broken(why)) if why == "cut off"));
}

#[tokio::test]
async fn a_line_has_a_limit_and_a_body_has_none() {
    let long = vec![b'x'; LONGEST / 2];
    let (found, error) = all(lines(&[&long, &long, b"\n1\n"], false)).await;
    assert_eq!((found.len(), error), (2, None), "exactly as long as may be");
    let (found, error) = all(lines(&[b"1\n", &long, &long, b"x", b"\n1\n"], false)).await;
    assert_eq!((found.len(), error), (1, Some(LineError::TooLong)));
    let many = [&[b'1'; 99][..], b"\n"].concat().repeat(2 * LONGEST / 100);
    let (found, error) = all(lines(&[&many], false)).await;
    assert_eq!((found.len(), error), (2 * LONGEST / 100, None));
}

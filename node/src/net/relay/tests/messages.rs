//! The messages as they are on the wire, and bytes that are none.

use futures::{AsyncReadExt, io::Cursor};

use crate::net::relay::messages::{self, HopKind, HopMessage, MAX_MESSAGE, Peer, ReadError, Reservation, Status};

async fn read(bytes: &[u8]) -> Result<HopMessage, ReadError> {
    messages::read(&mut Cursor::new(bytes)).await
}

/// By hand after the specification: field number and type in one byte, then the value.
#[tokio::test]
async fn messages_are_as_specified() {
    let reserve = [2, 0x08, 0];
    assert_eq!(read(&reserve).await.unwrap(), HopMessage { kind: Some(HopKind::Reserve.into()), ..Default::default() });
    let connect = [8, 0x08, 1, 0x12, 4, 0x0a, 2, b'i', b'd'];
    let peer = Some(Peer { id: b"id".to_vec() });
    assert_eq!(
        read(&connect).await.unwrap(),
        HopMessage { kind: Some(HopKind::Connect.into()), peer, ..Default::default() }
    );

    let mut written = Vec::new();
    let reservation = Some(Reservation { expire: Some(5), addrs: vec![vec![9]] });
    let status = HopMessage { reservation, ..HopMessage::answer(Status::NoReservation) };
    messages::write(&mut written, &status).await.unwrap();
    assert_eq!(written, [12, 0x08, 2, 0x1a, 5, 0x08, 5, 0x12, 1, 9, 0x28, 0xcc, 0x01]);
    assert_eq!(read(&written).await.unwrap(), status);
}

#[tokio::test]
async fn fields_that_a_relay_does_not_heed_are_passed_over() {
    // Addresses of the target, a limit, and a field that nobody knows.
    let connect = [18, 0x08, 1, 0x12, 7, 0x0a, 2, b'i', b'd', 0x12, 1, 4, 0x22, 2, 0x08, 7, 0x7a, 1, 0];
    assert_eq!(read(&connect).await.unwrap().peer.unwrap().id, b"id");
}

#[tokio::test]
async fn what_follows_a_message_is_left() {
    let mut bytes = Cursor::new([2, 0x08, 0, b'r', b'e', b's', b't']);
    messages::read::<HopMessage>(&mut bytes).await.unwrap();
    let mut rest = String::new();
    bytes.read_to_string(&mut rest).await.unwrap();
    assert_eq!(rest, "rest");
}

#[tokio::test]
async fn bytes_that_are_no_message_are_told_apart_from_an_end() {
    for long in [&[0x81, 0x20][..], &[0x80, 0x80, 0x01], &[0xff, 0xff, 0xff]] {
        assert!(matches!(read(long).await, Err(ReadError::TooLong { .. })), "{long:x?}");
    }
    for malformed in [&[1, 0xff][..], &[2, 0x08, 0x80], &[3, 0x12, 9, 0]] {
        assert!(matches!(read(malformed).await, Err(ReadError::Malformed(_))), "{malformed:x?}");
    }
    for cut in [&[][..], &[0x80], &[2, 0x08]] {
        assert!(matches!(read(cut).await, Err(ReadError::Io(_))), "{cut:x?}");
    }
    let largest = HopMessage { peer: Some(Peer { id: vec![1; MAX_MESSAGE - 6] }), ..Default::default() };
    let mut written = Vec::new();
    messages::write(&mut written, &largest).await.unwrap();
    assert_eq!(written.len(), MAX_MESSAGE + 2);
    assert_eq!(read(&written).await.unwrap(), largest);
}

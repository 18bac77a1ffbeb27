//! Tests of tickets: each way in which one is not good is told apart.

use proptest::prelude::*;

use super::*;
use crate::{
    golden::{key, network, other_key, sealed, tunnel::ticket},
    identity::SecretKey,
};

fn word() -> TicketWord {
    TicketWord::new(network(), sealed(ticket()))
}

fn admit(signed: Signed<Ticket>, now: u64) -> Result<(), TicketRefusal> {
    let (me, service) = (key().node_id(), ticket().service);
    Ticket::admit(signed, &network(), &me, &service, UnixMillis(now)).map(drop)
}

#[test]
fn a_word_is_read_as_it_was_written() {
    let text = word().to_string();
    assert!(text.starts_with("atoll:") && text.len() < 400 && text.bytes().all(|b| b.is_ascii_graphic()), "{text}");
    let read: TicketWord = text.parse().unwrap();
    assert_eq!(read, word());
    assert_eq!(format!(" {text}\n").parse(), Ok(word()), "white space around it is not the ticket's");
    assert_eq!(read.open(&network()).unwrap().value(), &ticket());
    assert!(!format!("{read:?}").contains(&text[6..20]), "what is logged is not the secret");
    assert_eq!(serde_json::from_str::<TicketWord>(&serde_json::to_string(&word()).unwrap()).unwrap(), word());
}

#[test]
fn the_issuer_lets_in_who_shows_it_in_time() {
    assert_eq!(admit(sealed(ticket()), ticket().issued.0), Ok(()));
    assert_eq!(admit(sealed(ticket()), ticket().expires.0 - 1), Ok(()));
}

#[test]
fn an_expired_ticket_is_refused() {
    let refused = admit(sealed(ticket()), ticket().expires.0 + 65_000).unwrap_err();
    assert_eq!(refused, TicketRefusal::Expired { id: ticket().id, late_ms: 65_000 });
    assert!(refused.to_string().contains("65 s ago"), "{refused}");
    assert!(matches!(admit(sealed(ticket()), ticket().expires.0), Err(TicketRefusal::Expired { late_ms: 0, .. })));
}

#[test]
fn somebody_elses_ticket_is_refused() {
    let theirs = Signed::seal(&other_key(), &network(), ticket()).unwrap().signed();
    assert!(matches!(admit(theirs, 0), Err(TicketRefusal::Foreign { issuer, .. }) if issuer == other_key().node_id()));
}

#[test]
fn a_ticket_for_another_service_is_refused() {
    let other = Ticket { service: "secrets".parse().unwrap(), ..ticket() };
    let refused = admit(sealed(other), 0).unwrap_err();
    assert_eq!(refused.to_string(), "the ticket is for secrets, not for photos");
}

#[test]
fn a_ticket_of_another_network_is_refused() {
    let island: NetworkName = "island".parse().unwrap();
    let there = Signed::seal(&key(), &island, ticket()).unwrap().signed();
    assert!(matches!(admit(there.clone(), 0), Err(TicketRefusal::Unsound(SealError::Forged { .. }))));
    let word = TicketWord::new(island.clone(), there.clone());
    let refused = word.open(&network()).unwrap_err();
    assert_eq!(refused, TicketError::Network { theirs: island, ours: network() });
    assert!(refused.to_string().contains("--network island"), "{refused}");
    // Whoever writes another network over it gains nothing.
    assert!(matches!(TicketWord::new(network(), there).open(&network()), Err(TicketError::Unsound(_))));
}

#[test]
fn a_ticket_that_breaks_a_rule_is_not_issued() {
    let seal = |ticket| Signed::seal(&key(), &network(), ticket).map(drop);
    let many = vec![vec![1]; limits::TICKET_ADDRESSES + 1];
    let year = u64::try_from(limits::TICKET_LIFE.as_millis()).unwrap();
    for wrong in [
        Ticket { addresses: many, ..ticket() },
        Ticket { addresses: vec![vec![0; limits::TICKET_ADDRESS + 1]], ..ticket() },
        Ticket { expires: ticket().issued, ..ticket() },
        Ticket { expires: UnixMillis(0), ..ticket() },
        Ticket { expires: UnixMillis(ticket().issued.0 + year + 1), ..ticket() },
    ] {
        assert!(matches!(seal(wrong.clone()), Err(SealError::Invalid { .. })), "{wrong:?}");
    }
    // The largest one fits into its word.
    let full = vec![vec![255; limits::TICKET_ADDRESS]; limits::TICKET_ADDRESSES];
    let service = "s".repeat(limits::SERVICE_NAME).parse().unwrap();
    let full = Ticket { addresses: full, service, expires: UnixMillis(ticket().issued.0 + year), ..ticket() };
    let network: NetworkName = "n".repeat(limits::NETWORK_NAME).parse().unwrap();
    let full = TicketWord::new(network.clone(), Signed::seal(&key(), &network, full).unwrap().signed());
    assert_eq!(full.to_string().parse(), Ok(full));
}

#[test]
fn what_is_no_ticket_is_told_apart() {
    let text = word().to_string();
    assert!(matches!("".parse::<TicketWord>(), Err(TicketError::NoTicket(_))));
    assert!(matches!("photos".parse::<TicketWord>(), Err(TicketError::NoTicket(_))));
    assert_eq!("atoll:".parse::<TicketWord>(), Err(TicketError::Garbled));
    assert_eq!("atoll:0OIl".parse::<TicketWord>(), Err(TicketError::Garbled));
    assert_eq!(text[..text.len() - 1].parse::<TicketWord>(), Err(TicketError::Garbled));
    let long = format!("atoll:{}", "2".repeat(limits::TICKET_TEXT));
    assert_eq!(long.parse::<TicketWord>(), Err(TicketError::TooLong(long.len())));
    let with_sum = |said: &[u8]| {
        let bytes = [said, &checksum(said)].concat();
        format!("{SCHEME}{}", bs58::encode(bytes).into_string()).parse::<TicketWord>()
    };
    assert_eq!(with_sum(&[9, 1, 2]), Err(TicketError::Form(9)));
    assert!(matches!(with_sum(&[FORM, 1, 2]), Err(TicketError::Unreadable(_))));
    assert_eq!(with_sum(&[]), Err(TicketError::Garbled));
}

#[test]
fn ids_are_sixteen_digits() {
    let id = TicketId(0x0123_4567_89ab_cdef);
    assert_eq!((id.to_string().as_str(), "0123456789abcdef".parse()), ("0123456789abcdef", Ok(id)));
    for wrong in ["", "+123456789abcdef", "0123456789abcde", "0123456789abcdefa", "0123456789abcdeg"] {
        assert!(wrong.parse::<TicketId>().is_err(), "{wrong}");
    }
}

proptest! {
    /// Whatever one changes in a ticket whose checksum is made to fit, it lets nobody in.
    #[test]
    fn mutated_tickets_let_nobody_in(at in any::<prop::sample::Index>(), flip in 1..=255_u8) {
        let mut bytes = word().bytes().unwrap();
        bytes.truncate(bytes.len() - CHECKSUM);
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        let sum = checksum(&bytes);
        bytes.extend(sum);
        let text = format!("{SCHEME}{}", bs58::encode(&bytes).into_string());
        let admitted = text.parse::<TicketWord>().is_ok_and(|word| {
            word.open(&network()).is_ok() && admit(word.ticket, ticket().issued.0).is_ok()
        });
        prop_assert!(!admitted, "byte {at} changed by {flip}");
    }

    #[test]
    fn strangers_words_do_no_harm(text in "(atoll:)?[1-9A-HJ-NP-Za-km-z]{0,400}") {
        let _ = text.parse::<TicketWord>();
    }

    #[test]
    fn nobody_elses_key_makes_one(seed in any::<[u8; 32]>()) {
        let stranger = SecretKey::from_seed(&seed);
        let forged = Signed::seal(&stranger, &network(), ticket()).unwrap().signed();
        prop_assert!(stranger.node_id() == key().node_id() || admit(forged, 0).is_err());
    }
}

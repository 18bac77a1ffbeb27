//! Values of what is said of tunnels.

use super::{ISSUED, extensions, sealed};
use crate::{
    service::{Extensions, UnixMillis},
    ticket::{Opens, Ticket, TicketId},
    tunnel::{Hello, Purpose, Welcome},
};

pub(crate) fn ticket() -> Ticket {
    Ticket {
        id: TicketId(0x0123_4567_89ab_cdef),
        service: "photos".parse().unwrap(),
        opens: Opens::Http,
        issued: ISSUED,
        expires: UnixMillis(ISSUED.0 + 86_400_000),
        // /ip4/192.0.2.7/tcp/4077
        addresses: vec![vec![0x04, 192, 0, 2, 7, 0x06, 0x0f, 0xed]],
        extensions: Extensions::new(),
    }
}

pub(crate) fn hello() -> Hello {
    Hello { purpose: Purpose::Bytes, ticket: None, extensions: Extensions::new() }
}

pub(crate) fn hello_full() -> Hello {
    Hello { purpose: Purpose::Http, ticket: Some(sealed(ticket())), extensions: extensions() }
}

pub(crate) fn welcome() -> Welcome {
    Welcome { extensions: Extensions::new() }
}

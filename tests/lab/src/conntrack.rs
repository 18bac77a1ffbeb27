//! Making the kernel's connection tracking forget.

use std::io;

use anyhow::{Context, Result, anyhow, ensure};
use netlink_sys::{Socket, SocketAddr, constants::NETLINK_NETFILTER};

/// `NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE`
const DELETE: u16 = 0x0102;
/// `NLM_F_REQUEST | NLM_F_ACK`
const REQUEST: u16 = 0x0005;
/// `NLMSG_ERROR`, which is also how success is told: with the error 0.
const ERROR: u16 = 2;

/// Forgets every flow of the network namespace that this process runs in.
///
/// The request is a netlink header (length, type, flags, sequence, port), and the netfilter header behind it (family,
/// version, resource), without any attribute that would name a flow: all of them.
///
/// # Errors
/// If the kernel has no connection tracking, or refuses.
pub fn flush() -> Result<()> {
    let socket = Socket::new(NETLINK_NETFILTER).context("cannot open a netlink socket to netfilter")?;
    let mut request = Vec::with_capacity(20);
    request.extend(20_u32.to_ne_bytes());
    request.extend(DELETE.to_ne_bytes());
    request.extend(REQUEST.to_ne_bytes());
    request.extend(1_u32.to_ne_bytes());
    request.extend([0; 8]);
    socket.send_to(&request, &SocketAddr::new(0, 0), 0).context("cannot ask netfilter")?;
    let (answer, _) = socket.recv_from_full().context("netfilter does not answer")?;
    let code = error_code(&answer).ok_or_else(|| anyhow!("netfilter answers with something else: {answer:?}"))?;
    ensure!(
        code == 0,
        "netfilter refuses to forget its flows: {}",
        io::Error::from_raw_os_error(code.saturating_neg())
    );
    Ok(())
}

fn error_code(answer: &[u8]) -> Option<i32> {
    let kind = u16::from_ne_bytes(answer.get(4..6)?.try_into().ok()?);
    if kind != ERROR {
        return None;
    }
    Some(i32::from_ne_bytes(answer.get(16..20)?.try_into().ok()?))
}

//! The proof over TCP.

use std::net::SocketAddrV4;

use anyhow::{Context, Result, ensure};

use super::{PATIENCE, Subject, filtering, mapping, preserves_port};
use crate::nat::Half;

/// How long a connection from outside may take, in milliseconds: less than the first repetition of what was dropped.
const KNOCK: u64 = 700;

impl Subject<'_> {
    /// Nothing if no connection gets out.
    pub(super) async fn tcp(&self) -> Result<Option<Half>> {
        let [first, second] = &self.observers.reflectors;
        let [near, far] = &self.observers.probes;
        // Three connections from one port: to two ports of one host, and to another host.
        let another = SocketAddrV4::new(near.address(), near.listen(0).await?);
        let Some(same) = self.probe.connect(0, first.tcp, PATIENCE).await? else { return Ok(None) };
        let port =
            self.probe.connect(same.port, another, PATIENCE).await?.context("one port is reached, another not")?;
        let address = self.probe.connect(same.port, second.tcp, PATIENCE).await?.context("another host not reached")?;

        // A port that listens, and from which one connection goes out.
        let listening = self.probe.listen(0).await?;
        let inside = SocketAddrV4::new(self.site.external_address()?, listening);
        let unsolicited = far.connect(0, inside, KNOCK).await?.is_some();
        let out = self.probe.connect(listening, first.tcp, PATIENCE).await?.context("no answer to a new connection")?;
        ensure!(out.port == listening, "it connects from port {} instead of {listening}", out.port);
        let (other_port, other_address) =
            tokio::try_join!(near.connect(0, out.as_address, KNOCK), far.connect(0, out.as_address, KNOCK))?;
        Ok(Some(Half {
            mapping: mapping(same.as_address, port.as_address, address.as_address),
            preserves_port: preserves_port(&[same, port, address]),
            filtering: filtering(other_port.is_some(), other_address.is_some())?,
            unsolicited,
        }))
    }
}

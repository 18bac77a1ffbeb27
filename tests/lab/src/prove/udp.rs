//! The proof over UDP.

use std::net::SocketAddrV4;

use anyhow::{Context, Result, ensure};

use super::{PATIENCE, Subject, filtering, mapping, preserves_port};
use crate::nat::{Half, Scope};

/// Datagrams of each kind, since one may be dropped for want of room.
const COPIES: usize = 3;

impl Subject<'_> {
    /// Nothing if no datagram gets out.
    pub(super) async fn udp(&self) -> Result<Option<Half>> {
        let [first, second] = &self.observers.reflectors;
        let (socket, _) = self.probe.bind().await?;
        let [a, b] = first.udp;
        let [c, _] = second.udp;
        let Some(same) = self.probe.observe(socket, a, PATIENCE).await? else { return Ok(None) };
        let port = self.probe.observe(socket, b, PATIENCE).await?.context("one port is reached and another is not")?;
        let address = self.probe.observe(socket, c, PATIENCE).await?.context("one host is reached, another is not")?;
        let unsolicited = self.unsolicited().await?;
        Ok(Some(Half {
            mapping: mapping(same.as_address, port.as_address, address.as_address),
            preserves_port: preserves_port(&[same, port, address]),
            filtering: self.filter().await?,
            unsolicited,
        }))
    }

    /// Sends to a socket that has sent to one destination: from there, from another port there, from elsewhere.
    async fn filter(&self) -> Result<Scope> {
        let [first, second] = &self.observers.reflectors;
        let [near, far] = &self.observers.probes;
        let ([a, _], [same, other_port], [other_host, _]) = (first.udp, first.sockets, second.sockets);
        let (socket, _) = self.probe.bind().await?;
        let seen = self.probe.observe(socket, a, PATIENCE).await?.context("no answer to a new socket")?;
        let to = seen.as_address;
        for _ in 0..COPIES {
            far.send(other_host, to, "from another host").await?;
            near.send(other_port, to, "from another port").await?;
        }
        near.send(same, to, "from the same port").await?;
        let inbox = self.probe.inbox(socket, "from the same port", PATIENCE).await?;
        let came = |text: &str| inbox.iter().any(|datagram| datagram.text == text);
        ensure!(came("from the same port"), "a reply does not get in: {inbox:?}");
        filtering(came("from another port"), came("from another host"))
    }

    /// Sends to a socket that has sent nothing, where it would be seen if ports were preserved.
    async fn unsolicited(&self) -> Result<bool> {
        let [first, second] = &self.observers.reflectors;
        let [_, far] = &self.observers.probes;
        let ([a, _], [stranger, _]) = (first.udp, second.sockets);
        let (socket, port) = self.probe.bind().await?;
        for _ in 0..COPIES {
            far.send(stranger, SocketAddrV4::new(self.site.external_address()?, port), "unsolicited").await?;
        }
        // The question opens the way for its own answer, behind which nothing else is under way.
        self.probe.send(socket, a, "who am I end").await?;
        let inbox = self.probe.inbox(socket, "you are end", PATIENCE).await?;
        ensure!(inbox.iter().any(|datagram| datagram.text.starts_with("you are end")), "no answer: {inbox:?}");
        Ok(inbox.iter().any(|datagram| datagram.text == "unsolicited"))
    }

    /// Sends from one socket behind the NAT to another one's external address.
    pub(super) async fn hairpin(&self) -> Result<bool> {
        if self.site.gateways.is_empty() {
            return Ok(false);
        }
        let [first, _] = &self.observers.reflectors;
        let [near, _] = &self.observers.probes;
        let ([a, _], [same, _]) = (first.udp, first.sockets);
        let ((from, _), (to, _)) = (self.probe.bind().await?, self.probe.bind().await?);
        let Some(seen) = self.probe.observe(to, a, PATIENCE).await? else { return Ok(false) };
        for _ in 0..COPIES {
            self.probe.send(from, seen.as_address, "hairpin").await?;
        }
        near.send(same, seen.as_address, "end").await?;
        let inbox = self.probe.inbox(to, "end", PATIENCE).await?;
        ensure!(inbox.iter().any(|datagram| datagram.text == "end"), "a reply does not get in: {inbox:?}");
        Ok(inbox.iter().any(|datagram| datagram.text == "hairpin"))
    }
}

//! A host: a namespace in which programs run.

use std::{
    ffi::OsStr,
    net::{Ipv4Addr, Ipv6Addr},
    process::Stdio,
};

use anyhow::{Context, Result, anyhow};
use tokio::process::{Child, Command};

use super::{Link, Namespace, Network, meter, meter::Flow};
use crate::rules;

/// The interface that a host is first attached with.
pub(super) const FIRST_INTERFACE: &str = "eth0";

/// A host with one interface or more.
#[derive(Debug)]
pub struct Host {
    namespace: Namespace,
    links: Vec<(String, Link)>,
}

impl Host {
    pub(super) fn new(namespace: Namespace, link: Link) -> Self {
        Self { namespace, links: vec![(FIRST_INTERFACE.to_owned(), link)] }
    }

    /// Its namespace, with its name.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// The address of its first interface.
    ///
    /// # Errors
    /// If it has none, because all were removed.
    pub fn address(&self) -> Result<Ipv4Addr> {
        self.links
            .first()
            .map(|(_, link)| link.address())
            .ok_or_else(|| anyhow!("{} has no interface", self.namespace.name()))
    }

    /// The IPv6 address of its first interface, if there is one.
    #[must_use]
    pub fn address6(&self) -> Option<Ipv6Addr> {
        self.links.first().and_then(|(_, link)| link.address6())
    }

    /// The link of that interface, such as `eth0`.
    ///
    /// # Errors
    /// If it has no such interface.
    pub fn link(&self, interface: &str) -> Result<&Link> {
        self.links
            .iter()
            .find_map(|(name, link)| (name == interface).then_some(link))
            .with_context(|| format!("{} has no interface {interface}", self.namespace.name()))
    }

    /// A command that runs `program` here. What it starts is killed, by its process id, when its handle is dropped.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::from(self.namespace.command(program));
        command.kill_on_drop(true);
        command
    }

    /// Starts `program` here, with pipes to its input and its outputs. It is killed when the handle is dropped.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn spawn<A: AsRef<OsStr>>(
        &self,
        program: impl AsRef<OsStr>,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<Child> {
        let shown = program.as_ref().to_string_lossy().into_owned();
        self.command(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {shown} on {}", self.namespace.name()))
    }

    /// Adds an interface in that network. Its default route stands behind those that are there.
    ///
    /// # Errors
    /// If the name is taken or the network is full.
    pub fn add_interface(&mut self, interface: &str, network: &Network) -> Result<&Link> {
        let link = network.attach(&self.namespace, interface)?;
        self.links.push((interface.to_owned(), link));
        self.link(interface)
    }

    /// Removes an interface, with its addresses and routes.
    ///
    /// # Errors
    /// If it has no such interface.
    pub fn remove_interface(&mut self, interface: &str) -> Result<()> {
        let at = self
            .links
            .iter()
            .position(|(name, _)| name == interface)
            .with_context(|| format!("{} has no interface {interface}", self.namespace.name()))?;
        self.links.remove(at).1.remove()
    }

    /// Leaves all its networks and joins that one, as a laptop that is carried elsewhere does. Programs keep running.
    ///
    /// # Errors
    /// If the network is full.
    pub fn roam(&mut self, network: &Network) -> Result<()> {
        for (_, link) in self.links.drain(..) {
            link.remove()?;
        }
        self.add_interface(FIRST_INTERFACE, network)?;
        Ok(())
    }

    /// Drops all UDP from and to this host.
    ///
    /// # Errors
    /// If nftables refuses.
    pub fn block_udp(&self) -> Result<()> {
        self.namespace.nft(rules::block_udp())
    }

    /// Ends [`block_udp`](Self::block_udp).
    ///
    /// # Errors
    /// If nftables refuses.
    pub fn unblock_udp(&self) -> Result<()> {
        self.namespace.nft(rules::unblock_udp())
    }

    /// Counts packets by the other end from now on, from zero.
    ///
    /// # Errors
    /// If nftables refuses.
    pub fn meter(&self) -> Result<()> {
        self.namespace.nft(rules::meter())
    }

    /// What was counted since [`meter`](Self::meter).
    ///
    /// # Errors
    /// If it was never called, or nftables says something unknown.
    pub fn flows(&self) -> Result<Vec<Flow>> {
        meter::flows(&self.namespace)
    }
}

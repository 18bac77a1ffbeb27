//! A router that translates.

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    path::Path,
    sync::Mutex,
    time::Duration,
};

use anyhow::{Context, Result, anyhow};

use super::{Link, Namespace, Network, PortMapper};
use crate::rules::{LAN, Ports, Translation, WAN, block_udp, cut_off, firewall6, not_cut_off, only_tcp, unblock_udp};

/// What [`Gateway::rebind`] turns over in the ports.
const REBINDING: u16 = 0x0800;

/// A router between an inside network and an outside one.
#[derive(Debug)]
pub struct Gateway {
    namespace: Namespace,
    wan: Link,
    lan: Network,
    translation: Mutex<Translation>,
}

impl Gateway {
    /// Makes a router of a namespace that is attached to the outside as [`WAN`]; `inside` is its address there.
    pub(super) fn create(namespace: Namespace, wan: Link, inside: Ipv4Addr, translation: Translation) -> Result<Self> {
        namespace.sysctl(&[("net/ipv4/ip_forward", "1")])?;
        let lan = Network::create(&namespace, LAN, inside)?;
        let gateway = Self { namespace, wan, lan, translation: Mutex::new(translation) };
        gateway.set_udp_timeout(translation.udp_timeout)?;
        Ok(gateway)
    }

    /// Gives the inside IPv6 addresses in the /64 of `inside`, which is the router's own there, and lets only replies in. Hosts
    /// that are attached from now on have one.
    ///
    /// # Errors
    /// If there is no IPv6 outside, or the kernel refuses.
    pub(super) fn add_ipv6(&mut self, inside: Ipv6Addr) -> Result<()> {
        let own = self.wan.address6().context("there is no IPv6 outside; give the lab some: Lab::with_ipv6")?;
        self.namespace.nft(&firewall6())?;
        self.lan = self.lan.clone().with_ipv6(inside)?;
        self.wan.network().route6(inside, own)
    }

    /// Its namespace, with its name.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// The network inside.
    #[must_use]
    pub fn lan(&self) -> &Network {
        &self.lan
    }

    /// Its link to the outside.
    #[must_use]
    pub fn wan(&self) -> &Link {
        &self.wan
    }

    /// Sets how long UDP mappings live without a packet, in whole seconds, at least one: those of connection tracking,
    /// one-way or both ways, and the router's own. Flows that are there keep the time they were given.
    ///
    /// # Errors
    /// If the kernel or nftables refuses.
    pub fn set_udp_timeout(&self, timeout: Duration) -> Result<()> {
        let seconds = timeout.as_secs().max(1).to_string();
        self.namespace.sysctl(&[
            ("net/netfilter/nf_conntrack_udp_timeout", &seconds),
            ("net/netfilter/nf_conntrack_udp_timeout_stream", &seconds),
        ])?;
        self.change(|translation| translation.udp_timeout = timeout)
    }

    /// Forgets every flow and mapping, as a router that was switched off and on: packets from outside are dropped until
    /// the inside sends again, and a NAT that chooses ports at random then chooses others. `lab` is the program of that
    /// name, which does it.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn forget(&self, lab: &Path) -> Result<()> {
        self.change(|_| {})?;
        self.namespace.output(lab, &["conntrack-flush"])?;
        Ok(())
    }

    /// Forgets everything and uses other external ports from now on, so that every socket inside appears elsewhere.
    ///
    /// # Errors
    /// If the kernel or nftables refuses.
    pub fn rebind(&self, lab: &Path) -> Result<()> {
        self.change(|translation| {
            if let Ports::Fixed(bits) = &mut translation.ports {
                *bits ^= REBINDING;
            }
        })?;
        self.namespace.output(lab, &["conntrack-flush"])?;
        Ok(())
    }

    /// Drops all UDP that passes.
    ///
    /// # Errors
    /// If nftables refuses.
    pub fn block_udp(&self) -> Result<()> {
        self.namespace.nft(block_udp())
    }

    /// Ends [`block_udp`](Self::block_udp).
    ///
    /// # Errors
    /// If nftables refuses.
    pub fn unblock_udp(&self) -> Result<()> {
        self.namespace.nft(unblock_udp())
    }

    /// Drops all that comes from an address outside, or goes there: whoever is there is out of reach on a direct path.
    ///
    /// # Errors
    /// If nftables refuses.
    pub fn cut_off(&self, address: Ipv4Addr) -> Result<()> {
        self.namespace.nft(&cut_off(address))
    }

    /// Ends [`cut_off`](Self::cut_off).
    ///
    /// # Errors
    /// If nftables refuses.
    pub fn not_cut_off(&self) -> Result<()> {
        self.namespace.nft(not_cut_off())
    }

    /// Lets nothing out from now on but TCP to that port, as the network of a hotel or an office may.
    ///
    /// # Errors
    /// If nftables refuses.
    pub fn let_out_only_tcp(&self, port: u16) -> Result<()> {
        self.namespace.nft(&only_tcp(port))
    }

    /// Maps ports from now on for hosts inside that ask for it, until the handle is dropped. `stun` is a host that tells it its
    /// address: see [`Probe::stun`](crate::probe::Probe::stun).
    ///
    /// # Errors
    /// If the program for it is not installed, or does not start; with all that it said.
    pub async fn map_ports(&self, stun: Ipv4Addr) -> Result<PortMapper> {
        PortMapper::available()?;
        self.change(|translation| translation.maps_ports = true)?;
        PortMapper::start(&self.namespace, stun).await
    }

    /// Puts new rules in place of the old ones; mappings of the open kinds are empty then.
    fn change(&self, change: impl FnOnce(&mut Translation)) -> Result<()> {
        let mut translation = self.translation.lock().map_err(|_| anyhow!("a change of {WAN} failed before"))?;
        change(&mut translation);
        self.namespace.nft(&translation.ruleset())
    }
}

//! The nftables rules that make a router what it is.
//!
//! Pure: text in, text out. The traps that shape them:
//! - **A router drops what it did not ask for.** One that accepts it, as a bare `masquerade` does, confirms a conntrack
//!   entry for a packet of the other side that comes too early, and then has to give its own flow another port.
//! - **A nat chain sees only the first packet of a flow**, so the maps of the kinds that let others in are filled and
//!   refreshed by a *filter* chain behind it, where the packet already carries its external port.
//! - **No hairpinning**: what comes from inside for the external address ends at the router, and is dropped there.

#[cfg(test)]
mod tests;

use std::{fmt::Write as _, net::Ipv4Addr, time::Duration};

use crate::nat::Scope;

/// The interface to the outside, in every router.
pub const WAN: &str = "wan";
/// The interface to the inside, in every router.
pub const LAN: &str = "lan";

/// The table for what hosts inside have asked a router to let in.
pub const UPNP_TABLE: &str = "lab_upnp";
/// Where a router that maps ports is asked by HTTP.
pub const UPNP_HTTP: u16 = 5000;

/// Live mappings of a router at most; beyond that, no new ones are let in from outside.
const MAPPINGS: u32 = 16_384;
/// How long a mapping for TCP lives (RFC 5382, REQ-5: at least 2 h 4 min).
const TCP_MAPPING: Duration = Duration::from_secs(7440);

/// How a router chooses external ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ports {
    /// The port inside with these bits turned over, the same for every destination; 0 preserves it.
    Fixed(u16),
    /// At random for each destination.
    Random,
}

/// How a router translates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Translation {
    /// The external ports.
    pub ports: Ports,
    /// What it lets in for a mapping that lives.
    pub filtering: Scope,
    /// Whether it passes UDP at all.
    pub udp: bool,
    /// How long a mapping for UDP lives without a packet from inside.
    pub udp_timeout: Duration,
    /// Whether hosts inside may ask it to map ports, by UPnP-IGD, NAT-PMP and PCP.
    pub maps_ports: bool,
}

impl Translation {
    /// The rules of a router, replacing those it has.
    #[must_use]
    pub fn ruleset(&self) -> String {
        let mut rules = String::from("table ip lab\ndelete table ip lab\ntable ip lab {\n");
        self.inbound(&mut rules);
        self.outbound(&mut rules);
        let asked = if self.maps_ports {
            format!(
                "    iifname \"{LAN}\" udp dport {{ 1900, 5351 }} accept;\n    iifname \"{LAN}\" tcp dport {UPNP_HTTP} accept;\n"
            )
        } else {
            String::new()
        };
        let no_udp = if self.udp { "" } else { "    meta l4proto udp drop;\n" };
        let _ = write!(
            rules,
            r#"  chain forward {{ type filter hook forward priority filter; policy drop;
{no_udp}    iifname "{LAN}" oifname "{WAN}" accept;
    ct state established,related accept;
    ct status dnat accept;
  }}
  chain input {{ type filter hook input priority filter; policy drop;
    iifname "lo" accept;
    ct state established,related accept;
    iifname "{LAN}" meta l4proto icmp accept;
{asked}  }}
}}
"#
        );
        rules
    }

    /// What is let in besides replies, and how the router learns to whom it belongs.
    fn inbound(&self, rules: &mut String) {
        let (guard, contacted) = match self.filtering {
            Scope::EndpointIndependent => ("", false),
            Scope::AddressDependent => ("meta l4proto . th dport . ip saddr @contacted ", true),
            // Replies, and nothing else: that is what connection tracking does by itself.
            Scope::AddressAndPortDependent => return,
        };
        let _ = write!(
            rules,
            r#"  map mappings {{ type inet_proto . inet_service : ipv4_addr . inet_service; flags dynamic,timeout; size {MAPPINGS}; }}
  set contacted {{ type inet_proto . inet_service . ipv4_addr; flags dynamic,timeout; size {MAPPINGS}; }}
  chain arriving {{ type nat hook prerouting priority dstnat; policy accept;
    iifname "{WAN}" meta l4proto {{ tcp, udp }} {guard}dnat ip to meta l4proto . th dport map @mappings;
  }}
  chain learn {{ type filter hook postrouting priority srcnat + 10; policy accept;
"#
        );
        for (protocol, timeout) in [("udp", self.udp_timeout), ("tcp", TCP_MAPPING)] {
            let key = format!("meta l4proto . {protocol} sport");
            let timeout = format!("timeout {}s", timeout.as_secs().max(1));
            // The inside of a flow that began inside, and of one that began outside.
            for direction in ["original", "reply"] {
                let _ = writeln!(
                    rules,
                    r#"    oifname "{WAN}" meta l4proto {protocol} ct direction {direction} update @mappings {{ {key} {timeout} : ct {direction} ip saddr . ct {direction} proto-src }};"#
                );
            }
            if contacted {
                let _ = writeln!(
                    rules,
                    r#"    oifname "{WAN}" meta l4proto {protocol} update @contacted {{ {key} . ip daddr {timeout} }};"#
                );
            }
        }
        rules.push_str("  }\n");
    }

    fn outbound(&self, rules: &mut String) {
        rules.push_str("  chain leaving { type nat hook postrouting priority srcnat; policy accept;\n");
        match self.ports {
            Ports::Fixed(0) => {}
            Ports::Fixed(bits) => {
                for protocol in ["udp", "tcp"] {
                    let _ = writeln!(
                        rules,
                        r#"    oifname "{WAN}" meta l4proto {protocol} masquerade to :{protocol} sport ^ {bits};"#
                    );
                }
            }
            Ports::Random => {
                let _ = writeln!(rules, r#"    oifname "{WAN}" meta l4proto {{ tcp, udp }} masquerade fully-random;"#);
            }
        }
        // Port-preserving, where the port is free.
        let _ = write!(rules, "    oifname \"{WAN}\" masquerade;\n  }}\n");
    }
}

/// The rules of a stateful firewall on the host itself: only replies come in, over IPv4 and IPv6.
#[must_use]
pub fn firewall() -> &'static str {
    r#"table inet lab
delete table inet lab
table inet lab {
  chain input { type filter hook input priority filter; policy drop;
    iifname "lo" accept;
    ct state established,related accept;
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert } accept;
  }
}
"#
}

/// The rules of a router for IPv6: it translates nothing, and lets only replies in (RFC 6092, REC-33).
#[must_use]
pub fn firewall6() -> String {
    format!(
        r#"table ip6 lab
delete table ip6 lab
table ip6 lab {{
  chain forward {{ type filter hook forward priority filter; policy drop;
    iifname "{LAN}" oifname "{WAN}" accept;
    ct state established,related accept;
  }}
  chain input {{ type filter hook input priority filter; policy drop;
    iifname "lo" accept;
    ct state established,related accept;
    icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, nd-router-advert }} accept;
    iifname "{LAN}" meta l4proto icmpv6 accept;
  }}
}}
"#
    )
}

/// Where [`PortMapper`](crate::topology::PortMapper) puts its rules. What they translate, the router's own rules let pass.
#[must_use]
pub fn port_mapping() -> String {
    format!(
        "table inet {UPNP_TABLE}
delete table inet {UPNP_TABLE}
table inet {UPNP_TABLE} {{
  chain miniupnpd {{ }}
  chain prerouting_miniupnpd {{ }}
  chain postrouting_miniupnpd {{ }}
  chain forward {{ type filter hook forward priority filter; policy accept; jump miniupnpd; }}
  chain prerouting {{ type nat hook prerouting priority dstnat; policy accept; jump prerouting_miniupnpd; }}
  chain postrouting {{ type nat hook postrouting priority srcnat; policy accept; jump postrouting_miniupnpd; }}
}}
"
    )
}

/// Drops all UDP that passes, comes or goes; [`unblock_udp`] ends it.
#[must_use]
pub fn block_udp() -> &'static str {
    "table inet lab_block
delete table inet lab_block
table inet lab_block {
  chain input { type filter hook input priority filter - 10; policy accept; iifname != \"lo\" meta l4proto udp drop; }
  chain forward { type filter hook forward priority filter - 10; policy accept; meta l4proto udp drop; }
  chain output { type filter hook output priority filter - 10; policy accept; oifname != \"lo\" meta l4proto udp drop; }
}
"
}

/// Lets nothing out of the inside but TCP to one port.
#[must_use]
pub fn only_tcp(port: u16) -> String {
    format!(
        r#"table inet lab_only
delete table inet lab_only
table inet lab_only {{
  chain forward {{ type filter hook forward priority filter - 10; policy accept;
    iifname "{LAN}" oifname "{WAN}" tcp dport {port} accept;
    iifname "{LAN}" oifname "{WAN}" drop;
  }}
}}
"#
    )
}

/// Drops all that comes from an address outside, or goes there.
#[must_use]
pub fn cut_off(address: Ipv4Addr) -> String {
    format!(
        "table ip lab_cut
delete table ip lab_cut
table ip lab_cut {{
  chain forward {{ type filter hook forward priority filter - 10; policy accept;
    ip saddr {address} drop;
    ip daddr {address} drop;
  }}
}}
"
    )
}

/// Ends what [`cut_off`] began.
#[must_use]
pub fn not_cut_off() -> &'static str {
    "table ip lab_cut\ndelete table ip lab_cut\n"
}

/// Has a host drop all that comes from any of these addresses, or goes there.
#[must_use]
pub fn island(others: &[Ipv4Addr]) -> String {
    let others: Vec<String> = others.iter().map(Ipv4Addr::to_string).collect();
    let others = others.join(", ");
    format!(
        "table ip lab_island
delete table ip lab_island
table ip lab_island {{
  chain input {{ type filter hook input priority filter - 10; policy accept; ip saddr {{ {others} }} drop; }}
  chain output {{ type filter hook output priority filter - 10; policy accept; ip daddr {{ {others} }} drop; }}
}}
"
    )
}

/// Ends what [`island`] began; no harm if it did not.
#[must_use]
pub fn no_island() -> &'static str {
    "table ip lab_island\ndelete table ip lab_island\n"
}

/// Ends what [`block_udp`] began; no harm if it did not.
#[must_use]
pub fn unblock_udp() -> &'static str {
    "table inet lab_block\ndelete table inet lab_block\n"
}

/// Counts packets and bytes of a host by the other end's address and protocol; bytes are those of IP packets.
#[must_use]
pub fn meter() -> &'static str {
    "table ip lab_meter
delete table ip lab_meter
table ip lab_meter {
  set received { type ipv4_addr . inet_proto; flags dynamic; size 4096; counter; }
  set sent { type ipv4_addr . inet_proto; flags dynamic; size 4096; counter; }
  chain input { type filter hook input priority filter - 20; policy accept; add @received { ip saddr . meta l4proto }; }
  chain output { type filter hook output priority filter - 20; policy accept; add @sent { ip daddr . meta l4proto }; }
}
"
}

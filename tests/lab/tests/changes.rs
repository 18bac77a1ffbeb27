//! What can happen to a network while programs run in it: roaming, rebinding, blocking, cutting; and counting.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use anyhow::{Context, Result, ensure};
use atoll_lab::{
    nat::Nat,
    probe::Probe,
    prove::Observers,
    testing::sandboxed,
    topology::{Count, Flow, Lab, Site, SiteOptions},
};

/// How long what ought to come is waited for, in milliseconds.
const PATIENCE: u64 = 10_000;
/// How long what ought not to come is waited for: several repetitions of the question.
const IN_VAIN: u64 = 1_500;

struct World {
    lab: Lab,
    observers: Observers,
    site: Site,
    probe: Probe,
}

impl World {
    async fn with(nat: Nat) -> Result<Self> {
        let mut lab = Lab::new(env!("CARGO_BIN_EXE_lab"))?;
        let observers = Observers::start(&mut lab).await?;
        let site = lab.site(nat)?;
        let probe = Probe::start(&site.host, lab.program())?;
        Ok(Self { lab, observers, site, probe })
    }

    fn observer(&self) -> SocketAddrV4 {
        let [reflector, _] = &self.observers.reflectors;
        let [server, _] = reflector.udp;
        server
    }

    async fn seen(&self, socket: u64) -> Result<SocketAddrV4> {
        let seen = self.probe.observe(socket, self.observer(), PATIENCE).await?.context("no answer")?;
        Ok(seen.as_address)
    }

    async fn unseen(&self, socket: u64) -> Result<bool> {
        Ok(self.probe.observe(socket, self.observer(), IN_VAIN).await?.is_none())
    }
}

#[test]
fn a_host_roams_to_another_network_while_its_program_runs() -> Result<()> {
    sandboxed("a_host_roams_to_another_network_while_its_program_runs", async {
        let mut world = World::with(Nat::PortRestricted).await?;
        let elsewhere = world.lab.site(Nat::Symmetric)?;
        let (socket, _) = world.probe.bind().await?;
        ensure!(*world.seen(socket).await?.ip() == world.site.external_address()?);
        let lan = elsewhere.gateways.first().context("no router")?.lan().clone();
        world.site.host.roam(&lan)?;
        ensure!(*world.seen(socket).await?.ip() == elsewhere.external_address()?);
        Ok(())
    })
}

#[test]
fn interfaces_come_and_go() -> Result<()> {
    sandboxed("interfaces_come_and_go", async {
        let mut world = World::with(Nat::PortRestricted).await?;
        let (socket, _) = world.probe.bind().await?;
        let internet = world.lab.internet(0).clone();
        let added = world.site.host.add_interface("eth1", &internet)?.address();
        world.site.host.remove_interface("eth0")?;
        ensure!(*world.seen(socket).await?.ip() == added);
        world.site.host.remove_interface("eth1")?;
        ensure!(world.site.host.remove_interface("eth1").is_err(), "it is gone");
        ensure!(world.site.host.address().is_err(), "there is no interface");
        Ok(())
    })
}

#[test]
fn a_router_that_forgets_lets_nothing_in_until_the_inside_sends() -> Result<()> {
    sandboxed("a_router_that_forgets_lets_nothing_in_until_the_inside_sends", async {
        let world = World::with(Nat::FullCone).await?;
        let (socket, _) = world.probe.bind().await?;
        let before = world.seen(socket).await?;
        let router = world.site.gateways.first().context("no router")?;
        router.forget(world.lab.program())?;
        let ([near, _], [reflector, _]) = (&world.observers.probes, &world.observers.reflectors);
        let [same, _] = reflector.sockets;
        near.send(same, before, "too early").await?;
        // The question opens the way for its answer, behind which nothing is under way.
        world.probe.send(socket, world.observer(), "who am I end").await?;
        let inbox = world.probe.inbox(socket, "you are end", PATIENCE).await?;
        ensure!(inbox.len() == 1, "{inbox:?}");
        ensure!(world.seen(socket).await? == before, "the port is preserved");
        Ok(())
    })
}

async fn moved_by_rebinding(nat: Nat) -> Result<()> {
    let world = World::with(nat).await?;
    let (socket, _) = world.probe.bind().await?;
    let before = world.seen(socket).await?;
    ensure!(world.seen(socket).await? == before, "not without a reason");
    world.site.gateways.first().context("no router")?.rebind(world.lab.program())?;
    let after = world.seen(socket).await?;
    ensure!(after.ip() == before.ip() && after.port() != before.port(), "{before} and {after}");
    Ok(())
}

#[test]
fn rebinding_moves_a_socket_to_another_port() -> Result<()> {
    sandboxed("rebinding_moves_a_socket_to_another_port", moved_by_rebinding(Nat::AddressRestricted))
}

#[test]
fn rebinding_moves_a_socket_behind_a_symmetric_nat_too() -> Result<()> {
    sandboxed("rebinding_moves_a_socket_behind_a_symmetric_nat_too", moved_by_rebinding(Nat::Symmetric))
}

#[test]
fn a_mapping_that_is_not_used_ends() -> Result<()> {
    sandboxed("a_mapping_that_is_not_used_ends", async {
        let world = World::with(Nat::Symmetric).await?;
        let router = world.site.gateways.first().context("no router")?;
        router.set_udp_timeout(std::time::Duration::from_secs(1))?;
        let (socket, _) = world.probe.bind().await?;
        let before = world.seen(socket).await?;
        // Waited for with other sockets, which do not refresh it: the kernel has forgotten when the port has changed.
        for _ in 0..20 {
            tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
            if world.seen(socket).await? != before {
                return Ok(());
            }
        }
        anyhow::bail!("the same port {before} after 20 times more than the timeout")
    })
}

#[test]
fn blocked_udp_is_blocked_until_it_is_not() -> Result<()> {
    sandboxed("blocked_udp_is_blocked_until_it_is_not", async {
        let world = World::with(Nat::PortRestricted).await?;
        let router = world.site.gateways.first().context("no router")?;
        let (socket, _) = world.probe.bind().await?;
        world.seen(socket).await?;
        router.block_udp()?;
        ensure!(world.unseen(socket).await?, "UDP passes a router that blocks it");
        router.unblock_udp()?;
        world.seen(socket).await?;
        world.site.host.block_udp()?;
        ensure!(world.unseen(socket).await?, "UDP leaves a host that blocks it");
        world.site.host.unblock_udp()?;
        world.seen(socket).await?;
        Ok(())
    })
}

#[test]
fn a_router_that_lets_out_one_port_lets_out_nothing_else() -> Result<()> {
    sandboxed("a_router_that_lets_out_one_port_lets_out_nothing_else", async {
        let world = World::with(Nat::PortRestricted).await?;
        let (socket, _) = world.probe.bind().await?;
        world.seen(socket).await?;
        let [reflector, second] = &world.observers.reflectors;
        let open = reflector.tcp;
        world.site.gateways.first().context("no router")?.let_out_only_tcp(open.port())?;
        ensure!(world.unseen(socket).await?, "UDP gets out");
        ensure!(world.probe.connect(0, open, PATIENCE).await?.is_some(), "TCP to the port does not get out");
        ensure!(second.tcp.port() != open.port(), "the ports are the same");
        ensure!(world.probe.connect(0, second.tcp, IN_VAIN).await?.is_none(), "TCP to another port gets out");
        Ok(())
    })
}

#[test]
fn a_link_that_is_cut_carries_nothing_until_it_is_restored() -> Result<()> {
    sandboxed("a_link_that_is_cut_carries_nothing_until_it_is_restored", async {
        let world = World::with(Nat::PortRestricted).await?;
        let (socket, _) = world.probe.bind().await?;
        world.seen(socket).await?;
        for link in [world.site.uplink()?, world.site.host.link("eth0")?] {
            link.cut()?;
            ensure!(world.unseen(socket).await?, "a cut link carries");
            link.restore()?;
            world.seen(socket).await?;
        }
        Ok(())
    })
}

#[test]
fn a_host_counts_what_flows_through_it() -> Result<()> {
    sandboxed("a_host_counts_what_flows_through_it", async {
        let mut world = World::with(Nat::PortRestricted).await?;
        let counting = world.lab.internet_host(0)?;
        let there = Probe::start(&counting, world.lab.program())?;
        ensure!(counting.flows().is_err(), "nobody has begun to count");
        counting.meter()?;
        ensure!(counting.flows()?.is_empty(), "{:?}", counting.flows()?);
        let (socket, _) = world.probe.bind().await?;
        let (receiver, port) = there.bind().await?;
        for text in ["one", "two", "end"] {
            world.probe.send(socket, SocketAddrV4::new(there.address(), port), text).await?;
        }
        there.inbox(receiver, "end", PATIENCE).await?;
        let remote: Ipv4Addr = world.site.external_address()?;
        // An IP header of 20 bytes, a UDP header of 8, and three letters.
        let received = Count { packets: 3, bytes: 3 * 31 };
        let counted = [Flow { remote, protocol: "udp".into(), received, sent: Count::default() }];
        ensure!(counting.flows()? == counted, "{:?}", counting.flows()?);
        Ok(())
    })
}

#[test]
fn two_hosts_in_a_home_share_its_address_and_reach_each_other() -> Result<()> {
    sandboxed("two_hosts_in_a_home_share_its_address_and_reach_each_other", async {
        let mut world = World::with(Nat::PortRestricted).await?;
        let lan = world.site.gateways.first().context("no router")?.lan().clone();
        let second = world.lab.host(&lan)?;
        let there = Probe::start(&second, world.lab.program())?;
        let (socket, port) = there.bind().await?;
        let seen = there.observe(socket, world.observer(), PATIENCE).await?.context("no answer")?;
        ensure!(*seen.as_address.ip() == world.site.external_address()?, "{seen:?}");
        let (first, _) = world.probe.bind().await?;
        world.probe.send(first, SocketAddrV4::new(there.address(), port), "neighbour").await?;
        let inbox = there.inbox(socket, "neighbour", PATIENCE).await?;
        ensure!(inbox.iter().any(|d| d.from.ip() == world.probe.address()), "{inbox:?}");
        Ok(())
    })
}

#[test]
fn the_internet_has_ipv6_if_asked_for() -> Result<()> {
    sandboxed("the_internet_has_ipv6_if_asked_for", async {
        let mut lab = Lab::new(env!("CARGO_BIN_EXE_lab"))?.with_ipv6()?;
        let hosts = [lab.internet_host(0)?, lab.internet_host(1)?];
        let [a, b] = &hosts;
        let there = b.link("eth0")?.address6().context("no IPv6 address")?.to_string();
        let route = a.namespace().output("ip", &["-6", "route", "get", &there])?;
        ensure!(route.contains("2001:db8::1"), "{route}");
        ensure!(lab.site(Nat::PortRestricted)?.host.link("eth0")?.address6().is_none(), "homes have no IPv6");
        Ok(())
    })
}

#[test]
fn a_home_with_ipv6_lets_only_replies_in() -> Result<()> {
    sandboxed("a_home_with_ipv6_lets_only_replies_in", async {
        let mut lab = Lab::new(env!("CARGO_BIN_EXE_lab"))?.with_ipv6()?;
        let stranger = lab.internet_host(0)?;
        let home = lab.site(SiteOptions { ipv6: true, ..Nat::PortRestricted.into() })?;
        let inside = home.host.address6().context("the home's host has no IPv6 address")?;
        let outside = stranger.address6().context("the stranger has no IPv6 address")?;
        let (there, here) = (Probe::start(&stranger, lab.program())?, Probe::start(&home.host, lab.program())?);
        let ((theirs, their_port), (ours, our_port)) = (there.bind6().await?, here.bind6().await?);
        // From a port that is never asked: it may be under way until the question has passed.
        let (other, _) = there.bind6().await?;
        there.send(other, SocketAddr::from((inside, our_port)), "unasked").await?;
        here.send(ours, SocketAddr::from((outside, their_port)), "question").await?;
        let asked = there.inbox(theirs, "question", PATIENCE).await?;
        let from = asked.first().context("no question gets out")?.from;
        ensure!(from == SocketAddr::from((inside, our_port)), "translated: {from}");
        there.send(theirs, from, "answer").await?;
        let inbox = here.inbox(ours, "answer", PATIENCE).await?;
        ensure!(inbox.len() == 1 && inbox.iter().all(|datagram| datagram.text == "answer"), "{inbox:?}");
        ensure!(lab.site(Nat::PortRestricted)?.host.address6().is_none(), "homes have no IPv6 unless asked for");
        Ok(())
    })
}

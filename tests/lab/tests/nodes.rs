//! Atoll's own programs behind NATs.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use atoll_lab::{
    matrix::{Arena, Cell, Plan, run, table},
    nat::{Nat, Path},
    probe::Probe,
    subject::node::{Load, NodePrograms, Pace, Program, Transport},
    testing::{PATIENCE, PAUSE, sandboxed, until},
    times::{Event, Settings, measure},
    topology::{Flow, Host, Lab, PortMapper, Site, SiteOptions},
};
use tokio::{
    process::Command,
    time::{sleep, timeout},
};

/// Where the programs are: beside the lab's own.
fn programs() -> Result<PathBuf> {
    atoll_lab::testing::programs(env!("CARGO_BIN_EXE_lab"))
}

async fn start(lab: &mut Lab, bootstraps: usize) -> Result<NodePrograms> {
    NodePrograms::start(lab, &programs()?, bootstraps, NodePrograms::public()).await
}

#[test]
fn pairs_of_nodes_find_the_path_that_they_must() -> Result<()> {
    use Nat::{
        AddressRestricted, CgnatCone, CgnatSymmetric, Firewall, FullCone, None, PortRestricted, PortShift, Symmetric,
        UdpBlocked,
    };
    sandboxed("pairs_of_nodes_find_the_path_that_they_must", async {
        let pairs = vec![
            (None, PortRestricted),
            (Firewall, Firewall),
            (FullCone, Symmetric),
            (AddressRestricted, CgnatSymmetric),
            (PortRestricted, PortRestricted),
            (PortRestricted, Symmetric),
            (PortShift, PortRestricted),
            (PortShift, CgnatCone),
            (Symmetric, None),
            (Symmetric, Symmetric),
            (CgnatCone, CgnatCone),
            (UdpBlocked, None),
            (UdpBlocked, PortRestricted),
            (UdpBlocked, Symmetric),
        ];
        let mut lab = Lab::new(env!("CARGO_BIN_EXE_lab"))?;
        let plan = Plan { pairs, repeat: 1, jobs: 2, delays: Option::None };
        let arena = Arena::build(&mut lab, &plan)?;
        let cells = run(&start(&mut lab, 2).await?, &arena, &plan, |_, _, _| {}).await?;
        ensure!(cells.iter().all(Cell::holds), "{}", table(&cells));
        Ok(())
    })
}

/// Calls that are counted at the relay, and bytes that each of them carries: much more than nodes otherwise tell their relay
/// meanwhile, however slow the machine is.
const CALLS: u64 = 40;
const PAYLOAD: u64 = 4096;

/// Bytes that a relay's host has sent to an external address.
fn passed(relay: &Host, to: std::net::Ipv4Addr) -> Result<u64> {
    let flows: Vec<Flow> = relay.flows()?;
    Ok(flows.iter().filter(|flow| flow.remote == to).map(|flow| flow.sent.bytes).sum())
}

/// Has one node call the other often, and gives the path that it says the calls took, and what the relays passed on.
async fn watched(lab: &mut Lab, programs: &NodePrograms, nats: [Nat; 2]) -> Result<(Path, u64)> {
    let [a, b] = [lab.site(nats[0])?, lab.site(nats[1])?];
    let [first, second] = ["a", "b"].map(|end| format!("{end}-of-{}-{}", nats[0], nats[1]));
    let (caller, callee) = tokio::try_join!(programs.join(&a.host, &first), programs.join(&b.host, &second))?;
    programs.call(&a.host, &caller, &callee).await?;
    let settled = async || {
        let all = programs.connections(&a.host, &caller, &callee).await?;
        let expected = atoll_lab::nat::expected(nats[0], nats[1]);
        Ok(!all.is_empty() && all.iter().all(|connection| connection.path == expected))
    };
    until("all connections are of the path that there must be", settled).await?;
    let path = programs.connections(&a.host, &caller, &callee).await?.first().context("no connection")?.path;
    let relay = programs.relay(programs.seed().context("no bootstrap")?).context("no relay")?;
    let count = || passed(relay, b.external_address()?);
    let before = count()?;
    for _ in 0..CALLS {
        programs.call_with(&a.host, &caller, &callee, usize::try_from(PAYLOAD)?).await?;
    }
    Ok((path, count()? - before))
}

#[test]
fn what_a_node_says_of_its_path_is_true() -> Result<()> {
    sandboxed("what_a_node_says_of_its_path_is_true", async {
        let mut lab = Lab::new(env!("CARGO_BIN_EXE_lab"))?;
        let programs = start(&mut lab, 1).await?;
        programs.relay(programs.seed().context("no bootstrap")?).context("no relay")?.meter()?;
        let (path, direct) = watched(&mut lab, &programs, [Nat::PortRestricted, Nat::PortRestricted]).await?;
        ensure!(path == Path::Direct);
        let (path, relayed) = watched(&mut lab, &programs, [Nat::PortRestricted, Nat::Symmetric]).await?;
        ensure!(path == Path::Relayed);
        ensure!(
            relayed > CALLS * PAYLOAD && direct < CALLS * PAYLOAD / 4,
            "{relayed} bytes relayed, {direct} where nothing was to be"
        );
        Ok(())
    })
}

/// Calls until a call gets through, and says how often none did.
async fn again(programs: &NodePrograms, host: &Host, caller: &Program, callee: &Program) -> Result<usize> {
    let mut failed = 0;
    let calling = async {
        while programs.call_once(host, caller, callee).await.is_err() {
            failed += 1;
            sleep(PAUSE).await;
        }
    };
    timeout(PATIENCE, calling).await.with_context(|| format!("no call within {PATIENCE:?}"))?;
    Ok(failed)
}

#[test]
fn another_relay_takes_over_from_one_that_dies() -> Result<()> {
    sandboxed("another_relay_takes_over_from_one_that_dies", async {
        let mut lab = Lab::new(env!("CARGO_BIN_EXE_lab"))?;
        let mut programs = start(&mut lab, 2).await?;
        let [a, b] = [lab.site(Nat::Symmetric)?, lab.site(Nat::Symmetric)?];
        let (caller, callee) = tokio::try_join!(programs.join(&a.host, "a"), programs.join(&b.host, "b"))?;
        programs.call(&a.host, &caller, &callee).await?;
        let all = programs.connections(&a.host, &caller, &callee).await?;
        let Some(used) = all.iter().find_map(|connection| connection.via.clone()) else {
            bail!("not relayed: {all:?}")
        };
        programs.kill(&used);
        again(&programs, &a.host, &caller, &callee).await?;
        let moved = async || {
            let all = programs.connections(&a.host, &caller, &callee).await?;
            Ok(all.iter().any(|connection| connection.via.as_ref().is_some_and(|via| *via != used)))
        };
        until("the peer is reached through another relay", moved).await
    })
}

/// The port that bootstraps listen on.
const RELAYS_AT: u16 = 4077;

/// Has a node in one home call one in another while the relay that the calls take is killed. There is no direct path.
async fn relay_dies_under_load(only_tcp: bool) -> Result<()> {
    let mut lab = Lab::new(env!("CARGO_BIN_EXE_lab"))?;
    let mut programs = start(&mut lab, 2).await?;
    let [a, b] = [lab.site(Nat::Symmetric)?, lab.site(Nat::Symmetric)?];
    if only_tcp {
        for home in [&a, &b] {
            home.gateways.first().context("no router")?.let_out_only_tcp(RELAYS_AT)?;
        }
    }
    let (caller, callee) = tokio::try_join!(programs.join(&a.host, "a"), programs.join(&b.host, "b"))?;
    programs.call(&a.host, &caller, &callee).await?;
    let node = callee.control();
    until("two relays are held", async || Ok(node.relays().await? > 1)).await?;
    // The deadline is far away: how long it takes is measured elsewhere.
    let pace = Pace { workers: 8, pause: PAUSE, deadline: PATIENCE };
    let load = Load::start(&caller.control(), callee.id(), pace);
    until("calls are answered", async || Ok(load.so_far()?.len() > pace.workers)).await?;
    let node = caller.control();
    let all = node.connections(callee.id()).await?;
    let Some(used) = all.iter().find_map(|connection| connection.via.clone()) else { bail!("not relayed: {all:?}") };
    programs.kill(&used);
    let moved = async || {
        let all = node.connections(callee.id()).await?;
        Ok(all.iter().any(|connection| connection.via.as_ref().is_some_and(|via| *via != used)))
    };
    until("the peer is reached through another relay", moved).await?;
    let calls = load.stop().await?;
    let failed: Vec<_> = calls.iter().filter_map(|call| call.error.as_deref()).collect();
    ensure!(failed.is_empty(), "{} of {} calls failed: {failed:?}", failed.len(), calls.len());
    Ok(())
}

#[test]
fn a_relay_that_dies_under_load_takes_no_idempotent_call_with_it() -> Result<()> {
    sandboxed("a_relay_that_dies_under_load_takes_no_idempotent_call_with_it", relay_dies_under_load(false))
}

/// Over TCP the relayed connection breaks at once, and not after a silence: while direct paths, of which there are none, are
/// still being tried.
#[test]
fn a_relay_that_dies_under_load_over_tcp_takes_no_idempotent_call_with_it() -> Result<()> {
    let name = "a_relay_that_dies_under_load_over_tcp_takes_no_idempotent_call_with_it";
    sandboxed(name, relay_dies_under_load(true))
}

#[test]
fn nodes_that_joined_over_different_transports_reach_each_other_directly() -> Result<()> {
    sandboxed("nodes_that_joined_over_different_transports_reach_each_other_directly", async {
        let mut lab = Lab::new(env!("CARGO_BIN_EXE_lab"))?;
        let programs = start(&mut lab, 2).await?;
        let [a, b] = [lab.site(Nat::PortRestricted)?, lab.site(Nat::PortRestricted)?];
        let (caller, callee) = tokio::try_join!(
            programs.join_over(Transport::Quic, &a.host, "a"),
            programs.join_over(Transport::Tcp, &b.host, "b")
        )?;
        programs.call(&a.host, &caller, &callee).await?;
        let direct = async || {
            let all = caller.control().connections(callee.id()).await?;
            Ok(all.iter().any(|connection| connection.path == Path::Direct))
        };
        until("there is a direct connection", direct).await
    })
}

#[test]
fn a_direct_connection_outlives_what_nats_remember() -> Result<()> {
    sandboxed("a_direct_connection_outlives_what_nats_remember", async {
        let mut lab = Lab::new(env!("CARGO_BIN_EXE_lab"))?;
        // Longer than the 30 s of the lab's NATs. It fails if the connection is ever another one.
        let idle = Duration::from_secs(40);
        let settings = Settings { programs: programs()?, repeat: 1, delays: None, idle };
        let measured = measure(Event::Idle, &mut lab, &settings, |_, _| {}).await?;
        ensure!(measured.iter().all(|figure| figure.errors.is_empty() && figure.samples.len() == 1), "{measured:?}");
        Ok(())
    })
}

#[test]
fn a_direct_path_that_dies_under_load_takes_no_idempotent_call_with_it() -> Result<()> {
    sandboxed("a_direct_path_that_dies_under_load_takes_no_idempotent_call_with_it", async {
        let mut lab = Lab::new(env!("CARGO_BIN_EXE_lab"))?;
        let settings = Settings { programs: programs()?, repeat: 1, delays: None, idle: Duration::ZERO };
        let measured = measure(Event::Cut, &mut lab, &settings, |_, _| {}).await?;
        let [_, failed, made] = measured.as_slice() else { bail!("{measured:?}") };
        ensure!(failed.errors.is_empty() && failed.samples == [0.0] && made.samples > vec![8.0], "{measured:?}");
        Ok(())
    })
}

#[test]
fn times_can_be_read_by_programs() -> Result<()> {
    sandboxed("times_can_be_read_by_programs", async {
        let programs = programs()?;
        let programs = programs.to_str().context("not a path in Unicode")?;
        let output = Command::new(env!("CARGO_BIN_EXE_lab"))
            .args(["times", "lan", "--repeat", "2", "--output", "json", "--programs", programs])
            .output()
            .await?;
        // Whether it was fast enough is the exit code, and not asked here.
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        let figures: serde_json::Value = serde_json::from_str(&told).with_context(|| format!("{output:?}"))?;
        let figure = figures.get(0).with_context(|| told.clone())?;
        ensure!(figure["event"] == "lan" && figure["unit"] == "s" && figure["at_most"] == 2.0, "{figure}");
        ensure!(figure["samples"].as_array().is_some_and(|all| all.len() == 2), "{figure}");
        Ok(())
    })
}

#[test]
fn a_node_that_roams_to_another_network_is_called_there() -> Result<()> {
    sandboxed("a_node_that_roams_to_another_network_is_called_there", async {
        let mut lab = Lab::new(env!("CARGO_BIN_EXE_lab"))?;
        let programs = start(&mut lab, 2).await?;
        let (a, mut b) = (lab.site(Nat::PortRestricted)?, lab.site(Nat::PortRestricted)?);
        let elsewhere = lab.site(Nat::FullCone)?;
        let (caller, callee) = tokio::try_join!(programs.join(&a.host, "a"), programs.join(&b.host, "b"))?;
        programs.call(&a.host, &caller, &callee).await?;
        b.host.roam(&elsewhere.gateways.first().context("no router")?.lan().clone())?;
        again(&programs, &a.host, &caller, &callee).await?;
        Ok(())
    })
}

#[test]
fn homes_with_ipv6_reach_each_other_directly_through_their_firewalls() -> Result<()> {
    sandboxed("homes_with_ipv6_reach_each_other_directly_through_their_firewalls", async {
        let mut lab = Lab::new(env!("CARGO_BIN_EXE_lab"))?.with_ipv6()?;
        let programs = start(&mut lab, 2).await?;
        // Over IPv4 these two would need a relay.
        let home = SiteOptions { ipv6: true, ..Nat::Symmetric.into() };
        let [a, b] = [lab.site(home)?, lab.site(home)?];
        let (caller, callee) = tokio::try_join!(programs.join(&a.host, "a"), programs.join(&b.host, "b"))?;
        programs.call(&a.host, &caller, &callee).await?;
        let node = caller.control();
        let direct = async || {
            let all = node.connections(callee.id()).await?;
            Ok(!all.is_empty() && all.iter().all(|connection| connection.path == Path::Direct))
        };
        until("the only connections are direct", direct).await?;
        let all = node.connections(callee.id()).await?;
        ensure!(all.iter().all(|connection| connection.address.starts_with("/ip6/2001:db8:")), "{all:?}");
        programs.call_once(&a.host, &caller, &callee).await?;
        Ok(())
    })
}

#[test]
fn a_home_that_lets_out_only_tcp_443_is_called_over_a_websocket() -> Result<()> {
    sandboxed("a_home_that_lets_out_only_tcp_443_is_called_over_a_websocket", async {
        let mut lab = Lab::new(env!("CARGO_BIN_EXE_lab"))?;
        let port = 443;
        let programs =
            NodePrograms::start_with_websocket(&mut lab, &programs()?, 2, NodePrograms::public(), port).await?;
        let [a, b] = [lab.site(Nat::PortRestricted)?, lab.site(Nat::PortRestricted)?];
        b.gateways.first().context("no router")?.let_out_only_tcp(port)?;
        let (caller, callee) = tokio::try_join!(
            programs.join_over(Transport::Quic, &a.host, "a"),
            programs.join_over(Transport::WebSocket, &b.host, "b")
        )?;
        programs.call(&a.host, &caller, &callee).await?;
        let all = caller.control().connections(callee.id()).await?;
        ensure!(!all.is_empty() && all.iter().all(|connection| connection.path == Path::Relayed), "{all:?}");
        let relay = all.iter().find_map(|connection| connection.via.clone()).context("no relay")?;
        let over = callee.control().connections(&relay).await?;
        ensure!(!over.is_empty() && over.iter().all(|connection| connection.transport == "websocket"), "{over:?}");
        Ok(())
    })
}

/// A home whose router maps ports, a node in it, and that its port is mapped.
struct Mapped {
    lab: Lab,
    programs: NodePrograms,
    home: Site,
    node: Program,
    router: PortMapper,
    /// It tells the router its address.
    _stun: (Host, Probe),
}

impl Mapped {
    /// Nothing if there is no program that maps ports.
    async fn build() -> Result<Option<Self>> {
        if let Err(missing) = PortMapper::available() {
            eprintln!("skipped: {missing}");
            return Ok(None);
        }
        let mut lab = Lab::new(env!("CARGO_BIN_EXE_lab"))?;
        let programs = start(&mut lab, 2).await?;
        let stun = lab.internet_host(0)?;
        let server = Probe::start(&stun, lab.program())?;
        server.stun().await?;
        let home = lab.site(Nat::PortRestricted)?;
        let router = home.gateways.first().context("no router")?.map_ports(stun.address()?).await?;
        ensure!(router.mappings()? == 0, "nobody has asked");
        let node = programs.join_plainly(&home.host, "mapped").await?;
        let control = node.control();
        until("the doctor says that the port is mapped", async || {
            Ok(control.get("/v1/doctor").await?.get("port_mapping").is_some_and(|state| state == "mapped"))
        })
        .await?;
        until("UDP and TCP are mapped", async || Ok(router.mappings()? == 2)).await?;
        Ok(Some(Self { lab, programs, home, node, router, _stun: (stun, server) }))
    }
}

#[test]
fn a_router_that_maps_ports_maps_that_of_a_node() -> Result<()> {
    sandboxed("a_router_that_maps_ports_maps_that_of_a_node", async { Mapped::build().await.map(drop) })
}

#[test]
fn a_node_whose_port_is_mapped_is_dialled() -> Result<()> {
    sandboxed("a_node_whose_port_is_mapped_is_dialled", async {
        let Some(mut mapped) = Mapped::build().await? else { return Ok(()) };
        // Without the mapping these two would need a relay.
        let far = mapped.lab.site(Nat::Symmetric)?;
        let caller = mapped.programs.join(&far.host, "far").await?;
        mapped.programs.call(&far.host, &caller, &mapped.node).await?;
        let control = caller.control();
        let dialled = format!("/ip4/{}/", mapped.home.external_address()?);
        until("the peer is dialled where its router lets others in", async || {
            // As long as something flows over the relay, what has failed once is tried again.
            mapped.programs.call(&far.host, &caller, &mapped.node).await?;
            let all = control.connections(mapped.node.id()).await?;
            Ok(all.iter().any(|connection| connection.path == Path::Direct && connection.address.starts_with(&dialled)))
        })
        .await
    })
}

#[test]
fn a_node_takes_its_mapping_back_when_it_ends() -> Result<()> {
    sandboxed("a_node_takes_its_mapping_back_when_it_ends", async {
        let Some(mapped) = Mapped::build().await? else { return Ok(()) };
        mapped.node.stop().await?;
        let left = mapped.router.mappings()?;
        ensure!(left == 0, "{left} mappings are left");
        Ok(())
    })
}

#[test]
fn two_nodes_on_a_lan_without_internet_find_and_call_each_other() -> Result<()> {
    sandboxed("two_nodes_on_a_lan_without_internet_find_and_call_each_other", async {
        let mut lab = Lab::new(env!("CARGO_BIN_EXE_lab"))?;
        let programs = start(&mut lab, 0).await?;
        let home = lab.site(Nat::PortRestricted)?;
        home.uplink()?.cut()?;
        let router = home.gateways.first().context("no router")?;
        let second = lab.host(&router.lan().clone())?;
        let callee = programs.join_lan(&home.host, "first", true).await?;
        let caller = programs.join_lan(&second, "second", false).await?;
        programs.call(&second, &caller, &callee).await?;
        let all = programs.connections(&second, &caller, &callee).await?;
        ensure!(all.iter().all(|connection| connection.path == Path::Direct), "{all:?}");
        Ok(())
    })
}

#[test]
fn a_hole_is_tried_for_again_while_calls_flow() -> Result<()> {
    sandboxed("a_hole_is_tried_for_again_while_calls_flow", async {
        let mut lab = Lab::new(env!("CARGO_BIN_EXE_lab"))?;
        let programs = start(&mut lab, 1).await?;
        let [a, b] = [lab.site(Nat::Symmetric)?, lab.site(Nat::Symmetric)?];
        let (caller, callee) = tokio::try_join!(programs.join(&a.host, "a"), programs.join(&b.host, "b"))?;
        // The one that is called over the relay begins, and there is no hope here: each attempt fails, after ten seconds or more.
        let tried = async || {
            programs.call(&a.host, &caller, &callee).await?;
            Ok(programs.attempts(&b.host, &callee, &caller).await? >= 2)
        };
        until("a second attempt is made", tried).await
    })
}

//! A router's own program that maps ports for hosts inside: miniupnpd, which speaks UPnP-IGD, NAT-PMP and PCP.
//!
//! It refuses to map ports of an address that is not a public one, and those of the lab are for documentation. Told to ask a
//! STUN server what its address is, it believes what it hears.

use std::{net::Ipv4Addr, process::Stdio, time::Duration};

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

use super::Namespace;
use crate::{
    rules::{LAN, UPNP_HTTP, UPNP_TABLE, WAN, port_mapping},
    sandbox,
};

/// The program, and what is said where it is missing.
const PROGRAM: &str = "miniupnpd";
/// What it says once hosts can ask it.
const READY: &str = "Listening for NAT-PMP/PCP";
/// How long it may take; it waits 3 s for each STUN answer that is lost.
const PATIENCE: Duration = Duration::from_secs(30);

/// The program that maps ports, running. It is killed when this is dropped.
#[derive(Debug)]
pub struct PortMapper {
    namespace: Namespace,
    /// Held because the program ends with it.
    _child: Child,
}

impl PortMapper {
    /// Whether the program is installed; if not, what to install.
    ///
    /// # Errors
    /// If it is not.
    pub fn available() -> Result<()> {
        ensure!(
            sandbox::installed(PROGRAM),
            "the program {PROGRAM} is not installed; install it: apt-get install miniupnpd-nftables"
        );
        Ok(())
    }

    /// Starts it in a router, and waits until hosts inside can ask it.
    pub(super) async fn start(namespace: &Namespace, stun: Ipv4Addr) -> Result<Self> {
        namespace.nft(&port_mapping())?;
        let name = namespace.name();
        let path = format!("/run/{PROGRAM}-{name}.conf");
        std::fs::write(&path, config(stun)).with_context(|| format!("cannot write {path}"))?;
        let mut child = Command::from(namespace.command(PROGRAM))
            .args(["-d", "-f", &path, "-P", &format!("/run/{PROGRAM}-{name}.pid")])
            .kill_on_drop(true)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {PROGRAM}"))?;
        let mut lines = BufReader::new(child.stderr.take().context("no stderr")?).lines();
        let mut said = Vec::new();
        let ready = async {
            while let Some(line) = lines.next_line().await? {
                said.push(line);
                if said.last().is_some_and(|line| line.contains(READY)) {
                    return Ok(());
                }
            }
            Err(anyhow!("it has ended"))
        };
        let ready = timeout(PATIENCE, ready).await.unwrap_or_else(|_| Err(anyhow!("not within {PATIENCE:?}")));
        ready.with_context(|| format!("{PROGRAM} does not map ports; it said\n{}", said.join("\n")))?;
        // What it goes on to say has to be read, or it would wait.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { namespace: namespace.clone(), _child: child })
    }

    /// How many ports are mapped at present: one of UDP and the same one of TCP are two.
    ///
    /// # Errors
    /// If nftables says something unknown.
    pub fn mappings(&self) -> Result<usize> {
        let arguments = ["-j", "list", "chain", "inet", UPNP_TABLE, "prerouting_miniupnpd"];
        let text = self.namespace.output("nft", &arguments)?;
        let tree: Value = serde_json::from_str(&text).context("nft printed no JSON")?;
        let objects = tree.get("nftables").and_then(Value::as_array).context("nft printed no list of objects")?;
        Ok(objects.iter().filter(|object| object.get("rule").is_some()).count())
    }
}

fn config(stun: Ipv4Addr) -> String {
    format!(
        "ext_ifname={WAN}\nlistening_ip={LAN}\nhttp_port={UPNP_HTTP}\nenable_natpmp=yes\nenable_upnp=yes\nsecure_mode=yes\n\
         ext_perform_stun=yes\next_stun_host={stun}\nupnp_table_name={UPNP_TABLE}\nupnp_nat_table_name={UPNP_TABLE}\n\
         uuid=00000000-0000-0000-0000-000000000001\nallow 1024-65535 0.0.0.0/0 1024-65535\n"
    )
}

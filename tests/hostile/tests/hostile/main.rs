//! What a real node makes of peers that break its rules: it goes on for everybody else, its memory is bounded, and what was done is
//! on record.
//!
//! | module | what is done to it |
//! |---|---|
//! | [`lanes`] | frames that are none, calls that are no calls, answers that nobody waits for |
//! | [`floods`] | more of everything than one peer may have |

mod floods;
mod lanes;

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use atoll_hostile::Stranger;
use atoll_node::control::api::StatusReport;
use atoll_protocol::identity::SecretKey;
use atoll_tests::{NodeOptions, NodeProcess, control};

/// Who is attacked. It offers the service `bench`.
struct Victim {
    node: NodeProcess,
    /// Somebody who has done nothing wrong.
    witness: NodeProcess,
}

/// The network that it is on.
const NETWORK: &str = "main";
/// MiB that an attack may take, however much is sent: each bound is far below, and the allocator keeps some.
const BOUND: u64 = 96;

impl Victim {
    async fn start() -> Result<Self> {
        let node = NodeOptions::node("victim").listen("/ip4/127.0.0.1/tcp/0").bench().start().await?;
        let witness = NodeOptions::node("witness").peer(&node.address).start().await?;
        witness.joined().await?;
        let victim = Self { node, witness };
        victim.is_well().await?;
        Ok(victim)
    }

    /// Somebody of its network; who, the number says.
    async fn stranger(&self, number: u8) -> Result<Stranger> {
        Stranger::connect(NETWORK, &SecretKey::from_seed(&[number; 32]), &self.node.address).await
    }

    /// It answers others as before.
    async fn is_well(&self) -> Result<()> {
        let id = self.node.id.to_string();
        let answer = self.witness.run(&["call", "bench", "echo", "\"hello\"", "--peer", &id]).await?;
        ensure!(answer.code == 0, "the node no longer answers: {answer}\n{}", self.node.process.report());
        let said = self.node.process.complaints();
        ensure!(!said.contains("panicked"), "{said}");
        Ok(())
    }

    /// What it has on record, by kind.
    async fn faults(&self) -> Result<BTreeMap<String, u32>> {
        let status: StatusReport = control::ask(self.node.data_dir.path(), "/v1/status").await?;
        Ok(status.faults)
    }

    /// Its resident memory in MiB.
    fn memory(&self) -> Result<u64> {
        let path = format!("/proc/{}/status", self.node.process.pid()?);
        let status = std::fs::read_to_string(&path)?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).with_context(|| path.clone())?;
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().with_context(|| format!("{path}: {line}"))?;
        Ok(kib / 1024)
    }

    /// Its memory has not grown by more than [`BOUND`].
    fn is_bounded(&self, before: u64) -> Result<()> {
        let now = self.memory()?;
        ensure!(now <= before + BOUND, "the node has grown from {before} MiB to {now}");
        Ok(())
    }
}

//! The nodes, and having things happen to them.

use std::{
    collections::BTreeSet,
    fs::{self, File, OpenOptions},
    io::Write,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use serde_json::Value;
use tokio::{process::Child, time::timeout};

use super::plan::{Cast, Fault};
use crate::{
    subject::node::{Control, NodePrograms},
    topology::{Host, Lab, Namespace},
};

/// Where data directories are: in the sandbox's own /run, in memory, so that they are gone with it.
const STATE: &str = "/run/atoll-chaos";
/// The size of a small disk. Only what is written takes memory.
const SMALL: &str = "size=96m";
/// What a small disk is filled with.
const BALLAST: &str = "ballast";
/// What a system says whose disk is full.
const NO_SPACE: &str = "No space left on device";
/// What a database reserves of it at most, in bytes, and what memory comes in.
const RESERVES: &str = "100663296";
const PAGE: u64 = 4096;
/// How long a node may take to be killed.
const KILLING: Duration = Duration::from_secs(10);
/// The stable port, over both transports.
const LISTEN: [&str; 2] = ["/ip4/0.0.0.0/udp/4077/quic-v1", "/ip4/0.0.0.0/tcp/4077"];

/// How often what was done, and what happened by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Faults {
    /// `kill -9`.
    pub kills: u64,
    /// Networks that were parted.
    pub partitions: u64,
    /// Disks that were filled.
    pub full_disks: u64,
    /// Disks that were destroyed.
    pub destroyed: u64,
    /// Starts that failed, because the disk was full.
    pub failed_starts: u64,
    /// Nodes that ended by themselves with room on their disks, with what they said.
    pub died: Vec<String>,
    /// Panics in nodes.
    pub panics: Vec<String>,
}

/// All nodes. They are killed when this is dropped.
pub struct World {
    programs: PathBuf,
    logs: PathBuf,
    options: Vec<String>,
    network: NodePrograms,
    members: Vec<Mutex<Member>>,
    faults: Mutex<Faults>,
    destroyed: Mutex<BTreeSet<String>>,
}

struct Member {
    name: String,
    host: Host,
    data: PathBuf,
    keeps: bool,
    small: bool,
    full: bool,
    child: Option<Child>,
    /// Its identity, once it is known.
    id: Option<String>,
}

impl World {
    /// Builds hosts for all, and starts the nodes. `logs` is where what they say is written to.
    ///
    /// # Errors
    /// If the system refuses, or the seed does not start.
    pub async fn build(lab: &mut Lab, cast: &Cast, programs: &Path, logs: &Path) -> Result<Self> {
        let network = NodePrograms::start(lab, programs, 1, NodePrograms::public()).await?;
        let mut members = Vec::new();
        for number in 0..cast.nodes {
            let (name, small) = (format!("node{number}"), cast.small.contains(&number));
            let data = Path::new(STATE).join(&name);
            fs::create_dir_all(&data).with_context(|| format!("cannot make {}", data.display()))?;
            if small {
                let mount = ["-t", "tmpfs", "-o", SMALL, "lab", data.to_str().context("no path")?];
                Namespace::outer().output("mount", &mount)?;
            }
            let (host, keeps) = (lab.internet_host(number)?, number < cast.keepers);
            let member = Member { name, host, data, keeps, small, full: false, child: None, id: None };
            members.push(Mutex::new(member));
        }
        let world = Self {
            programs: programs.to_owned(),
            logs: logs.to_owned(),
            options: NodePrograms::public(),
            network,
            members,
            faults: Mutex::default(),
            destroyed: Mutex::default(),
        };
        for node in 0..cast.nodes {
            world.start(node)?;
        }
        Ok(world)
    }

    /// How to speak to a node, whether it runs or not.
    #[must_use]
    pub fn control(&self, node: usize) -> Control {
        Control::new(Path::new(STATE).join(format!("node{node}")).join("control.sock"))
    }

    /// Waits until a node answers, and gives what it says of itself.
    ///
    /// # Errors
    /// If it does not within that time.
    pub async fn status(&self, node: usize, patience: Duration) -> Result<Value> {
        let control = self.control(node);
        let asking = async {
            loop {
                match control.get("/v1/status").await {
                    Ok(status) => return status,
                    Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                }
            }
        };
        let status = timeout(patience, asking).await.with_context(|| format!("node{node} says nothing"))?;
        if let Some(id) = status.get("node").and_then(Value::as_str) {
            self.member(node)?.id = Some(id.to_owned());
        }
        Ok(status)
    }

    /// What was done so far, and what has happened by itself.
    #[must_use]
    pub fn faults(&self) -> Faults {
        let mut faults = lock(&self.faults).clone();
        faults.panics = self.members.iter().flat_map(|member| self.panics(&lock(member).name)).collect();
        faults
    }

    /// What a node has said of tasks that have panicked: it may live on without them.
    fn panics(&self, name: &str) -> Vec<String> {
        let text = fs::read_to_string(self.logs.join(format!("{name}.err"))).unwrap_or_default();
        let panics = text.lines().filter(|line| line.contains(" panicked at "));
        panics.map(|line| format!("{name}: {line}")).collect()
    }

    /// Authors whose disks were destroyed.
    #[must_use]
    pub fn destroyed(&self) -> BTreeSet<String> {
        lock(&self.destroyed).clone()
    }

    /// Has something happen.
    ///
    /// # Errors
    /// If the system refuses.
    pub async fn suffer(&self, fault: &Fault) -> Result<()> {
        match fault {
            Fault::Kill(node) => self.kill(*node).await,
            Fault::Start(node) => self.start(*node),
            Fault::Destroy(node) => self.destroy(*node),
            Fault::Part(island) => self.part(island),
            Fault::Heal => self.heal(),
            Fault::Fill(node) => self.fill(*node).await,
            Fault::Empty(node) => self.empty(*node),
        }
    }

    /// Starts again what has ended by itself, and takes note of that.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn look_after(&self) -> Result<()> {
        for (number, member) in self.members.iter().enumerate() {
            let mut member = lock(member);
            let ended = member.child.as_mut().and_then(|child| child.try_wait().ok().flatten());
            let Some(status) = ended else { continue };
            member.child = None;
            let mut faults = lock(&self.faults);
            let said = self.said(&member);
            // It may have ended before its disk had room again.
            match member.full || (member.small && said.contains(NO_SPACE)) {
                true => faults.failed_starts += 1,
                false => faults.died.push(format!("{}: {status}; {said}", member.name)),
            }
            drop(faults);
            drop(member);
            self.start(number)?;
        }
        Ok(())
    }

    fn member(&self, node: usize) -> Result<MutexGuard<'_, Member>> {
        self.members.get(node).map(lock).with_context(|| format!("there is no node {node}"))
    }

    async fn kill(&self, node: usize) -> Result<()> {
        let child = {
            let mut member = self.member(node)?;
            member.child.take()
        };
        if let Some(mut child) = child {
            // It may have ended by itself.
            let _ = child.start_kill();
            timeout(KILLING, child.wait()).await.context("a node cannot be killed")??;
        }
        lock(&self.faults).kills += 1;
        Ok(())
    }

    fn start(&self, node: usize) -> Result<()> {
        let mut member = self.member(node)?;
        if member.child.is_some() {
            return Ok(());
        }
        let log = |end: &str| {
            let path = self.logs.join(format!("{}.{end}", member.name));
            OpenOptions::new()
                .create(true)
                .append(true)
                .open(&path)
                .with_context(|| format!("cannot write {}", path.display()))
        };
        let (stdout, stderr) = (log("out")?, log("err")?);
        let mut command = member.host.command(self.programs.join("node"));
        command.args(["--no-mdns", "--output", "json", "--peer"]).args(self.network.seeds()).args(&self.options);
        command.args(LISTEN.iter().flat_map(|address| ["--listen", address]));
        command.args(member.keeps.then_some("--keep")).arg("--data-dir").arg(&member.data);
        command.env_remove("ATOLL_BOOTSTRAP").env_remove("ATOLL_DATA_DIR").env("NO_COLOR", "1");
        command.env("RUST_BACKTRACE", "1").stdin(Stdio::null()).stdout(stdout).stderr(stderr);
        let child = command.spawn().with_context(|| format!("cannot start {}", member.name))?;
        member.child = Some(child);
        Ok(())
    }

    /// The end of what a node has said, for messages.
    fn said(&self, member: &Member) -> String {
        let text = fs::read_to_string(self.logs.join(format!("{}.err", member.name))).unwrap_or_default();
        text.lines().rev().take(3).collect::<Vec<_>>().join(" | ")
    }

    fn destroy(&self, node: usize) -> Result<()> {
        let mut member = self.member(node)?;
        ensure!(member.child.is_none(), "{} still runs", member.name);
        fs::remove_dir_all(&member.data)?;
        fs::create_dir_all(&member.data)?;
        lock(&self.destroyed).extend(member.id.take());
        lock(&self.faults).destroyed += 1;
        Ok(())
    }

    fn addresses(&self) -> Result<Vec<Ipv4Addr>> {
        self.members.iter().map(|member| lock(member).host.address()).collect()
    }

    /// Those on the island drop what is for or from anybody else; so do the others, by never hearing of them.
    fn part(&self, island: &BTreeSet<usize>) -> Result<()> {
        let mut others: Vec<Ipv4Addr> = self
            .addresses()?
            .into_iter()
            .enumerate()
            .filter_map(|(number, address)| (!island.contains(&number)).then_some(address))
            .collect();
        others.extend(self.network.relay_addresses()?);
        let rules = crate::rules::island(&others);
        for node in island {
            self.member(*node)?.host.namespace().nft(&rules)?;
        }
        lock(&self.faults).partitions += 1;
        Ok(())
    }

    fn heal(&self) -> Result<()> {
        self.members.iter().try_for_each(|member| lock(member).host.namespace().nft(crate::rules::no_island()))
    }

    async fn fill(&self, node: usize) -> Result<()> {
        let (process, data) = {
            let member = self.member(node)?;
            ensure!(member.small, "{} has no small disk", member.name);
            (member.child.as_ref().and_then(Child::id), member.data.clone())
        };
        // It must write nothing between being looked at and giving back what it has reserved behind that.
        if let Some(process) = process {
            stop(process).await?;
        }
        let filled = give_back_reserves(&data.join("db")).and_then(|()| fill_up(&data.join(BALLAST)));
        if let Some(process) = process {
            signal(process, "CONT")?;
        }
        self.member(node)?.full = true;
        lock(&self.faults).full_disks += 1;
        filled
    }

    fn empty(&self, node: usize) -> Result<()> {
        let mut member = self.member(node)?;
        fs::remove_file(member.data.join(BALLAST))?;
        member.full = false;
        Ok(())
    }
}

/// Has a process stand still, and waits until it does.
async fn stop(process: u32) -> Result<()> {
    signal(process, "STOP")?;
    let standing = async {
        while moves(process) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(KILLING, standing).await.context("a node does not stand still")
}

/// Whether one of its threads may still do something.
fn moves(process: u32) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else { return false };
    threads.filter_map(Result::ok).any(|thread| {
        let text = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        // The state stands behind the name, which is in brackets.
        let state = text.rsplit(") ").next().and_then(|rest| rest.chars().next());
        matches!(state, Some('R' | 'S' | 'D'))
    })
}

fn signal(process: u32, signal: &str) -> Result<()> {
    // The shell's own, which is there on every system. It may have ended: until it was waited for, its id is nobody else's.
    Namespace::outer().output("sh", &["-c", &format!("kill -{signal} {process} || :")]).map(drop)
}

/// Writes into this file what there is room for.
fn fill_up(path: &Path) -> Result<()> {
    let mut ballast = File::create(path)?;
    let some = vec![0x5a; 64 * 1024];
    while ballast.write_all(&some).is_ok() {}
    // To the last byte, as far as files go.
    while ballast.write_all(&[0x5a; 512]).is_ok() {}
    Ok(())
}

/// Takes from the database what it has reserved ahead of its log: it would not notice for long that the disk is full.
fn give_back_reserves(db: &Path) -> Result<()> {
    // It may never have been started.
    let Ok(files) = fs::read_dir(db) else { return Ok(()) };
    for file in files {
        let path = file?.path();
        if path.extension().is_none_or(|end| end != "log") {
            continue;
        }
        let from = fs::metadata(&path)?.len().next_multiple_of(PAGE).to_string();
        let arguments = ["--punch-hole", "--offset", &from, "--length", RESERVES, path.to_str().context("no path")?];
        Namespace::outer().output("fallocate", &arguments)?;
    }
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

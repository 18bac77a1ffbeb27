//! Many identities that call a node, each at its own pace.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, bail};
use atoll_hostile::{Lane, Stranger};
use atoll_node::{Code, Multiaddr, bench::SERVICE};
use atoll_protocol::identity::SecretKey;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

/// Strangers that connect at a time.
const AT_A_TIME: usize = 16;

/// All of them, connected. They are gone with this.
pub(crate) struct Crowd {
    calling: watch::Sender<bool>,
    counts: Arc<Counts>,
    callers: JoinSet<Result<()>>,
}

#[derive(Default)]
struct Counts {
    asked: AtomicU64,
    answered: AtomicU64,
}

impl Crowd {
    /// Has them connect, and wait.
    pub(crate) async fn gather(network: &str, node: &Multiaddr, identities: u32, rate: f64) -> Result<Self> {
        let (calling, _) = watch::channel(false);
        let (counts, mut callers, mut connecting) = (Arc::<Counts>::default(), JoinSet::new(), JoinSet::new());
        for number in 0..identities {
            if connecting.len() >= AT_A_TIME {
                take_one(&mut connecting, &mut callers, &calling, &counts, rate).await?;
            }
            let (network, node) = (network.to_owned(), node.clone());
            connecting.spawn(async move {
                let mut seed = [0; 32];
                seed[..4].copy_from_slice(&(number + 1).to_le_bytes());
                let mut stranger = Stranger::connect(&network, &SecretKey::from_seed(&seed), &node).await?;
                let lane = Lane::open(&mut stranger).await?;
                anyhow::Ok((stranger, lane))
            });
        }
        while !connecting.is_empty() {
            take_one(&mut connecting, &mut callers, &calling, &counts, rate).await?;
        }
        Ok(Self { calling, counts, callers })
    }

    pub(crate) fn begin(&self) {
        self.calling.send_replace(true);
    }

    pub(crate) fn pause(&mut self) {
        self.calling.send_replace(false);
        while let Some(ended) = self.callers.try_join_next() {
            if let Ok(Err(why)) = ended {
                eprintln!("one of the crowd is gone: {why:#}");
            }
        }
    }

    /// Calls that were made, and those that were answered well.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.counts.asked.load(Ordering::Relaxed), self.counts.answered.load(Ordering::Relaxed))
    }
}

type Connecting = JoinSet<Result<(Stranger, Lane)>>;

async fn take_one(
    connecting: &mut Connecting,
    callers: &mut JoinSet<Result<()>>,
    calling: &watch::Sender<bool>,
    counts: &Arc<Counts>,
    rate: f64,
) -> Result<()> {
    let connected = connecting.join_next().await.context("nobody is connecting")?;
    let (stranger, lane) = connected?.context("the crowd does not get in")?;
    let (calling, counts) = (calling.subscribe(), Arc::clone(counts));
    callers.spawn(async move { call(stranger, lane, calling, &counts, rate).await });
    Ok(())
}

async fn call(
    _stranger: Stranger,
    mut lane: Lane,
    mut calling: watch::Receiver<bool>,
    counts: &Counts,
    rate: f64,
) -> Result<()> {
    let mut pace = interval(Duration::from_secs_f64(1.0 / rate));
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        calling.wait_for(|calling| *calling).await?;
        pace.tick().await;
        counts.asked.fetch_add(1, Ordering::Relaxed);
        match lane.call(SERVICE, "echo", &[7; 100]).await? {
            Ok(_) => drop(counts.answered.fetch_add(1, Ordering::Relaxed)),
            Err(status) if status.code() == Code::ResourceExhausted => {}
            Err(status) => bail!("refused for another reason: {status}"),
        }
    }
}

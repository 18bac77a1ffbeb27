//! More of everything than one peer may have.

use std::time::Duration;

use anyhow::{Result, ensure};
use atoll_hostile::{Lane, Stranger};
use atoll_protocol::identity::SecretKey;
use tokio::time::timeout;

use crate::{NETWORK, Victim};

/// How long a flood may last. A node that does not take what is sent makes it last: then it is over.
const FLOOD: Duration = Duration::from_secs(10);

#[tokio::test]
async fn who_never_reads_answers_cannot_make_the_node_keep_them() -> Result<()> {
    let victim = Victim::start().await?;
    let mut stranger = victim.stranger(1).await?;
    let before = victim.memory()?;
    let mut lane = Lane::open(&mut stranger).await?;
    let body = vec![7; 32 * 1024];
    let flood = async {
        // 1 GiB, if it were all taken.
        for _ in 0..32 * 1024 {
            lane.send("bench", "echo", &body).await?;
        }
        anyhow::Ok(())
    };
    let taken = timeout(FLOOD, flood).await;
    ensure!(!matches!(taken, Ok(Ok(()))), "the node takes everything, and is not read");
    victim.is_bounded(before)?;
    victim.is_well().await
}

#[tokio::test]
async fn substreams_are_bounded() -> Result<()> {
    let victim = Victim::start().await?;
    let mut stranger = victim.stranger(1).await?;
    let before = victim.memory()?;
    let mut open = Vec::new();
    let flood = async {
        for number in 0..20_000 {
            let protocol = ["rpc", "bulk", "describe", "topic", "standing"].get(number % 5).copied().unwrap_or("rpc");
            // What is refused is refused; it goes on asking.
            if let Ok(stream) = stranger.open(protocol).await {
                open.push(stream);
            }
        }
    };
    let _ = timeout(FLOOD, flood).await;
    victim.is_bounded(before)?;
    victim.is_well().await
}

#[tokio::test]
async fn connections_are_bounded_and_leave_room_for_others() -> Result<()> {
    let victim = Victim::start().await?;
    let before = victim.memory()?;
    let mut strangers = Vec::new();
    let flood = async {
        for number in 0..1_000_u32 {
            let mut seed = [9; 32];
            let [a, b, c, d] = number.to_le_bytes();
            seed[..4].copy_from_slice(&[a, b, c, d]);
            let key = SecretKey::from_seed(&seed);
            // Who is not let in is not let in; the next one tries.
            if let Ok(Ok(stranger)) =
                timeout(Duration::from_secs(2), Stranger::connect(NETWORK, &key, &victim.node.address)).await
            {
                strangers.push(stranger);
            }
        }
    };
    let _ = timeout(FLOOD, flood).await;
    ensure!(!strangers.is_empty(), "nobody is let in at all");
    victim.is_bounded(before + strangers.len() as u64 / 2)?;
    victim.is_well().await?;
    // Somebody new is let in, too.
    let late = victim.stranger(1).await?;
    drop(late);
    Ok(())
}

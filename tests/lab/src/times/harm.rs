//! A path is harmed while calls go over it.

use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::time::sleep;

use super::until;
use crate::subject::node::{Call, Connection, Load, Pace, Program, longest_silence};

/// Several calls are always under way, and the two cores that tests may have are not full of them.
const PACE: Pace = Pace { workers: 8, pause: Duration::from_millis(20), deadline: Duration::from_secs(10) };
/// How long calls are made before it is harmed.
const BEFORE: Duration = Duration::from_secs(2);
/// And afterwards, at least; and on as long as no other path is used: twice the target, so that what fails late is seen.
const AFTER: Duration = Duration::from_secs(10);

/// Has one node call another, harms the path that the calls take, and goes on until they take another one. `harm` gets the
/// connections to the peer, and says of each that is seen later whether it is another path. Gives the longest time without an
/// answer in seconds, how many calls failed, and how many there were.
pub(super) async fn harmed<O>(
    caller: &Program,
    callee: &Program,
    harm: impl FnOnce(&[Connection]) -> Result<O>,
) -> Result<Vec<f64>>
where
    O: Fn(&Connection) -> bool,
{
    let (node, peer) = (&caller.control(), callee.id());
    let load = Load::start(node, peer, PACE);
    sleep(BEFORE).await;
    let used = node.connections(peer).await?;
    let begun = Instant::now();
    let is_other = &harm(&used)?;
    sleep(AFTER).await;
    until("another path is taken", || async { Ok(node.connections(peer).await?.iter().any(is_other)) }).await?;
    // What was begun before is to end as well.
    sleep(BEFORE).await;
    let calls: Vec<Call> = load.stop().await?;
    let failed = calls.iter().filter(|call| call.error.is_some()).count();
    Ok(vec![longest_silence(&calls, begun).as_secs_f64(), failed as f64, calls.len() as f64])
}

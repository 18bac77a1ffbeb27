//! From one process to another, as fast as it goes; beside NATS.
//!
//! The time runs from just before the first message is published until the subscriber has taken the last one, or until all
//! are stored on both sides. Every message is signed by its author and encrypted on its way, comes in order, and none is
//! lost: that is checked.

use std::path::Path;

use anyhow::{Context, Result};
use atoll_tests::Process;
use serde_json::Value;

use crate::{Settings, figure::Figure, nats};

const TAKEN: &str = "1 → 1, gossip: taken by the subscriber";
const STORED: &str = "1 → 1, gossip: stored on both sides";

pub(crate) async fn measure(settings: &Settings) -> Result<Vec<Figure>> {
    let (mut taken, mut stored, mut nats) = (Vec::new(), Vec::new(), Ok(Vec::new()));
    for round in 1..=settings.rounds {
        eprintln!("1 → 1, round {round} of {}: Atoll…", settings.rounds);
        let measured = round_of_atoll(settings).await?;
        taken.push(measured.taken);
        stored.push(measured.stored);
        if let Ok(rounds) = &mut nats {
            eprintln!("1 → 1, round {round} of {}: NATS…", settings.rounds);
            match nats::measure(settings.messages).await {
                Ok(rate) => rounds.push(rate),
                Err(why) => nats = Err(format!("{why:#}")),
            }
        }
    }
    Ok(vec![
        Figure::beside(TAKEN, "messages/s", taken, "NATS", nats.clone(), Some(0.7)),
        Figure::beside(STORED, "messages/s", stored, "NATS", nats, Some(0.4)).note(
            "Until both sides have everything on their disks; the fsync at the end is in the time, publishers and \
             subscribers do not wait for it.",
        ),
    ])
}

struct Rates {
    taken: f64,
    stored: f64,
}

async fn round_of_atoll(settings: &Settings) -> Result<Rates> {
    let (here, there) = (settings.new_dir()?, settings.new_dir()?);
    let messages = settings.messages.to_string();
    let subscriber = start("subscriber", here.path(), &["--messages", &messages])?;
    let address = address(&subscriber).await?;
    subscriber.event("subscribed").await?;
    let mut publisher = start("publisher", there.path(), &["--messages", &messages, "--peer", &address])?;
    publisher.event("warm").await?;
    subscriber.event("warm").await?;
    publisher.say("go").await?;
    let published = publisher.event("published").await?;
    let heard = subscriber.event("heard").await?;
    let began = micros(&published, "began_us")?;
    let rate = |until: u64| settings.messages as f64 * 1e6 / until.saturating_sub(began) as f64;
    let stored = micros(&heard, "stored_us")?.max(micros(&published, "stored_us")?);
    Ok(Rates { taken: rate(micros(&heard, "heard_us")?), stored: rate(stored) })
}

/// Starts a process of this program that plays a role.
pub(crate) fn start(role: &str, dir: &Path, options: &[&str]) -> Result<Process> {
    let this = std::env::current_exe().context("this program does not know where it is")?;
    let dir = dir.to_string_lossy();
    Process::converse(role, &this, [role, "--dir", &dir].into_iter().chain(options.iter().copied()))
}

pub(crate) async fn address(process: &Process) -> Result<String> {
    let event = process.event("listening").await?;
    Ok(event.get("address").and_then(Value::as_str).context("no address")?.to_owned())
}

fn micros(event: &Value, field: &str) -> Result<u64> {
    event.get(field).and_then(Value::as_u64).with_context(|| format!("no {field} in {event}"))
}

//! A subscriber that comes late: it is connected already, and subscribes from the beginning.

use anyhow::{Context, Result};
use serde_json::Value;

use crate::{
    Settings,
    figure::{Figure, Target},
    flow::{address, start},
    role::WARM_UP,
};

pub(crate) async fn measure(settings: &Settings) -> Result<Figure> {
    let mut rounds = Vec::new();
    for round in 1..=settings.rounds {
        eprintln!("catching up, round {round} of {}…", settings.rounds);
        let (here, there) = (settings.new_dir()?, settings.new_dir()?);
        // With what comes before those that count elsewhere.
        let more = settings.backlog.saturating_sub(WARM_UP).max(1);
        let (messages, all) = (more.to_string(), (more + WARM_UP).to_string());
        let mut publisher = start("publisher", there.path(), &["--messages", &messages])?;
        publisher.event("warm").await?;
        publisher.say("go").await?;
        publisher.event("published").await?;
        let address = address(&publisher).await?;
        let mut reader = start("reader", here.path(), &["--messages", &all, "--peer", &address])?;
        reader.event("listening").await?;
        reader.say("go").await?;
        let caught_up = reader.event("caught_up").await?;
        rounds.push(caught_up.get("seconds").and_then(Value::as_f64).context("no seconds")?);
    }
    let what = format!("{} messages, from the first on, by a subscriber that is connected.", settings.backlog);
    Ok(Figure::alone("catch-up on what was published before", "s", rounds, Some(Target::AtMost(2.0))).note(what))
}

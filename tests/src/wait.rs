//! Waiting for a condition, never for a time.

use std::time::Duration;

use anyhow::{Result, anyhow};
use tokio::time::{Instant, sleep};

/// How long anything may take that is not about speed. Generous: the tests share few processors.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How long to let things happen before asking again.
const PAUSE: Duration = Duration::from_millis(50);

/// Asks until there is an answer.
///
/// # Errors
/// If there is none `within` that time, with `what` was waited for and the last error, if that is why.
pub async fn until<T>(what: &str, within: Duration, mut ask: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let end = Instant::now() + within;
    loop {
        let answer = ask().await;
        match answer {
            Ok(Some(answer)) => return Ok(answer),
            Err(error) if Instant::now() >= end => {
                return Err(error.context(format!("waited {within:?} for this: {what}")));
            }
            Ok(None) if Instant::now() >= end => return Err(anyhow!("waited {within:?} in vain for this: {what}")),
            _ => sleep(PAUSE).await,
        }
    }
}

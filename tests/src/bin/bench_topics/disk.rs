//! How often the disk itself can be synced: what nobody who syncs before each acknowledgement gets beyond.

use std::{
    fs::File,
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Result;

/// What is appended each time.
const BLOCK: [u8; 4096] = [7; 4096];

/// Appends and syncs, one after the other, for so long. Gives how often a second.
pub(crate) fn syncs(dir: &Path, duration: Duration) -> Result<f64> {
    let mut file = File::create(dir.join("syncs"))?;
    let (began, mut count) = (Instant::now(), 0_u32);
    while began.elapsed() < duration {
        file.write_all(&BLOCK)?;
        file.sync_data()?;
        count += 1;
    }
    Ok(f64::from(count) / began.elapsed().as_secs_f64())
}

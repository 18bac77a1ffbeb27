//! A short chaos: nodes are killed, cut off and out of room for some seconds while others publish.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result, ensure};
use atoll_lab::{
    chaos::{Settings, run},
    testing::sandboxed,
    topology::Lab,
};

#[test]
fn topics_lose_nothing_while_everything_goes_wrong() -> Result<()> {
    sandboxed("topics_lose_nothing_while_everything_goes_wrong", async {
        let lab = PathBuf::from(env!("CARGO_BIN_EXE_lab"));
        let programs = lab.parent().context("the lab's program is in no directory")?.to_owned();
        let settings = Settings {
            programs,
            // The sandbox's own, in memory.
            journals: "/run/atoll-journals".into(),
            nodes: 4,
            keepers: 2,
            length: Duration::from_secs(20),
            seed: 1,
            rate: 10.0,
        };
        let report = run(&mut Lab::new(lab)?, &settings, |line| eprintln!("{line}")).await?;
        ensure!(report.holds(), "{}", report.table());
        let (faults, figures) = (&report.faults, &report.figures);
        ensure!(faults.kills > 0 && faults.partitions > 0 && faults.full_disks > 0, "{}", report.table());
        ensure!(figures.received > 0 && figures.asked > figures.refused + figures.unknown, "{}", report.table());
        Ok(())
    })
}

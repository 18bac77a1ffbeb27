//! Every pair of kinds finds the path that it must, with plain UDP probes.

use std::time::Duration;

use anyhow::{Result, ensure};
use atoll_lab::{
    matrix::{Arena, Cell, Plan, run, table},
    nat::{Nat, Path},
    subject::udp::UdpProbe,
    testing::{sandboxed, sandboxed_with_delays},
    topology::Lab,
};

async fn matrix(plan: &Plan) -> Result<Vec<Cell>> {
    let mut lab = Lab::new(env!("CARGO_BIN_EXE_lab"))?;
    let arena = Arena::build(&mut lab, plan)?;
    let probe = UdpProbe::start(&mut lab, arena.sites()).await?;
    run(&probe, &arena, plan, |_, _, _| {}).await
}

#[test]
fn the_whole_matrix() -> Result<()> {
    sandboxed("the_whole_matrix", async {
        let plan = Plan { pairs: Nat::pairs().collect(), repeat: 1, jobs: 64, delays: None };
        let cells = matrix(&plan).await?;
        ensure!(cells.len() == 55 && cells.iter().all(Cell::holds), "{}", table(&cells));
        Ok(())
    })
}

#[test]
fn far_away_pairs_too() -> Result<()> {
    sandboxed_with_delays("far_away_pairs_too", async {
        let pairs = vec![(Nat::PortShift, Nat::CgnatCone), (Nat::Symmetric, Nat::AddressRestricted)];
        let delays = Some([Duration::from_millis(20), Duration::from_millis(45)]);
        let cells = matrix(&Plan { pairs, repeat: 2, jobs: 4, delays }).await?;
        ensure!(cells.iter().all(Cell::holds), "{}", table(&cells));
        let direct: Vec<_> = cells.iter().flat_map(Cell::outcomes).filter(|o| o.path == Path::Direct).collect();
        // The way to the observer and back for the one at 45 ms, and no less than one way for what is said.
        let least = Duration::from_millis(90 + 65);
        ensure!(direct.len() == 4 && direct.iter().all(|o| o.direct_after >= Some(least)), "{direct:?}");
        Ok(())
    })
}

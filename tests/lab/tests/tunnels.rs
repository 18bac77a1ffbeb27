//! What somebody has at home, used from another home: over a relay, and directly.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result, ensure};
use atoll_lab::{
    nat::{Nat, Path},
    subject::node::NodePrograms,
    testing::sandboxed,
    topology::{Host, Lab},
};
use serde_json::Value;
use tokio::time::{sleep, timeout};

/// How long what ought to come is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(50);
/// The port that a browser opens.
const PORT: &str = "8080";
/// Bytes of the largest file.
const LARGE: usize = 3_000_000;

/// Where the programs are: beside the lab's own.
fn programs() -> Result<PathBuf> {
    let lab = PathBuf::from(env!("CARGO_BIN_EXE_lab"));
    let directory = lab.parent().context("the lab's program is in no directory")?;
    for program in ["node", "atoll-bootstrap"] {
        ensure!(directory.join(program).exists(), "{program} is not built; run `cargo build --bins`, or `make test`");
    }
    Ok(directory.to_owned())
}

/// What a browser on this host would be shown at the forwarded port. The lab has no browser, and bash speaks TCP.
async fn page(host: &Host, path: &str) -> Result<String> {
    let script = format!(
        "exec 3<>/dev/tcp/127.0.0.1/{PORT} && printf 'GET {path} HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3 && cat <&3"
    );
    let output = timeout(PATIENCE, host.command("bash").args(["-c", &script]).output()).await??;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What is at home is opened elsewhere, over the path that there must be between two such homes.
async fn opens(lab: &mut Lab, programs: &NodePrograms, nats: [Nat; 2], expected: Path) -> Result<()> {
    let [home, away] = [lab.site(nats[0])?, lab.site(nats[1])?];
    let [first, second] = ["home", "away"].map(|end| format!("{end}-of-{}-{}", nats[0], nats[1]));
    let (owner, friend) = tokio::try_join!(programs.join(&home.host, &first), programs.join(&away.host, &second))?;
    let folder = PathBuf::from(format!("/run/atoll-state/{first}-files"));
    let content: Vec<u8> = (0..LARGE).map(|i| (i % 251) as u8).collect();
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("large.bin"), &content)?;
    std::fs::write(folder.join("small.txt"), "from home")?;
    let path = folder.to_str().context("not Unicode")?;
    let shared = programs.ask(&home.host, &owner, &["share", path, "--for", "1h"]).await?;
    let shared: Value = serde_json::from_str(&shared)?;
    let ticket = shared.get("ticket").and_then(Value::as_str).context("no ticket")?;

    // As soon as there is a ticket, over whatever path there is.
    programs.ask(&away.host, &friend, &["open", ticket, PORT, "--keep"]).await?;
    let shown = page(&away.host, "/").await?;
    ensure!(shown.contains("large.bin") && shown.trim_end().ends_with("</html>"), "the page is not complete: {shown}");

    let settled = async {
        loop {
            let all = programs.connections(&away.host, &friend, &owner).await?;
            if !all.is_empty() && all.iter().all(|connection| connection.path == expected) {
                return anyhow::Ok(());
            }
            sleep(PAUSE).await;
        }
    };
    timeout(PATIENCE, settled)
        .await
        .with_context(|| format!("the path between {nats:?} does not become {expected:?}"))??;
    let shown = page(&away.host, "/small.txt").await?;
    ensure!(shown.ends_with("from home"), "{shown}");
    let into = format!("/run/atoll-state/{second}-files");
    programs.ask(&away.host, &friend, &["get", ticket, &into]).await?;
    ensure!(std::fs::read(PathBuf::from(&into).join("large.bin"))? == content, "another file has come");
    Ok(())
}

#[test]
fn what_is_at_home_is_opened_from_another_home() -> Result<()> {
    sandboxed("what_is_at_home_is_opened_from_another_home", async {
        let mut lab = Lab::new(env!("CARGO_BIN_EXE_lab"))?;
        let programs = NodePrograms::start(&mut lab, &programs()?, 2, NodePrograms::public()).await?;
        opens(&mut lab, &programs, [Nat::Symmetric, Nat::PortRestricted], Path::Relayed).await?;
        opens(&mut lab, &programs, [Nat::Symmetric, Nat::FullCone], Path::Direct).await
    })
}

//! A server process and a client process of this program, for the peers that it speaks for.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{
    case::Case,
    compare::Settings,
    measure::{STREAM_LIMIT, WARM_UP},
    peers::{PeerName, Place, nats},
    process::{Process, command},
};

/// How long a server may take until it listens.
const STARTING: Duration = Duration::from_secs(10);

/// How long a client may take beyond the time that it measures.
const AROUND: Duration = Duration::from_secs(30);

/// One measurement between two new processes; returns what the client prints.
pub(crate) async fn measure(peer: PeerName, case: Case, settings: &Settings) -> Result<Value> {
    let name = peer.to_string();
    // Lives longer than the two that it stands between.
    let broker = if peer == PeerName::Nats { Some(nats::broker().await?) } else { None };
    let through = broker.iter().flat_map(|(_, place)| ["--through", &place.address]);
    let server = start(&format!("the server of {peer}"), ["serve", &name].into_iter().chain(through))?;
    let listening = server.event("listening", STARTING).await?;
    let place: Place = serde_json::from_value(listening).context("the server announces no place")?;

    let (work, options, within) = match case {
        Case::Echo { in_flight } => {
            let duration = humantime::format_duration(settings.duration).to_string();
            let options = ["--concurrency".to_owned(), in_flight.to_string(), "--duration".to_owned(), duration];
            ("echo", options.to_vec(), WARM_UP + settings.duration)
        }
        Case::Stream => ("stream", vec!["--size".to_owned(), settings.size.to_string()], STREAM_LIMIT),
        Case::Streams | Case::Failover => bail!("only Atoll is measured at this"),
    };
    let arguments = [work, &name, "--at", &place.address].map(str::to_owned).into_iter().chain(options);
    let certificate = place.certificate.into_iter().flat_map(|pem| ["--certificate".to_owned(), pem]);
    start(&format!("the client of {peer}"), arguments.chain(certificate))?.answer(within + AROUND).await
}

fn start(name: &str, arguments: impl IntoIterator<Item = impl AsRef<std::ffi::OsStr>>) -> Result<Process> {
    let mut this = command(&std::env::current_exe().context("this program does not know where it is")?);
    this.args(arguments);
    Process::spawn(name, this)
}

//! `node identity svid` and `node identity verify`.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::{Duration, UNIX_EPOCH},
};

use atoll_node::svid::{self, LONGEST_VALIDITY, VALIDITY};
use atoll_protocol::{
    identity::{NodeId, SecretKey},
    names::ServiceName,
};
use clap::Args;
use serde::Serialize;

use crate::{failure::Failure, session::Session, table::Table, units::moment};

#[cfg(test)]
mod tests;

#[derive(Debug, Args)]
pub(crate) struct SvidArgs {
    /// The service that it is for
    #[arg(value_name = "NAME")]
    name: ServiceName,
    /// Write the files there [default: the current directory]
    #[arg(long, value_name = "DIR", default_value = ".", hide_default_value = true)]
    dir: PathBuf,
    /// How long it is valid, up to 90 days [default: 24h]
    #[arg(long, value_name = "TIME", value_parser = validity, default_value = "24h", hide_default_value = true)]
    valid: Duration,
}

pub(super) const ISSUING: &str = "\
Three files are written: NAME.svid.pem, the certificate; NAME.svid.key, its secret key (mode 0600); and NAME.bundle.pem, the node's \
own certificate, for programs that want the authority's. The trust domain is the node's key, in base36: whoever has the certificate \
needs nothing else to check it.

Examples:
  node identity svid math.calc
  node identity svid math.calc --dir /etc/math --valid 7d";

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The certificate, in PEM
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(super) const VERIFYING: &str = "\
Exit code 0 if it is valid now, 1 if it is not, and why not. Whether the node it names is the one you mean is yours to compare.

Examples:
  node identity verify math.calc.svid.pem
  node identity verify math.calc.svid.pem --output json";

/// What was written.
#[derive(Debug, Serialize)]
struct Written {
    id: String,
    certificate: PathBuf,
    key: PathBuf,
    bundle: PathBuf,
    valid_until: String,
}

/// What a certificate proves.
#[derive(Debug, Serialize)]
struct Proved {
    id: String,
    node: NodeId,
    service: ServiceName,
    valid_from: String,
    valid_until: String,
}

pub(super) fn issue(args: &SvidArgs, key: &SecretKey, session: &Session) -> Result<(), Failure> {
    let issued = svid::issue(key, &args.name, args.valid, now()).map_err(|e| Failure::Identity(e.to_string()))?;
    let path = |end: &str| args.dir.join(format!("{}.{end}", args.name));
    let written = Written {
        id: issued.id,
        certificate: path("svid.pem"),
        key: path("svid.key"),
        bundle: path("bundle.pem"),
        valid_until: time(issued.until),
    };
    write(&written.key, &issued.key, 0o600)?;
    write(&written.certificate, &issued.certificate, 0o644)?;
    write(&written.bundle, &issued.bundle, 0o644)?;
    session.out.value(&written, |written| {
        let mut table = Table::default();
        table.row(["SPIFFE ID".to_owned(), written.id.clone()]);
        table.row(["certificate".to_owned(), written.certificate.display().to_string()]);
        table.row(["secret key".to_owned(), written.key.display().to_string()]);
        table.row(["bundle".to_owned(), written.bundle.display().to_string()]);
        table.row(["valid until".to_owned(), written.valid_until.clone()]);
        table.render(None)
    })
}

pub(super) fn verify(args: &VerifyArgs, session: &Session) -> Result<(), Failure> {
    let shown = args.file.display();
    let pem =
        fs::read(&args.file).map_err(|e| Failure::Identity(format!("cannot read the certificate {shown}: {e}")))?;
    let verified = svid::verify(&pem, now()).map_err(|e| Failure::Refused(format!("{shown}: {}", in_dates(&e))))?;
    let proved = Proved {
        id: verified.id,
        node: verified.node,
        service: verified.service,
        valid_from: time(verified.from),
        valid_until: time(verified.until),
    };
    session.out.value(&proved, |proved| {
        let mut table = Table::default();
        table.row(["SPIFFE ID".to_owned(), proved.id.clone()]);
        table.row(["issued by".to_owned(), proved.node.to_string()]);
        table.row(["service".to_owned(), proved.service.to_string()]);
        table.row(["valid".to_owned(), format!("from {} until {}", proved.valid_from, proved.valid_until)]);
        table.render(None)
    })
}

/// The error, with times as people read them.
fn in_dates(error: &svid::SvidError) -> String {
    match error {
        svid::SvidError::NotNow { id, from, until } => {
            format!("the certificate for {id} is valid from {} until {}, which is not now", time(*from), time(*until))
        }
        other => other.to_string(),
    }
}

/// Writes a file anew: one that is there may be read by others.
fn write(path: &Path, text: &str, mode: u32) -> Result<(), Failure> {
    let written = || -> io::Result<()> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
        file.write_all(text.as_bytes())
    };
    let failed =
        |e| Failure::Identity(format!("cannot write {}: {e}; pass --dir with a directory of yours", path.display()));
    written().map_err(failed)
}

fn validity(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(time) if !time.is_zero() && time <= LONGEST_VALIDITY => Ok(time),
        Ok(_) => {
            Err(format!("it can be from 1s to {} days, such as {}h", days(LONGEST_VALIDITY), VALIDITY.as_secs() / 3600))
        }
        Err(error) => Err(format!("{error}; a time looks like 24h or 7d")),
    }
}

const fn days(time: Duration) -> u64 {
    time.as_secs() / (24 * 3600)
}

fn now() -> u64 {
    UNIX_EPOCH.elapsed().unwrap_or_default().as_secs()
}

fn time(unix: i64) -> String {
    moment(u64::try_from(unix).unwrap_or_default().saturating_mul(1000))
}

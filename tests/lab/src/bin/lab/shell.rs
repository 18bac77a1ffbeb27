//! `lab shell`.

use std::process::ExitCode;

use anyhow::{Context, Result};
use atoll_lab::{nat::Nat, topology::Lab};
use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// What stands between the shell's host and the internet
    kind: Nat,
}

impl Options {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let mut lab = Lab::new(std::env::current_exe()?)?;
        let site = lab.site(self.kind)?;
        let observers = [lab.internet_host(0)?, lab.internet_host(1)?];
        let name = |host: &atoll_lab::topology::Host| {
            anyhow::Ok(format!("{} (ip netns exec {})", host.address()?, host.namespace().name()))
        };
        eprintln!("You are in {}, behind the NAT {}.", name(&site.host)?, self.kind);
        eprintln!("The internet sees {}. Routers, the own first:", site.external_address()?);
        for gateway in &site.gateways {
            eprintln!("  {} (ip netns exec {})", gateway.wan().address(), gateway.namespace().name());
        }
        let [a, b] = &observers;
        eprintln!("Hosts on the internet: {}, {}. Leaving the shell ends all of it.", name(a)?, name(b)?);
        let shell = std::env::var_os("SHELL").unwrap_or_else(|| "/bin/sh".into());
        let status = site.host.namespace().command(&shell).status();
        let status = status.with_context(|| format!("cannot start {}", shell.display()))?;
        Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
    }
}

//! `lab prove`.

use std::process::ExitCode;

use anyhow::Result;
use atoll_lab::{
    nat::{Half, Nat, Scope},
    prove::{Observers, Proof, prove},
    topology::Lab,
};
use clap::Args;

use crate::Output;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The kinds; all of them without any
    kinds: Vec<Nat>,
    /// How to print what comes out
    #[arg(long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

impl Options {
    pub(crate) async fn run(self) -> Result<ExitCode> {
        let kinds = if self.kinds.is_empty() { Nat::ALL.to_vec() } else { self.kinds };
        let mut lab = Lab::new(std::env::current_exe()?)?;
        let observers = Observers::start(&mut lab).await?;
        let sites = kinds.into_iter().map(|nat| lab.site(nat)).collect::<Result<Vec<_>>>()?;
        let proofs = futures::future::try_join_all(sites.iter().map(|site| prove(&lab, site, &observers))).await?;
        match self.output {
            Output::Table => print(&proofs),
            Output::Json => println!("{}", serde_json::to_string(&proofs)?),
        }
        Ok(if proofs.iter().all(Proof::holds) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn print(proofs: &[Proof]) {
    println!("{:20}{:8}{:12}{:44}TCP", "NAT", "PROVED", "TRANSLATED", "UDP");
    for proof in proofs {
        let (holds, measured) = (if proof.holds() { "yes" } else { "NO" }, proof.measured);
        let translated = if measured.translated { "yes" } else { "no" };
        println!("{:20}{holds:8}{translated:12}{:44}{}", proof.nat, half(measured.udp), half(measured.tcp));
        if !proof.holds() {
            println!("  it claims {:?}\n  it does   {measured:?}", proof.claimed);
        }
    }
}

fn half(half: Option<Half>) -> String {
    let Some(half) = half else { return "blocked".to_owned() };
    let mapping = match half.mapping {
        Scope::EndpointIndependent if half.preserves_port => "same port",
        Scope::EndpointIndependent => "one other port",
        Scope::AddressDependent => "port by address",
        Scope::AddressAndPortDependent => "port by destination",
    };
    let filtering = match half.filtering {
        Scope::EndpointIndependent if half.unsolicited => "all let in",
        Scope::EndpointIndependent => "all let in once open",
        Scope::AddressDependent => "contacted hosts let in",
        Scope::AddressAndPortDependent => "replies let in",
    };
    format!("{mapping}, {filtering}")
}

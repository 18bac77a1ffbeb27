//! Every kind of NAT is what it claims to be: one test for each, in a lab of its own.

use anyhow::{Result, ensure};
use atoll_lab::{
    nat::Nat,
    prove::{Observers, prove},
    testing::sandboxed,
    topology::Lab,
};

async fn proved(nat: Nat) -> Result<()> {
    let mut lab = Lab::new(env!("CARGO_BIN_EXE_lab"))?;
    let observers = Observers::start(&mut lab).await?;
    let site = lab.site(nat)?;
    let proof = prove(&lab, &site, &observers).await?;
    ensure!(proof.holds(), "{nat} claims {:?}\nand does {:?}", proof.claimed, proof.measured);
    Ok(())
}

#[test]
fn none() -> Result<()> {
    sandboxed("none", proved(Nat::None))
}

#[test]
fn firewall() -> Result<()> {
    sandboxed("firewall", proved(Nat::Firewall))
}

#[test]
fn full_cone() -> Result<()> {
    sandboxed("full_cone", proved(Nat::FullCone))
}

#[test]
fn address_restricted() -> Result<()> {
    sandboxed("address_restricted", proved(Nat::AddressRestricted))
}

#[test]
fn port_restricted() -> Result<()> {
    sandboxed("port_restricted", proved(Nat::PortRestricted))
}

#[test]
fn port_shift() -> Result<()> {
    sandboxed("port_shift", proved(Nat::PortShift))
}

#[test]
fn symmetric() -> Result<()> {
    sandboxed("symmetric", proved(Nat::Symmetric))
}

#[test]
fn cgnat_cone() -> Result<()> {
    sandboxed("cgnat_cone", proved(Nat::CgnatCone))
}

#[test]
fn cgnat_symmetric() -> Result<()> {
    sandboxed("cgnat_symmetric", proved(Nat::CgnatSymmetric))
}

#[test]
fn udp_blocked() -> Result<()> {
    sandboxed("udp_blocked", proved(Nat::UdpBlocked))
}

//! The name of a node's trust domain: its id as CIDv1 in base36, lower case, as IPNS writes the names of keys.
//!
//! ```text
//! k            multibase: base36
//! 01 72        CIDv1, of a libp2p key
//! 00 24 08 01 12 20 …   the PeerId: an identity multihash over the public key
//! ```

use atoll_protocol::identity::NodeId;

/// Base36 in multibase's table.
const MULTIBASE: char = 'k';
/// CIDv1, multicodec `libp2p-key`.
const PREFIX: [u8; 2] = [0x01, 0x72];
const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
/// Longer than the name of any Ed25519 key, which takes 62 characters.
const LONGEST: usize = 80;

/// A name that is no node's trust domain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{name:?} is the trust domain of no node: {reason}; such a name looks like k51qzi5uqu5d… and has 62 characters"
)]
pub struct DomainError {
    name: String,
    reason: &'static str,
}

/// The trust domain of a node.
#[must_use]
pub fn trust_domain(node: &NodeId) -> String {
    let bytes = [&PREFIX[..], &node.to_peer_id_bytes()].concat();
    let digits = base36(&bytes).into_iter().filter_map(|digit| DIGITS.get(usize::from(digit)).copied().map(char::from));
    std::iter::once(MULTIBASE).chain(digits).collect()
}

/// The node whose trust domain has this name.
///
/// # Errors
/// [`DomainError`] if it is none's.
pub fn node_of(name: &str) -> Result<NodeId, DomainError> {
    let fail = |reason| DomainError { name: name.chars().take(LONGEST).collect(), reason };
    if name.len() > LONGEST {
        return Err(fail("it is too long"));
    }
    let digits = name.strip_prefix(MULTIBASE).ok_or_else(|| fail("it does not begin with k, for base36"))?;
    let digit = |c: u8| DIGITS.iter().position(|digit| *digit == c).and_then(|at| u8::try_from(at).ok());
    let digits: Option<Vec<u8>> = digits.bytes().map(digit).collect();
    let bytes = bytes_of(&digits.ok_or_else(|| fail("it holds other characters than 0-9 and a-z"))?);
    let peer = bytes.strip_prefix(&PREFIX).ok_or_else(|| fail("it is no CIDv1 of a libp2p key"))?;
    let node = NodeId::from_peer_id_bytes(peer).map_err(|_| fail("it is no Ed25519 key's"))?;
    // One node has one name: no zeros before it.
    if trust_domain(&node) == name { Ok(node) } else { Err(fail("it is not written as it ought to be")) }
}

/// A number in base 256 as one in base 36, most significant first; zero bytes before it are digits 0.
fn base36(bytes: &[u8]) -> Vec<u8> {
    converted(bytes, 256, 36)
}

fn bytes_of(digits: &[u8]) -> Vec<u8> {
    converted(digits, 36, 256)
}

fn converted(number: &[u8], from: u32, to: u32) -> Vec<u8> {
    // Least significant first.
    let mut digits: Vec<u8> = Vec::new();
    for digit in number {
        let mut carry = u32::from(*digit);
        for place in &mut digits {
            carry += u32::from(*place) * from;
            *place = u8::try_from(carry % to).unwrap_or_default();
            carry /= to;
        }
        while carry > 0 {
            digits.push(u8::try_from(carry % to).unwrap_or_default());
            carry /= to;
        }
    }
    digits.extend(number.iter().take_while(|digit| **digit == 0));
    digits.reverse();
    digits
}

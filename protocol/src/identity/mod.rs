//! Who a node is: an Ed25519 key, shown as the libp2p PeerId of that key.
//!
//! A [`NodeId`] holds the public key itself, so whoever knows a node's name can check its signatures; there is no
//! key to look up. The text form is libp2p's: base58 of the identity multihash of the key's protobuf encoding
//! (libp2p specs, `peer-ids/peer-ids.md`), which begins with `12D3Koo`.

use std::{fmt, str::FromStr};

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

#[cfg(test)]
mod tests;

/// Multihash code `identity`, its length (36), then the protobuf fields "key type = Ed25519, data = 32 bytes".
const PREFIX: [u8; 6] = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];

/// A node's name, and the public key that it signs with.
///
/// `Display` gives the full PeerId; [`NodeId::short`] a form for tables.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId([u8; 32]);

/// Why a text or a byte string is no [`NodeId`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{value:?} is not a node id: {reason}; a node id looks like 12D3Koo…, as printed by `node identity show`")]
pub struct NodeIdError {
    value: String,
    reason: &'static str,
}

impl NodeId {
    /// The node that signs with this public key.
    #[must_use]
    pub const fn from_public_key(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// The public key.
    #[must_use]
    pub const fn public_key(&self) -> &[u8; 32] {
        &self.0
    }

    /// The binary PeerId (an identity multihash), 38 bytes.
    #[must_use]
    pub fn to_peer_id_bytes(&self) -> Vec<u8> {
        [PREFIX.as_slice(), &self.0].concat()
    }

    /// Reads a binary PeerId.
    ///
    /// # Errors
    /// [`NodeIdError`] if it is not the identity multihash of an Ed25519 key: RSA and secp256k1 peers exist in libp2p
    /// and can be connected to, but they cannot be Atoll nodes.
    pub fn from_peer_id_bytes(bytes: &[u8]) -> Result<Self, NodeIdError> {
        // Base58 takes quadratic time: of a long input only the beginning is shown.
        let shown = bytes.get(..bytes.len().min(48)).unwrap_or_default();
        let fail = |reason| NodeIdError { value: bs58::encode(shown).into_string(), reason };
        let key = bytes.strip_prefix(PREFIX.as_slice()).ok_or_else(|| fail("not the PeerId of an Ed25519 key"))?;
        Ok(Self(key.try_into().map_err(|_| fail("wrong length"))?))
    }

    /// Whether `signature` over `message` is this node's.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &Signature) -> bool {
        VerifyingKey::from_bytes(&self.0).is_ok_and(|key| key.verify_strict(message, signature).is_ok())
    }

    /// The last eight characters behind an ellipsis: enough to tell nodes apart in a table.
    #[must_use]
    pub fn short(&self) -> String {
        let full = self.to_string();
        let tail: String = full.chars().skip(full.chars().count().saturating_sub(8)).collect();
        format!("…{tail}")
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&bs58::encode(self.to_peer_id_bytes()).into_string())
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeId({self})")
    }
}

impl FromStr for NodeId {
    type Err = NodeIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = |reason| NodeIdError { value: text.chars().take(80).collect(), reason };
        // Base58 decoding takes quadratic time: look at the length first.
        if text.len() > 64 {
            return Err(fail("too long"));
        }
        let bytes = bs58::decode(text).into_vec().map_err(|_| fail("not base58"))?;
        Self::from_peer_id_bytes(&bytes).map_err(|e| fail(e.reason))
    }
}

impl Serialize for NodeId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { self.0.serialize(serializer) }
    }
}

impl<'de> Deserialize<'de> for NodeId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
        } else {
            <[u8; 32]>::deserialize(deserializer).map(Self)
        }
    }
}

/// The secret half of a node's identity. It is never printed and never serialised by derive.
#[derive(Clone)]
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// The key that a 32-byte seed stands for. The seed must come from a good source of randomness; this crate has
    /// none.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The seed, to be stored where only the owner reads it.
    #[must_use]
    pub fn seed(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The public name of this key.
    #[must_use]
    pub fn node_id(&self) -> NodeId {
        NodeId(self.0.verifying_key().to_bytes())
    }

    /// Signs `message`. Use [`Signed::seal`](crate::sealed::Signed::seal), which adds the domain tag.
    #[must_use]
    pub(crate) fn sign(&self, message: &[u8]) -> Signature {
        self.0.sign(message)
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(of {})", self.node_id())
    }
}

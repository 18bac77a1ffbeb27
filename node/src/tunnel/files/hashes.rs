//! Hashes of a file, piece by piece.
//!
//! ```text
//! root = SHA-256( size: u64 le ‖ piece: u64 le ‖ SHA-256(piece 0) ‖ SHA-256(piece 1) ‖ … )
//! ```

use std::{
    fs::File,
    io::{self, Read},
    sync::Arc,
};

use atoll_protocol::sealed::Hash;
use parking_lot::Mutex;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

use super::place::Facts;

/// The smallest piece, in bytes.
const PIECE: u64 = 1 << 20;
/// Pieces that a file is cut into at most: of large ones the pieces are larger.
const PIECES: u64 = 8 * 1024;
/// The largest piece: so much is fetched anew when something in it is wrong.
const PIECE_MAX: u64 = 64 << 20;
/// Files whose hashes are remembered, at most.
const REMEMBERED: usize = 64;

/// A file's hashes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hashes {
    /// Bytes of the file.
    pub size: u64,
    /// Bytes of each piece but the last one.
    pub piece: u64,
    /// What all of the below comes to.
    #[serde(with = "hex")]
    pub root: Hash,
    /// SHA-256 of each piece, in order.
    pub pieces: Vec<Piece>,
    /// The content that they are of, as in `ETag`.
    pub etag: String,
}

/// The hash of one piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Piece(#[serde(with = "hex")] pub Hash);

/// How long pieces of a file of this size are.
fn piece_of(size: u64) -> u64 {
    size.div_ceil(PIECES).next_power_of_two().clamp(PIECE, PIECE_MAX)
}

impl Hashes {
    /// Reads a file and hashes it. A file that changes meanwhile has hashes that fit neither of its contents; whoever fetches it
    /// notices.
    pub(super) fn of(file: &mut File, facts: &Facts) -> io::Result<Self> {
        let piece = piece_of(facts.size);
        let mut buffer = vec![0; usize::try_from(piece.min(PIECE)).unwrap_or_default()];
        let (mut pieces, mut left) = (Vec::new(), facts.size);
        while left > 0 {
            let mut digest = Sha256::new();
            let mut within = piece.min(left);
            left -= within;
            while within > 0 {
                let now = usize::try_from(within).unwrap_or(usize::MAX).min(buffer.len());
                let part = buffer.get_mut(..now).unwrap_or_default();
                file.read_exact(part)?;
                digest.update(&part);
                within -= now as u64;
            }
            pieces.push(Piece(Hash(digest.finalize().into())));
        }
        let root = root(facts.size, piece, &pieces);
        Ok(Self { size: facts.size, piece, root, pieces, etag: facts.etag() })
    }

    /// Whether this is a stranger's word that makes sense.
    pub(super) fn is_sound(&self) -> bool {
        let fits = self.piece == piece_of(self.size);
        fits && self.pieces.len() as u64 == self.size.div_ceil(self.piece)
            && root(self.size, self.piece, &self.pieces) == self.root
    }

    /// Where a piece is, and its hash.
    pub(super) fn piece(&self, index: usize) -> Option<(u64, u64, Hash)> {
        let Piece(hash) = self.pieces.get(index)?;
        let start = index as u64 * self.piece;
        Some((start, self.piece.min(self.size - start), *hash))
    }
}

fn root(size: u64, piece: u64, pieces: &[Piece]) -> Hash {
    let mut digest = Sha256::new();
    digest.update(size.to_le_bytes());
    digest.update(piece.to_le_bytes());
    for Piece(hash) in pieces {
        digest.update(hash.0);
    }
    Hash(digest.finalize().into())
}

/// Hashes that were made lately, last used last.
#[derive(Debug, Default)]
pub(super) struct Remembered(Mutex<Vec<(Facts, Arc<Hashes>)>>);

impl Remembered {
    /// Those of this file, made if they are not remembered. Reads the disk.
    pub(super) fn of(&self, file: &mut File, facts: &Facts) -> io::Result<Arc<Hashes>> {
        {
            let mut all = self.0.lock();
            if let Some(at) = all.iter().position(|(of, _)| of == facts) {
                let found = all.remove(at);
                let hashes = Arc::clone(&found.1);
                all.push(found);
                return Ok(hashes);
            }
        }
        let hashes = Arc::new(Hashes::of(file, facts)?);
        let mut all = self.0.lock();
        if all.len() >= REMEMBERED {
            all.remove(0);
        }
        all.push((*facts, Arc::clone(&hashes)));
        Ok(hashes)
    }
}

/// A hash as 64 hexadecimal digits.
mod hex {
    use super::{Deserialize, Deserializer, Hash, Serializer, de};

    pub(super) fn serialize<S: Serializer>(hash: &Hash, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}", super::digits(hash)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Hash, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || de::Error::custom("a hash has 64 hexadecimal digits");
        if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        let mut hash = [0; 32];
        for (byte, digits) in hash.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| wrong())?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| wrong())?;
        }
        Ok(Hash(hash))
    }
}

/// A hash as people compare it.
pub(super) fn digits(hash: &Hash) -> String {
    hash.0.iter().map(|byte| format!("{byte:02x}")).collect()
}

//! Protocol Buffers with the length before each message, as the protocols of libp2p send them.

use std::io;

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use prost::Message;

/// Length of a message at most where its protocol says no other, without its length's own bytes, as in the other
/// implementations.
pub(super) const MAX_MESSAGE: usize = 4096;

/// Why there is no message.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("the substream ended or broke: {0}")]
    Io(#[from] io::Error),
    #[error("a message longer than {max} bytes")]
    TooLong { max: usize },
    #[error("not a message: {0}")]
    Malformed(#[from] prost::DecodeError),
}

/// Reads one message of at most [`MAX_MESSAGE`] bytes, and not a byte more: what follows may be something else.
pub(super) async fn read<M: Message + Default>(from: &mut (impl AsyncRead + Unpin)) -> Result<M, ReadError> {
    read_up_to(from, MAX_MESSAGE).await
}

/// The same with another bound, of less than 16 KiB.
pub(super) async fn read_up_to<M: Message + Default>(
    from: &mut (impl AsyncRead + Unpin),
    max: usize,
) -> Result<M, ReadError> {
    let mut message = vec![0; read_length(from, max).await?];
    from.read_exact(&mut message).await?;
    Ok(M::decode(message.as_slice())?)
}

/// An unsigned varint of at most two bytes, seven bits each, the lowest first.
async fn read_length(from: &mut (impl AsyncRead + Unpin), max: usize) -> Result<usize, ReadError> {
    let mut length = 0;
    for shift in [0, 7] {
        let mut byte = [0];
        from.read_exact(&mut byte).await?;
        let [byte] = byte;
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return if length > max { Err(ReadError::TooLong { max }) } else { Ok(length) };
        }
    }
    Err(ReadError::TooLong { max })
}

/// Writes one message and sees it off.
pub(super) async fn write(to: &mut (impl AsyncWrite + Unpin), message: &impl Message) -> io::Result<()> {
    to.write_all(&message.encode_length_delimited_to_vec()).await?;
    to.flush().await
}

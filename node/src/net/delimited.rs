//! Protocol Buffers with the length before each message, as the protocols of libp2p send them.

use std::io;

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use prost::Message;

/// Length of a message at most, without its length's own bytes, as in the other implementations.
pub(super) const MAX_MESSAGE: usize = 4096;

/// Why there is no message.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error("the substream ended or broke: {0}")]
    Io(#[from] io::Error),
    #[error("a message longer than {MAX_MESSAGE} bytes")]
    TooLong,
    #[error("not a message: {0}")]
    Malformed(#[from] prost::DecodeError),
}

/// Reads one message and not a byte more: what follows may be something else.
pub(super) async fn read<M: Message + Default>(from: &mut (impl AsyncRead + Unpin)) -> Result<M, ReadError> {
    let mut message = vec![0; read_length(from).await?];
    from.read_exact(&mut message).await?;
    Ok(M::decode(message.as_slice())?)
}

/// An unsigned varint of at most two bytes, seven bits each, the lowest first: enough for [`MAX_MESSAGE`].
async fn read_length(from: &mut (impl AsyncRead + Unpin)) -> Result<usize, ReadError> {
    let mut length = 0;
    for shift in [0, 7] {
        let mut byte = [0];
        from.read_exact(&mut byte).await?;
        let [byte] = byte;
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return if length > MAX_MESSAGE { Err(ReadError::TooLong) } else { Ok(length) };
        }
    }
    Err(ReadError::TooLong)
}

/// Writes one message and sees it off.
pub(super) async fn write(to: &mut (impl AsyncWrite + Unpin), message: &impl Message) -> io::Result<()> {
    to.write_all(&message.encode_length_delimited_to_vec()).await?;
    to.flush().await
}

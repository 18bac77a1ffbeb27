//! Messages in Atoll's own encoding with the length before each, as directories and brokers exchange them.

use std::io;

use atoll_protocol::codec::{self, DecodeError, EncodeError};
use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use serde::Serialize;

/// Writes one message. The caller flushes, and keeps its messages below what the other side takes.
pub(crate) async fn send<T, E>(stream: &mut (impl AsyncWrite + Unpin), message: &T) -> Result<(), E>
where
    T: Serialize,
    E: From<io::Error> + From<EncodeError>,
{
    let body = codec::encode(message)?;
    let len = u32::try_from(body.len()).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
    stream.write_all(&len.to_le_bytes()).await?;
    stream.write_all(&body).await?;
    Ok(())
}

/// Reads one message of at most `limit` bytes, and tells its length; `None` at the end of the stream.
pub(crate) async fn receive<T, E>(
    stream: &mut (impl AsyncRead + Unpin),
    limit: usize,
    decode: impl Fn(&[u8]) -> Result<T, DecodeError>,
) -> Result<Option<(T, usize)>, E>
where
    E: From<io::Error> + From<DecodeError>,
{
    let mut len = [0; 4];
    match stream.read_exact(&mut len).await {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(e) => return Err(e.into()),
    }
    let len = u32::from_le_bytes(len) as usize;
    if len > limit {
        return Err(DecodeError::TooLong { len, limit }.into());
    }
    let mut body = vec![0; len];
    stream.read_exact(&mut body).await?;
    Ok(Some((decode(&body)?, len)))
}

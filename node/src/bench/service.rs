//! The service that is measured.

use std::sync::Arc;

use bytes::{Buf, Bytes};

use super::SERVICE;
use crate::{
    Context, RawReceiver, RawSender, ServiceBuilder, Serving, Status, error::RegisterError,
    protocol::service::EndpointKind, rpc::Rpc,
};

/// What is sent at a time. One for all streams, whose own memory is what is measured.
static CHUNK: [u8; 64 * 1024] = [0; 64 * 1024];
/// Streams that may be open at a time.
const STREAMS: usize = 64 * 1024;

/// Begins to offer the service.
pub(crate) async fn register(rpc: &Arc<Rpc>) -> Result<Serving, RegisterError> {
    ServiceBuilder::new(Arc::clone(rpc), SERVICE, env!("CARGO_PKG_VERSION"))?
        .doc("Answers as fast as it can, to be measured.")
        .raw_method("echo", |_: Context, body| async move { Ok(body) })
        .documented("echo", "Gives back the bytes that it is sent.")
        .idempotent("echo")
        .raw_stream("download", EndpointKind::ServerStream, |_, mut requests, mut responses| async move {
            serve(&mut requests, &mut responses).await.map(|()| Bytes::new())
        })
        .documented(
            "download",
            "Sends as many bytes as the request says (8 bytes, little endian), in chunks of 64 KiB.",
        )
        .raw_stream("flow", EndpointKind::Bidirectional, |_, mut requests, mut responses| async move {
            serve(&mut requests, &mut responses).await.map(|()| Bytes::new())
        })
        .documented("flow", "As download, for each request that it is sent.")
        .concurrency(STREAMS)
        .register()
        .await
}

async fn serve(requests: &mut RawReceiver, responses: &mut RawSender) -> Result<(), Status> {
    let chunk = Bytes::from_static(&CHUNK);
    while let Some(mut request) = requests.next().await? {
        let mut left = request
            .try_get_u64_le()
            .map_err(|_| Status::invalid_argument("a request is a number of bytes, in 8 bytes, little endian"))?;
        while left > 0 {
            let now = usize::try_from(left).unwrap_or(usize::MAX).min(chunk.len());
            responses.send(chunk.slice(..now)).await?;
            left -= now as u64;
        }
    }
    Ok(())
}

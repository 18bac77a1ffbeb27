//! gRPC as tonic does it, over TLS: one channel for all tasks, each with its own handle, as its documentation advises.
//!
//! The service is written by hand, as tonic's code generator would write it, and its messages are plain bytes: without
//! protobuf around them, which saves tonic a little work.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    net::Ipv4Addr,
    task::{Context, Poll},
};

use anyhow::Result;
use bytes::{Buf, BufMut, Bytes};
use futures::{StreamExt, stream};
use tonic::{
    Request, Response, Status,
    body::Body,
    client,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    codegen::{
        BoxFuture, BoxStream, Service,
        http::{self, uri::PathAndQuery},
    },
    server::{self, NamedService, ServerStreamingService, UnaryService},
    transport::{
        Certificate, Channel, ClientTlsConfig, Endpoint, Identity, Server, ServerTlsConfig, server::TcpIncoming,
    },
};

use super::{Peer, Place, tls};
use crate::work;

const ECHO: &str = "/atoll.Load/Echo";
const STREAM: &str = "/atoll.Load/Stream";

/// A client of the service.
#[derive(Clone)]
pub(super) struct Tonic(client::Grpc<Channel>);

impl Peer for Tonic {
    async fn serve(_broker: Option<Place>) -> Result<()> {
        let identity = tls::identity()?;
        let tls = ServerTlsConfig::new().identity(Identity::from_pem(&identity.certificate, &identity.key));
        let incoming = TcpIncoming::bind((Ipv4Addr::LOCALHOST, 0).into())?.with_nodelay(Some(true));
        let place = Place { certificate: Some(identity.certificate), ..Place::plain(incoming.local_addr()?) };
        place.announce()?;
        Ok(Server::builder().tls_config(tls)?.add_service(Load).serve_with_incoming(incoming).await?)
    }

    async fn connect(to: &Place) -> Result<Self> {
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(to.certificate()?))
            .domain_name(tls::SERVER_NAME);
        let endpoint = Endpoint::from_shared(format!("https://{}", to.address))?;
        let channel = endpoint.tcp_nodelay(true).tls_config(tls)?.connect().await?;
        Ok(Self(client::Grpc::new(channel)))
    }

    async fn call(&mut self, request: Bytes) -> Result<Bytes> {
        self.0.ready().await?;
        Ok(self.0.unary(Request::new(request), PathAndQuery::from_static(ECHO), Plain).await?.into_inner())
    }

    async fn stream(&mut self, size: u64) -> Result<u64> {
        self.0.ready().await?;
        let request = Request::new(work::ask_for_stream(size));
        let mut answer = self.0.server_streaming(request, PathAndQuery::from_static(STREAM), Plain).await?.into_inner();
        let mut received = 0;
        while let Some(chunk) = answer.message().await? {
            received += chunk.len() as u64;
        }
        Ok(received)
    }
}

/// The service: what finds the method by the path of a request.
#[derive(Clone)]
struct Load;

impl NamedService for Load {
    const NAME: &'static str = "atoll.Load";
}

impl Service<http::Request<Body>> for Load {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        match request.uri().path() {
            ECHO => Box::pin(async move { Ok(server::Grpc::new(Plain).unary(EchoMethod, request).await) }),
            STREAM => {
                Box::pin(async move { Ok(server::Grpc::new(Plain).server_streaming(StreamMethod, request).await) })
            }
            _ => Box::pin(ready(Ok(Status::unimplemented("there is no such method").into_http()))),
        }
    }
}

struct EchoMethod;

impl UnaryService<Bytes> for EchoMethod {
    type Response = Bytes;
    type Future = Ready<Result<Response<Bytes>, Status>>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        ready(Ok(Response::new(request.into_inner())))
    }
}

struct StreamMethod;

impl ServerStreamingService<Bytes> for StreamMethod {
    type Response = Bytes;
    type ResponseStream = BoxStream<Bytes>;
    type Future = Ready<Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        ready(match work::asked_for(request.get_ref()) {
            Some(size) => Ok(Response::new(stream::iter(work::chunks(size).map(Ok)).boxed())),
            None => Err(Status::invalid_argument("a size of eight bytes is asked for")),
        })
    }
}

/// Messages as they are.
#[derive(Clone, Copy)]
struct Plain;

impl Codec for Plain {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put(message);
        Ok(())
    }
}

impl Decoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}

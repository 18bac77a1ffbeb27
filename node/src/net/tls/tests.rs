//! Tests of TLS: with itself, with libp2p's own, and with peers that do not play by the rules.

use futures::{AsyncReadExt, AsyncWriteExt, future::join};
use libp2p::{tcp::tokio::TcpStream as Socket, tls::Config as Stock};
use rustls::CipherSuite;
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::testing::within;

/// Both ends of a connection, the listening one first.
async fn connected() -> (Socket, Socket) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let there = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let here = listener.accept().await.unwrap().0;
    (Socket(here), Socket(there))
}

/// Secures both ends of a connection.
async fn handshake<I, O>(inbound: I, outbound: O) -> (Result<I::Output, I::Error>, Result<O::Output, O::Error>)
where
    I: InboundConnectionUpgrade<Socket, Info = &'static str>,
    O: OutboundConnectionUpgrade<Socket, Info = &'static str>,
{
    let (here, there) = connected().await;
    let both = join(inbound.upgrade_inbound(here, "/tls/1.0.0"), outbound.upgrade_outbound(there, "/tls/1.0.0"));
    within("the handshake", both).await
}

fn key() -> Keypair {
    Keypair::generate_ed25519()
}

fn id(key: &Keypair) -> PeerId {
    key.public().to_peer_id()
}

#[tokio::test]
async fn both_ends_prove_who_they_are_and_use_the_quicker_cipher() {
    let (server, client) = (key(), key());
    let (inbound, outbound) = handshake(Tls::new(&server).unwrap(), Tls::new(&client).unwrap()).await;
    let ((of_client, mut inbound), (of_server, mut outbound)) = (inbound.unwrap(), outbound.unwrap());
    assert_eq!((of_client, of_server), (id(&client), id(&server)));
    let suite = outbound.get_ref().1.negotiated_cipher_suite().unwrap().suite();
    assert_eq!(suite == CipherSuite::TLS13_AES_128_GCM_SHA256, has_aes(), "{suite:?}");
    outbound.write_all(b"hello").await.unwrap();
    outbound.flush().await.unwrap();
    let mut heard = [0; 5];
    inbound.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"hello");
}

#[tokio::test]
async fn libp2ps_own_tls_is_understood_either_way() {
    let (server, client) = (key(), key());
    let (inbound, outbound) = handshake(Tls::new(&server).unwrap(), Stock::new(&client).unwrap()).await;
    assert_eq!((inbound.unwrap().0, outbound.unwrap().0), (id(&client), id(&server)));
    let (inbound, outbound) = handshake(Stock::new(&server).unwrap(), Tls::new(&client).unwrap()).await;
    assert_eq!((inbound.unwrap().0, outbound.unwrap().0), (id(&client), id(&server)));
}

#[tokio::test]
async fn a_client_without_a_certificate_is_refused() {
    let server = Tls::new(&key()).unwrap();
    let anonymous = ClientConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Verifier))
        .with_no_client_auth();
    let mut client = Tls::new(&key()).unwrap();
    client.client = Arc::new(anonymous);
    let (inbound, _) = handshake(server, client).await;
    assert!(inbound.unwrap_err().to_string().contains("certificate"));
}

#[test]
fn a_certificate_that_is_not_a_libp2p_peers_is_refused() {
    let garbage = CertificateDer::from(vec![0x30, 0x03, 0x02, 0x01, 0x00]);
    assert!(proved(&garbage, &[]).is_err());
    assert!(proved(&CertificateDer::from(Vec::new()), &[]).is_err());
    let (honest, _) = certificate::generate(&key()).unwrap();
    assert!(proved(&honest, &[]).is_ok());
    let refused = proved(&honest, std::slice::from_ref(&honest)).unwrap_err();
    assert!(refused.to_string().contains("exactly one certificate"), "{refused}");
}

#[test]
fn a_changed_certificate_proves_nobody_else() {
    let key = key();
    let (honest, _) = certificate::generate(&key).unwrap();
    let bytes = honest.as_ref();
    let mut refused = 0;
    for i in 0..bytes.len() {
        let mut changed = bytes.to_vec();
        changed[i] ^= 1;
        match proved(&CertificateDer::from(changed), &[]) {
            // How the signature is wrapped has a few bits without a meaning; how many depends on the key.
            Ok(peer) => assert_eq!(peer, id(&key), "byte {i}"),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > bytes.len() * 9 / 10, "{refused} of {}", bytes.len());
}

#[tokio::test]
async fn who_does_not_speak_tls_is_refused() {
    let (here, mut there) = connected().await;
    let inbound = Tls::new(&key()).unwrap().upgrade_inbound(here, "/tls/1.0.0");
    let garbage = async move {
        there.write_all(&[0x5a; 512]).await.unwrap();
        there
    };
    let (refused, _there) = within("the refusal", join(inbound, garbage)).await;
    assert!(refused.is_err());
}

//! Connections that change their protocol, as WebSockets do (RFC 9110, 7.8): from then on bytes go both ways.

use axum::http::{HeaderMap, HeaderValue, Request, Response, header};
use hyper::{body::Incoming, upgrade::OnUpgrade};
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional_with_sizes;

/// Bytes that are taken at a time.
const PIECE: usize = 16 * 1024;

/// The browser's side of what is to be upgraded.
pub(super) struct Asked {
    protocol: HeaderValue,
    browser: OnUpgrade,
}

/// What a request wants to be upgraded to, if it does and can be.
pub(super) fn asked<B>(request: &mut Request<B>) -> Option<Asked> {
    let protocol = request.headers().get(header::UPGRADE).cloned()?;
    if !wants_upgrade(request.headers()) {
        return None;
    }
    let browser = request.extensions_mut().remove::<OnUpgrade>()?;
    Some(Asked { protocol, browser })
}

fn wants_upgrade(headers: &HeaderMap) -> bool {
    let texts = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).any(|option| option.trim().eq_ignore_ascii_case("upgrade"))
}

impl Asked {
    pub(super) fn protocol(&self) -> &HeaderValue {
        &self.protocol
    }

    /// The application has agreed: once the response has been sent, bytes go both ways until one side has had enough.
    pub(super) fn carry(self, response: &mut Response<Incoming>) {
        let application = hyper::upgrade::on(response);
        let browser = self.browser;
        tokio::spawn(async move {
            let (application, browser) = match tokio::try_join!(application, browser) {
                Ok(both) => both,
                Err(error) => return tracing::debug!("a connection was not upgraded: {error}"),
            };
            let (mut application, mut browser) = (TokioIo::new(application), TokioIo::new(browser));
            let carried = copy_bidirectional_with_sizes(&mut browser, &mut application, PIECE, PIECE).await;
            if let Err(error) = carried {
                tracing::debug!("an upgraded connection has broken: {error}");
            }
        });
    }
}

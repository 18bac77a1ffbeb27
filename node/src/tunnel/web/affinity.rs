//! One user's requests go to one instance, as long as it is there: applications may remember their users.

use axum::http::{HeaderMap, HeaderValue, Request, header};

/// The cookie's name.
const COOKIE: &str = "atoll-affinity";
/// Bytes of a key at most: ours have 16.
const KEY: usize = 64;

/// By what an instance is chosen.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Affinity {
    key: Option<String>,
    /// Whether the browser is to be given the key.
    new: bool,
}

impl Affinity {
    /// The caller's key, or that in the cookie, or a new one if there is a choice at all.
    pub(super) fn of<B>(given: Option<String>, request: &Request<B>, instances: usize) -> Self {
        if given.is_some() {
            return Self { key: given, new: false };
        }
        if instances <= 1 {
            return Self { key: None, new: false };
        }
        match cookies(request.headers()).find_map(key_in) {
            Some(key) => Self { key: Some(key.to_owned()), new: false },
            None => Self { key: Some(format!("{:016x}", rand::random::<u64>())), new: true },
        }
    }

    pub(super) fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// Gives the browser its key, if it has none.
    pub(super) fn give_cookie(&self, headers: &mut HeaderMap) {
        if let (Some(key), true) = (&self.key, self.new)
            && let Ok(value) = HeaderValue::from_str(&format!("{COOKIE}={key}; Path=/; HttpOnly; SameSite=Lax"))
        {
            headers.append(header::SET_COOKIE, value);
        }
    }
}

fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let texts = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(';')).map(str::trim)
}

fn key_in(cookie: &str) -> Option<&str> {
    let key = cookie.strip_prefix(COOKIE)?.strip_prefix('=')?;
    (!key.is_empty() && key.len() <= KEY).then_some(key)
}

/// Takes our cookie out: it is no business of the application's. All others stay as they are.
pub(super) fn take_cookie(headers: &mut HeaderMap) {
    if !cookies(headers).any(|cookie| cookie.starts_with(COOKIE)) {
        return;
    }
    let others: Vec<&str> = cookies(headers).filter(|cookie| key_in(cookie).is_none()).collect();
    match HeaderValue::from_str(&others.join("; ")) {
        Ok(value) if !others.is_empty() => drop(headers.insert(header::COOKIE, value)),
        _ => drop(headers.remove(header::COOKIE)),
    }
}

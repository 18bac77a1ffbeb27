//! Bytes as JSON carries them: as JSON if they are that, else as text, else in base64.

use std::borrow::Cow;

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde_json::value::RawValue;

use crate::control::api::{MessageRow, PublishRequest};

/// Payload, key or id in the field that suits it.
pub(super) enum Field {
    Json(Box<RawValue>),
    Text(String),
    Base64(String),
}

impl Field {
    /// A payload: JSON stays as it is, on one line.
    pub(super) fn of_payload(bytes: &[u8]) -> Self {
        match Self::of_name(bytes) {
            Self::Text(text) => json(&text).map_or(Self::Text(text), Self::Json),
            other => other,
        }
    }

    /// A key or an id.
    pub(super) fn of_name(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Base64(BASE64_STANDARD.encode(bytes)),
        }
    }

    /// The text, and the base64; one of them is none.
    pub(super) fn split(self) -> (Option<String>, Option<String>) {
        match self {
            Self::Json(json) => (Some(json.get().to_owned()), None),
            Self::Text(text) => (Some(text), None),
            Self::Base64(base64) => (None, Some(base64)),
        }
    }
}

fn json(text: &str) -> Option<Box<RawValue>> {
    let checked: &RawValue = serde_json::from_str(text).ok()?;
    // In JSON, line breaks stand only between tokens.
    let line = match checked.get() {
        text if text.contains(['\n', '\r']) => Cow::Owned(text.replace(['\n', '\r'], " ")),
        text => Cow::Borrowed(text),
    };
    RawValue::from_string(line.into_owned()).ok()
}

impl PublishRequest {
    /// A message of these bytes, in whichever form is the shortest to carry.
    #[must_use]
    pub fn of(payload: &[u8]) -> Self {
        // Control characters take six bytes each in JSON.
        let text = std::str::from_utf8(payload).ok().filter(|text| !text.chars().any(|c| c.is_control() && c != '\t'));
        match text {
            Some(text) => Self { text: Some(text.to_owned()), ..Self::default() },
            None => Self { base64: Some(BASE64_STANDARD.encode(payload)), ..Self::default() },
        }
    }

    /// The payload.
    ///
    /// # Errors
    /// In words, if there is not exactly one, or its base64 is none.
    pub(super) fn payload(&self) -> Result<Bytes, String> {
        let json = self.json.as_ref().map(|json| Bytes::copy_from_slice(json.get().as_bytes()));
        match (json, one_of("base64", self.text.as_deref(), self.base64.as_deref())?) {
            (Some(payload), None) | (None, Some(payload)) => Ok(payload),
            (None, None) => Err("there is no payload: give one of json, text and base64".to_owned()),
            (Some(_), Some(_)) => Err("there are two payloads: give one of json, text and base64".to_owned()),
        }
    }

    /// What the message is about.
    pub(super) fn key(&self) -> Result<Option<Bytes>, String> {
        one_of("key_base64", self.key.as_deref(), self.key_base64.as_deref())
    }

    /// What tells repeated attempts.
    pub(super) fn id(&self) -> Result<Option<Bytes>, String> {
        one_of("id_base64", self.id.as_deref(), self.id_base64.as_deref())
    }
}

impl MessageRow {
    /// The payload.
    ///
    /// # Errors
    /// In words, if its base64 is none.
    pub fn payload(&self) -> Result<Bytes, String> {
        match &self.json {
            Some(json) => Ok(Bytes::copy_from_slice(json.get().as_bytes())),
            None => Ok(one_of("base64", self.text.as_deref(), self.base64.as_deref())?.unwrap_or_default()),
        }
    }
}

fn one_of(name: &str, text: Option<&str>, base64: Option<&str>) -> Result<Option<Bytes>, String> {
    match (text, base64) {
        (None, None) => Ok(None),
        (Some(text), None) => Ok(Some(Bytes::copy_from_slice(text.as_bytes()))),
        (None, Some(base64)) => match BASE64_STANDARD.decode(base64) {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(error) => Err(format!("{name} is no base64: {error}")),
        },
        (Some(_), Some(_)) => {
            let plain = name.strip_suffix("_base64").unwrap_or("text");
            Err(format!("{plain} and {name} say the same: give one of them"))
        }
    }
}

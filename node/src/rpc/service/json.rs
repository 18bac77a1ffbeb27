//! Values as JSON, with errors that say which field does not fit.

use atoll_protocol::rpc::Status;
use serde::{Serialize, de::DeserializeOwned};

use crate::rpc::Body;

/// Reads a typed value; the status names the field that does not fit.
///
/// A caller without arguments may send nothing, `null` or `{}`: which of them a type is written as is a matter of how
/// it was declared, and nobody should have to know.
pub(in crate::rpc) fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Status> {
    match bytes.trim_ascii() {
        b"{}" => read_json(b"{}").or_else(|status| read_json(b"null").map_err(|_| status)),
        b"" | b"null" => read_json(b"null").or_else(|_| read_json(b"{}")),
        bytes => read_json(bytes),
    }
}

fn read_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Status> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|e| {
        let path = e.path().to_string();
        let reason = e.into_inner();
        let place = if path == "." { String::new() } else { format!("field `{path}`: ") };
        Status::invalid_argument(format!("the request does not fit: {place}{reason}"))
    })?;
    json.end().map_err(|e| Status::invalid_argument(format!("the request does not end where it should: {e}")))?;
    Ok(value)
}

pub(in crate::rpc) fn to_json<T: Serialize + ?Sized>(value: &T) -> Result<Body, Status> {
    let bytes = serde_json::to_vec(value).map_err(|e| Status::internal(format!("cannot be written as JSON: {e}")))?;
    Ok(Body::json(bytes))
}

//! What the end of a call says of the node that was called.
//!
//! | the end | counts as |
//! |---|---|
//! | an answer, in the time that the service promises or where it promises nothing | good |
//! | a later answer | slow |
//! | none within a deadline that was reasonable | lost |
//! | `internal`, `unknown`, `data_loss` or `deadline_exceeded` from the service | lost: there is no answer either |
//! | an answer whose head is none | a fault, which no honest node commits |
//! | a stream that ends well | good |
//! | any other status: the caller asked for what is not there, or too much of it | nothing |
//! | the node was not reached, or the connection was lost | nothing |

use std::time::Duration;

use atoll_protocol::{
    codec::DecodeError,
    rpc::{Code, Status},
    standing::Ending,
};

use crate::rpc::Body;

#[cfg(test)]
mod tests;

/// Whoever waits for less than this, where nothing is promised, has only itself to blame.
const REASONABLE: Duration = Duration::from_secs(1);

/// An answer that breaks the protocol.
#[derive(Debug)]
pub(super) struct Unreadable(pub(super) DecodeError);

impl From<Unreadable> for Status {
    fn from(Unreadable(error): Unreadable) -> Self {
        Self::internal(format!("the answer's head cannot be read: {error}"))
    }
}

/// Something came back, so long after the call was begun.
pub(super) fn of_answer(
    answer: &Result<Result<Body, Status>, Unreadable>,
    took: Duration,
    promised: Option<Duration>,
) -> Option<Ending> {
    match answer {
        Err(_) => Some(Ending::Fault),
        Ok(Ok(_)) if promised.is_some_and(|promised| took > promised) => Some(Ending::Slow),
        Ok(Ok(_)) => Some(Ending::Good),
        Ok(Err(status)) => of_status(status, took, promised),
    }
}

/// A stream has ended, well or with this status, so long after it was opened. How long it takes is its own affair.
pub(in crate::rpc) fn of_stream(outcome: Result<(), &Status>, took: Duration) -> Option<Ending> {
    match outcome {
        Ok(()) => Some(Ending::Good),
        Err(status) => of_status(status, took, None),
    }
}

fn of_status(status: &Status, took: Duration, promised: Option<Duration>) -> Option<Ending> {
    match status.code() {
        Code::Internal | Code::Unknown | Code::DataLoss => Some(Ending::Lost),
        Code::DeadlineExceeded => of_silence(took, promised),
        _ => None,
    }
}

/// Nothing came back in this time.
pub(super) fn of_silence(waited: Duration, promised: Option<Duration>) -> Option<Ending> {
    (waited >= promised.unwrap_or(REASONABLE)).then_some(Ending::Lost)
}

//! How a call can end: gRPC's status codes (names and numbers as in `grpc/doc/statuscodes.md`), with a message for
//! people, an optional detail for programs, and whether trying again may help.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

use crate::limits;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $number:literal, $name:literal;)*) => {
        /// A status code, with gRPC's name and number.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[repr(u8)]
        pub enum Code {
            $($(#[$doc])* $variant = $number,)*
        }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The code's name, such as `not_found`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The code of this number; numbers that no version so far defines mean [`Code::Unknown`].
            #[must_use]
            pub const fn from_number(number: u8) -> Self {
                match number { $($number => Self::$variant,)* _ => Self::Unknown }
            }
        }
    };
}

codes! {
    /// The call succeeded.
    Ok = 0, "ok";
    /// The caller cancelled it.
    Cancelled = 1, "cancelled";
    /// Something failed that has no better code.
    Unknown = 2, "unknown";
    /// The request itself is wrong, whatever state the service is in.
    InvalidArgument = 3, "invalid_argument";
    /// The deadline passed first.
    DeadlineExceeded = 4, "deadline_exceeded";
    /// There is no such service, instance or thing.
    NotFound = 5, "not_found";
    /// It exists already.
    AlreadyExists = 6, "already_exists";
    /// The caller may not do this.
    PermissionDenied = 7, "permission_denied";
    /// A limit, quota or queue is full.
    ResourceExhausted = 8, "resource_exhausted";
    /// The service is not in a state to do this.
    FailedPrecondition = 9, "failed_precondition";
    /// A concurrent change got in the way.
    Aborted = 10, "aborted";
    /// The request reaches past the end.
    OutOfRange = 11, "out_of_range";
    /// The service has no such method, or not in this form.
    Unimplemented = 12, "unimplemented";
    /// The service broke.
    Internal = 13, "internal";
    /// The service cannot be reached now.
    Unavailable = 14, "unavailable";
    /// Data is lost beyond repair.
    DataLoss = 15, "data_loss";
    /// The caller has not said who it is.
    Unauthenticated = 16, "unauthenticated";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Code {
    type Err = UnknownCode;

    fn from_str(name: &str) -> Result<Self, UnknownCode> {
        Self::ALL.iter().copied().find(|c| c.name() == name).ok_or_else(|| UnknownCode(name.chars().take(40).collect()))
    }
}

/// A text that names no status code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a status code; use a gRPC name such as not_found")]
pub struct UnknownCode(String);

/// How a call failed. An application's error is a status, never a dropped connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    code: Code,
    message: String,
    detail: Vec<u8>,
    retryable: bool,
    retry_after: Option<Duration>,
}

macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident => $code:ident;)*) => {
        $($(#[$doc])*
        #[must_use]
        pub fn $name(message: impl Into<String>) -> Self {
            Self::new(Code::$code, message)
        })*
    };
}

impl Status {
    /// A failure with this code. `unavailable` and `resource_exhausted` start out retryable, all others not.
    /// The message is cut at 2 KiB. `ok` is no failure: it becomes `unknown`, or a caller would take it for an answer.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        let mut message = message.into();
        if message.len() > limits::STATUS_MESSAGE {
            let end = (0..=limits::STATUS_MESSAGE).rev().find(|i| message.is_char_boundary(*i)).unwrap_or(0);
            message.truncate(end);
        }
        let code = if code == Code::Ok { Code::Unknown } else { code };
        let retryable = matches!(code, Code::Unavailable | Code::ResourceExhausted);
        Self { code, message, detail: Vec::new(), retryable, retry_after: None }
    }

    constructors! {
        /// The request itself is wrong.
        invalid_argument => InvalidArgument;
        /// The deadline passed.
        deadline_exceeded => DeadlineExceeded;
        /// There is no such service, instance or thing.
        not_found => NotFound;
        /// The caller may not do this.
        permission_denied => PermissionDenied;
        /// A limit, quota or queue is full.
        resource_exhausted => ResourceExhausted;
        /// The service is not in a state to do this.
        failed_precondition => FailedPrecondition;
        /// No such method.
        unimplemented => Unimplemented;
        /// The service broke.
        internal => Internal;
        /// The service cannot be reached now.
        unavailable => Unavailable;
        /// The caller cancelled the call.
        cancelled => Cancelled;
    }

    /// The same, with bytes for programs to read.
    #[must_use]
    pub fn with_detail(mut self, detail: Vec<u8>) -> Self {
        self.detail = detail;
        self
    }

    /// The same, saying whether trying again may help.
    #[must_use]
    pub fn retryable(mut self, retryable: bool) -> Self {
        self.retryable = retryable;
        self
    }

    /// The same, saying that nothing has been done, and after which time trying here again makes sense. Travels in whole
    /// milliseconds. Such a call may go to another instance at once, whatever it does.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        (self.retryable, self.retry_after) = (true, Some(wait));
        self
    }

    /// When to try here again, if nothing has been done.
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The status code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }

    /// Why, for people.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Bytes for programs.
    #[must_use]
    pub fn detail(&self) -> &[u8] {
        &self.detail
    }

    /// Whether the same call may well succeed if tried again.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.retryable
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Status {}

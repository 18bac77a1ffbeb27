//! Names that people type and records carry: networks, services, methods, topics, versions, instances.
//!
//! Each is parsed once, at the edge, into a type that cannot hold anything else; the wire and the JSON forms go
//! through the same parser, so a stranger's record cannot smuggle in a name that a person could not have typed.

use std::{borrow::Cow, fmt, str::FromStr};

use semver::{Version, VersionReq};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::limits;

#[cfg(test)]
mod tests;

/// Why a text is not a name of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{value:?} is not {what}: {rule}")]
pub struct NameError {
    what: &'static str,
    value: String,
    rule: &'static str,
}

impl NameError {
    fn new(what: &'static str, value: &str, rule: &'static str) -> Self {
        Self { what, value: value.chars().take(160).collect(), rule }
    }
}

/// A checked text type: parsing is the only way in, and both JSON and the wire go through it.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Box<str>);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                let check: fn(&str) -> bool = $check;
                if check(text) { Ok(Self(text.into())) } else { Err(NameError::new($what, text, $rule)) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Cow::<str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

fn is_label(label: &str) -> bool {
    !label.is_empty()
        && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

name!(
    /// The name of a network (`main` by default). Part of every protocol string, so two networks never mix.
    NetworkName, "a network name", "use 1 to 32 characters of a-z, 0-9 and inner hyphens, such as main",
    |text| text.len() <= limits::NETWORK_NAME && is_label(text)
);

name!(
    /// The name of a service: labels joined by dots, such as `math.calc`.
    ServiceName, "a service name",
    "use labels of a-z, 0-9 and inner hyphens joined by dots, 128 bytes at most, such as math.calc",
    |text| text.len() <= limits::SERVICE_NAME && text.split('.').all(is_label)
);

name!(
    /// The name of a method, such as `add`. It may stand in a URL's path, so it can be neither `.` nor `..`.
    MethodName, "a method name",
    "use 1 to 64 characters of a-z, A-Z, 0-9, '_', '-' and '.', the first no dot, such as add",
    |text| (1..=limits::METHOD_NAME).contains(&text.len()) && !text.starts_with('.')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
);

mod topic;

pub use self::topic::{GroupName, TopicName, TopicPattern};

impl NetworkName {
    /// The network that nodes join unless told otherwise.
    #[must_use]
    pub fn main() -> Self {
        Self("main".into())
    }
}

/// One running provider of a service on one node: 64 random bits, shown as 16 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InstanceId(pub u64);

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InstanceId({self})")
    }
}

impl FromStr for InstanceId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let fail = || NameError::new("an instance id", text, "use 16 hexadecimal digits");
        // The standard library's parser would take a sign as well.
        if text.len() != 16 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(fail());
        }
        u64::from_str_radix(text, 16).map(Self).map_err(|_| fail())
    }
}

impl Serialize for InstanceId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { self.0.serialize(serializer) }
    }
}

impl<'de> Deserialize<'de> for InstanceId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            Cow::<str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
        } else {
            u64::deserialize(deserializer).map(Self)
        }
    }
}

/// Parses a version of a service (semantic versioning 2.0.0).
///
/// # Errors
/// [`NameError`] for anything else, or more than 64 bytes.
pub fn parse_version(text: &str) -> Result<Version, NameError> {
    let fail = || NameError::new("a version", text, "use MAJOR.MINOR.PATCH of at most 64 bytes, such as 1.0.0");
    if text.len() > limits::VERSION {
        return Err(fail());
    }
    Version::parse(text).map_err(|_| fail())
}

/// Parses which versions of a service will do, such as `1`, `^1.2` or `=1.2.3`.
///
/// # Errors
/// [`NameError`] for anything else, or more than 64 bytes.
pub fn parse_requirement(text: &str) -> Result<VersionReq, NameError> {
    let fail = || {
        let rule = "use a version or range of at most 64 bytes in its full form, such as 1, ^1.2 or =1.2.3";
        NameError::new("a version requirement", text, rule)
    };
    if text.len() > limits::VERSION {
        return Err(fail());
    }
    let requirement = VersionReq::parse(text).map_err(|_| fail())?;
    // Shown, `1,2` is `^1, ^2`: what is shown must be within the limit as well, or it could not be read again.
    if requirement.to_string().len() > limits::VERSION { Err(fail()) } else { Ok(requirement) }
}

/// What a caller asks for: a service, and optionally the versions that will do.
///
/// `math.calc` (any version), `math.calc@1` (any 1.x.y), `math.calc@^1.2` or `math.calc@=1.2.3`. A bare version means
/// "compatible with", as in Cargo.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ServiceQuery {
    /// The service's name.
    pub name: ServiceName,
    /// The versions that will do; `*` where the caller named none.
    pub version: VersionReq,
}

impl ServiceQuery {
    /// Any version of `name`.
    #[must_use]
    pub fn any(name: ServiceName) -> Self {
        Self { name, version: VersionReq::STAR }
    }

    /// Whether a service of this name and version will do. Without a version asked for, pre-releases match as well.
    #[must_use]
    pub fn matches(&self, name: &ServiceName, version: &Version) -> bool {
        self.name == *name && (self.version == VersionReq::STAR || self.version.matches(version))
    }
}

impl FromStr for ServiceQuery {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let Some((name, version)) = text.split_once('@') else {
            return text.parse().map(Self::any);
        };
        Ok(Self { name: name.parse()?, version: parse_requirement(version)? })
    }
}

impl fmt::Display for ServiceQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.version == VersionReq::STAR {
            write!(f, "{}", self.name)
        } else {
            write!(f, "{}@{}", self.name, self.version)
        }
    }
}

impl fmt::Debug for ServiceQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServiceQuery({self})")
    }
}

//! What stands behind the question mark of a request's address.

use std::{fmt::Display, str::FromStr};

use axum::http::Uri;

use super::problem::Problem;

/// Parameters at most.
const MOST: usize = 64;

/// The parameters of one request, all of them known by name.
#[derive(Debug, Default)]
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    /// Reads them; `known` are those that there are.
    ///
    /// # Errors
    /// One that is not known: a typing error is to be told, not passed over.
    pub(super) fn of(uri: &Uri, known: &[&str]) -> Result<Self, Problem> {
        let mut all = Vec::new();
        for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
            if !known.contains(&name.as_ref()) {
                let list = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                return Err(Problem::refused(format!("there is no parameter {name:.64}; here are: {list}")));
            }
            if all.len() == MOST {
                return Err(Problem::refused(format!("there are more than {MOST} parameters")));
            }
            all.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(all))
    }

    /// One that may be given once.
    ///
    /// # Errors
    /// If it is given twice.
    pub(super) fn one(&self, name: &str) -> Result<Option<&str>, Problem> {
        let mut given = self.all(name);
        match (given.next(), given.next()) {
            (_, Some(_)) => Err(Problem::refused(format!("the parameter {name} is given twice"))),
            (one, None) => Ok(one),
        }
    }

    /// One that may be given several times.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// One that is written in some form.
    ///
    /// # Errors
    /// If it is not.
    pub(super) fn parsed<T: FromStr<Err: Display>>(&self, name: &str) -> Result<Option<T>, Problem> {
        let parsed = self.one(name)?.map(|text| text.parse::<T>().map_err(|e| (text, e)));
        parsed.transpose().map_err(|(text, e)| Problem::refused(format!("the parameter {name} is {text:.64?}: {e}")))
    }
}

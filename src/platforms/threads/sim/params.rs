//! The parameters of a call: Meta takes them from the query and from a form alike.

use crate::meta::sim::Refusal;
use crate::sim::Inbound;
use crate::sim::http::header;
use http::header::CONTENT_TYPE;
use url::form_urlencoded;

/// The parameters of one request.
#[derive(Debug)]
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    pub fn read(request: &Inbound) -> Self {
        let kind = header(&request.headers, CONTENT_TYPE.as_str()).unwrap_or_default();
        let is_form = kind.starts_with("application/x-www-form-urlencoded");
        let body = if is_form { request.body.as_slice() } else { &[] };
        let query = form_urlencoded::parse(request.query.as_bytes());
        let pairs = query.chain(form_urlencoded::parse(body));
        Self(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// The value of a parameter; of the first one where it stands twice.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A parameter that has to be there and say something.
    pub fn required(&self, name: &str) -> Result<&str, Refusal> {
        let value = self.get(name).filter(|value| !value.trim().is_empty());
        value.ok_or_else(|| Refusal::parameter(format!("The parameter {name} is required.")))
    }

    /// There is nothing but these, and the token.
    pub fn only(&self, known: &[&str]) -> Result<(), Refusal> {
        let is_strange = |name: &str| name != "access_token" && !known.contains(&name);
        match self.0.iter().find(|(name, _)| is_strange(name)) {
            None => Ok(()),
            Some((name, _)) => Err(Refusal::parameter(format!("Unexpected parameter ({name})."))),
        }
    }

    /// The fields that are asked for, each of them one of `known`; the id alone without any.
    pub fn fields(&self, known: &[&str]) -> Result<Vec<&str>, Refusal> {
        let asked: Vec<&str> = self.get("fields").unwrap_or("id").split(',').collect();
        match asked.iter().find(|name| !known.contains(name)) {
            None => Ok(asked),
            Some(name) => {
                let told = format!("Tried accessing nonexisting field ({name})");
                Err(Refusal::parameter(told))
            }
        }
    }
}

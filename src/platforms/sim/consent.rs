//! The page that asks a person which account a registration may use, and the way back.

use super::http::{field, found};
use super::page::{attribute, escaped, page, refused};
use crate::sim::Inbound;
use http::{Response, StatusCode};
use std::fmt::Write as _;
use url::Url;

/// Accounts that the page offers before anybody signed up.
const OFFERED: [&str; 3] = ["acme", "beta", "gamma"];
/// Accounts on the page.
const OFFERED_MAX: usize = 50;
/// The longest handle taken.
const HANDLE_CHARS_MAX: usize = 40;

/// A registration's request for consent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    fields: Vec<(&'static str, String)>,
}

/// What the person chose.
#[derive(Debug)]
pub(crate) enum Chosen {
    /// This account, by its handle.
    Account(String, Asked),
    /// Nothing that leads on: this is the answer.
    Over(Response<Vec<u8>>),
}

impl Asked {
    /// Reads a request that has to name `required` besides `response_type=code`; `optional` ones
    /// are kept too.
    ///
    /// # Errors
    /// The page that tells what is missing.
    pub fn read(
        form: &str,
        required: &[&'static str],
        optional: &[&'static str],
    ) -> Result<Self, Box<Response<Vec<u8>>>> {
        if field(form, "response_type").as_deref() != Some("code") {
            return Err(Box::new(refused("response_type has to be code.")));
        }
        let mut fields = vec![("response_type", "code".to_owned())];
        for name in required {
            let value = field(form, name).filter(|value| !value.is_empty());
            fields.push((
                name,
                value.ok_or_else(|| Box::new(refused(&format!("{name} is missing."))))?,
            ));
        }
        for name in optional {
            fields.extend(field(form, name).map(|value| (*name, value)));
        }
        Ok(Self { fields })
    }

    /// What the request says under this name; empty when nothing.
    pub fn value(&self, name: &str) -> &str {
        self.fields.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value)
    }

    /// The page: `story` tells in a sentence what is asked for, `known` are the handles that are
    /// there already.
    pub fn page<'a>(
        &self,
        story: &str,
        known: impl Iterator<Item = &'a str> + Clone,
    ) -> Response<Vec<u8>> {
        let mut hidden = String::new();
        for (name, value) in &self.fields {
            let value = attribute(value);
            let _ = write!(hidden, "<input type=hidden name=\"{name}\" value=\"{value}\">");
        }
        let mut body = format!(
            "<h1>Connect an account</h1><p>{} {}\n<span class=at>{}</span></p>",
            escaped(self.value("client_id")),
            escaped(story),
            escaped(self.value("scope"))
        );
        let is_new = |name: &&str| known.clone().all(|handle| handle != *name);
        for handle in OFFERED.into_iter().filter(is_new).chain(known.clone().take(OFFERED_MAX)) {
            // An empty action posts to the page's own address; the fields are in the form again.
            let _ = write!(
                body,
                "<form method=post action=\"?\">{hidden}<button name=account \
                 value=\"{handle}\">Connect @{handle}</button></form>"
            );
        }
        let _ = write!(
            body,
            "<form method=post action=\"?\">{hidden}<p><input name=account required maxlength={} \
             placeholder=\"another handle\" aria-label=\"another handle\"></p>\
             <button>Connect this one</button></form>\
             <form method=post action=\"?\">{hidden}<button class=no name=deny value=1>Cancel\
             </button></form>",
            HANDLE_CHARS_MAX
        );
        page(StatusCode::OK, "Connect an account", &body)
    }

    /// Sends the browser back with a code.
    pub fn send_back(&self, code: &str) -> Response<Vec<u8>> {
        self.back(&[("state", self.value("state")), ("code", code)])
    }

    fn back(&self, answer: &[(&str, &str)]) -> Response<Vec<u8>> {
        let Ok(mut target) = Url::parse(self.value("redirect_uri")) else {
            return refused("redirect_uri is not a URL.");
        };
        target.query_pairs_mut().extend_pairs(answer);
        found(&target)
    }
}

/// The form that the page sends; a test may leave the fields in the query alone.
pub(crate) fn form(request: &Inbound) -> String {
    format!("{}&{}", String::from_utf8_lossy(&request.body), request.query)
}

/// What the person chose on the page. `denied` is how the platform words a no.
pub(crate) fn choose(form: &str, asked: Asked, denied: &str) -> Chosen {
    if field(form, "deny").is_some() {
        let answer = [("error", denied), ("state", asked.value("state"))];
        return Chosen::Over(asked.back(&answer));
    }
    let handle = field(form, "account").unwrap_or_else(|| OFFERED[0].to_owned());
    let handle = handle.trim().trim_start_matches('@');
    let is_char = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if handle.is_empty() || handle.len() > HANDLE_CHARS_MAX || !handle.chars().all(is_char) {
        let told = "account is 1 to 40 letters, digits, dashes and underscores.";
        return Chosen::Over(refused(told));
    }
    Chosen::Account(handle.to_owned(), asked)
}

//! The dialog in which a person says which account a registration may use, and the way back.

use super::http::{every, field, found};
use super::page::{attribute, escaped, page, refused};
use crate::sim::Inbound;
use http::{Response, StatusCode};
use std::fmt::Write as _;
use url::Url;

/// Accounts that the dialog offers before anybody signed up.
const OFFERED: [&str; 3] = ["acme", "beta", "gamma"];
/// Accounts that signed up and are in the dialog, the newest of them.
const KNOWN_MAX: usize = 20;
/// Accounts that one consent can name.
const CHOSEN_MAX: usize = 50;
/// The longest handle taken.
const HANDLE_CHARS_MAX: usize = 40;

/// What the dialog of a platform says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dialog {
    /// The platform, as people write it.
    pub platform: &'static str,
    /// What is chosen, as "Continue as".
    pub question: &'static str,
    /// Several may be chosen, as pages that one person looks after.
    pub takes_several: bool,
    /// What the registration asks for, in a sentence that begins with its name.
    pub story: &'static str,
    /// Accounts of a kind of their own, and what is special about them.
    pub special: &'static [(&'static str, &'static str)],
}

/// A registration's request for consent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    fields: Vec<(&'static str, String)>,
}

/// What the person chose.
#[derive(Debug)]
pub(crate) enum Chosen {
    /// These accounts, by their handles.
    Accounts(Handles, Asked),
    /// Nothing that leads on: this is the answer.
    Over(Response<Vec<u8>>),
}

/// The accounts of a consent; only some platforms take more than one.
#[derive(Debug)]
pub(crate) struct Handles {
    /// The one that was named first.
    pub first: String,
    /// Those named after it.
    pub others: Vec<String>,
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

    /// The dialog; `known` are the handles that are there already.
    pub fn page<'a>(
        &self,
        dialog: &Dialog,
        known: impl Iterator<Item = &'a str> + Clone,
    ) -> Response<Vec<u8>> {
        let Dialog { platform, question, story, .. } = dialog;
        let title = format!("Sign in to {platform}");
        let mut body = format!(
            "<p class=mark><b>{platform}</b> <span class=at>simulated: nothing leaves this \
             machine</span></p><h1>{} asks for your consent</h1><p>It {}</p>\
             <form method=post action=\"?\">",
            escaped(self.value("client_id")),
            escaped(story),
        );
        for (name, value) in &self.fields {
            let value = attribute(value);
            let _ = write!(body, "<input type=hidden name=\"{name}\" value=\"{value}\">");
        }
        let _ = write!(body, "<fieldset><legend>{question}</legend>");
        self.choices(&mut body, dialog, known);
        let another = if dialog.takes_several { "One more" } else { "Somebody else" };
        let _ = write!(
            body,
            "<label class=other>{another}<input name=other maxlength={HANDLE_CHARS_MAX} \
             autocomplete=off autocapitalize=none spellcheck=false></label></fieldset>\
             <details><summary>What exactly it may do</summary><ul>",
        );
        for scope in self.value("scope").split([' ', ',']).filter(|scope| !scope.is_empty()) {
            let _ = write!(body, "<li><code>{}</code></li>", escaped(scope));
        }
        // A key that is pressed in the field means the first button.
        body.push_str(
            "</ul></details><div class=row><button name=allow value=1>Allow</button>\
             <button class=no name=deny value=1>Deny</button></div></form>",
        );
        page(StatusCode::OK, &title, &body)
    }

    fn choices<'a>(
        &self,
        body: &mut String,
        dialog: &Dialog,
        known: impl Iterator<Item = &'a str> + Clone,
    ) {
        let kind = if dialog.takes_several { "checkbox" } else { "radio" };
        let is_new = |name: &&str| known.clone().all(|handle| handle != *name);
        let note = |handle: &str| {
            dialog.special.iter().find(|(name, _)| *name == handle).map_or("", |(_, note)| *note)
        };
        let special = dialog.special.iter().map(|(handle, _)| *handle);
        let fresh = OFFERED.into_iter().chain(special).filter(is_new);
        let skipped = known.clone().count().saturating_sub(KNOWN_MAX);
        let mut all: Vec<&str> = known.clone().skip(skipped).collect();
        all.reverse();
        all.splice(0..0, fresh);
        // Whom a person was sent here for, where the registration says so.
        let hint = self.value("login_hint");
        let preferred = all.iter().position(|handle| *handle == hint).unwrap_or(0);
        for (at, handle) in all.into_iter().enumerate() {
            let is_checked = at == preferred && !dialog.takes_several;
            let checked = if is_checked { " checked" } else { "" };
            let _ = write!(
                body,
                "<label class=choice><input type={kind} name=account value=\"{handle}\"{checked}>\
                 <span>@{handle}"
            );
            let _ = match note(handle) {
                "" => write!(body, "</span></label>"),
                note => write!(body, "<small>{note}</small></span></label>"),
            };
        }
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
pub(crate) fn choose(form: &str, asked: Asked, dialog: &Dialog, denied: &str) -> Chosen {
    if field(form, "deny").is_some() {
        let answer = [("error", denied), ("state", asked.value("state"))];
        return Chosen::Over(asked.back(&answer));
    }
    let named = |name: &str| every(form, name).into_iter().filter(|handle| !handle.is_empty());
    let (other, mut handles) = (named("other"), Vec::new());
    // Whoever typed a name where one account is taken means that one.
    let ticked = named("account");
    let told: Vec<String> = if dialog.takes_several {
        ticked.chain(other).collect()
    } else {
        other.chain(ticked).collect()
    };
    for handle in &told {
        let handle = handle.trim().trim_start_matches('@');
        let is_char = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if handle.is_empty() || handle.len() > HANDLE_CHARS_MAX || !handle.chars().all(is_char) {
            let told = "An account is 1 to 40 letters, digits, dashes and underscores.";
            return Chosen::Over(refused(told));
        }
        if !handles.iter().any(|known: &String| known.eq_ignore_ascii_case(handle)) {
            handles.push(handle.to_owned());
        }
    }
    // A program that names nobody takes the first one; a person who unticks all of them does not.
    if handles.is_empty() && field(form, "allow").is_none() {
        handles.push(OFFERED[0].to_owned());
    }
    if handles.is_empty() || handles.len() > CHOSEN_MAX {
        return Chosen::Over(refused("Choose 1 to 50 accounts, or say no. Go back to do so."));
    }
    let others = handles.split_off(1);
    match handles.pop() {
        Some(first) => Chosen::Accounts(Handles { first, others }, asked),
        None => Chosen::Over(refused("Choose an account.")),
    }
}

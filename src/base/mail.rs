//! Mails to the people who look after a fleet.
//!
//! Invariant: a mail holds no secret and no text of a post, and leaves over TLS but for a server on
//! this machine.

use crate::{Context, Fault};
use domain::secret::Secret;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use serde::Deserialize;
use std::time::Duration;
use url::Url;

/// A server that says nothing for so long is away.
const ANSWERS_WITHIN: Duration = Duration::from_secs(20);

/// The `[mail]` section of the configuration.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The server, with user and password; no mails without it.
    pub url: Option<Secret>,
    /// Who mails come from.
    pub from: String,
    /// Who reads them.
    #[serde(deserialize_with = "crate::config::list_or_text")]
    pub to: Vec<String>,
    /// One mail of a kind in so many minutes at most.
    pub every_minutes: u64,
}

impl Default for Config {
    fn default() -> Self {
        let from = "postfleet@localhost".to_owned();
        Self { url: None, from, to: Vec::new(), every_minutes: 60 }
    }
}

/// Sends mails.
#[derive(Clone)]
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
    /// One of a kind in this time at most.
    pub every: Duration,
}

impl Mailer {
    /// What the configuration says; nothing where no server is named.
    ///
    /// # Errors
    /// When an address cannot be read, or a mail would leave the machine in clear.
    pub fn of(config: &Config) -> Result<Option<Self>, Fault> {
        let Some(url) = &config.url else { return Ok(None) };
        refuse_clear(url)?;
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose())
            .map_err(|_| Fault::new("mail.url is no address of a mail server"))?
            .timeout(Some(ANSWERS_WITHIN))
            .build();
        let address = |text: &String| {
            text.parse::<Mailbox>()
                .map_err(|_| Fault::new(format_args!("[mail] {text:?} is no address of a person")))
        };
        if config.to.is_empty() {
            return Err(Fault::new("mail.url is set, and mail.to names nobody who reads mails"));
        }
        let to = config.to.iter().map(address).collect::<Result<_, _>>()?;
        let every = Duration::from_secs(config.every_minutes * 60);
        Ok(Some(Self { transport, from: address(&config.from)?, to, every }))
    }

    /// Sends one.
    ///
    /// # Errors
    /// When the server does not take it.
    pub async fn send(&self, subject: &str, body: String) -> Result<(), Fault> {
        let mut mail = Message::builder().from(self.from.clone()).subject(subject);
        for to in &self.to {
            mail = mail.to(to.clone());
        }
        let mail = mail.header(ContentType::TEXT_PLAIN).body(body).context("writing a mail")?;
        self.transport.send(mail).await.context("sending a mail")?;
        Ok(())
    }
}

/// A password and names of accounts are not for everybody on the way.
fn refuse_clear(url: &Secret) -> Result<(), Fault> {
    let no_url = || Fault::new("mail.url is no address of a mail server");
    let url = Url::parse(url.expose()).map_err(|_| no_url())?;
    let is_sealed = url.scheme() == "smtps"
        || url.query_pairs().any(|(name, value)| name == "tls" && value == "required");
    let host = url.host_str().ok_or_else(no_url)?;
    let is_here = ["localhost", "127.0.0.1", "[::1]"].contains(&host);
    match is_sealed || is_here {
        true => Ok(()),
        false => Err(Fault::new(format_args!(
            "mail.url would send mails to {host} in clear: say smtps://, or add ?tls=required"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(url: &str, to: &[&str]) -> Config {
        let to = to.iter().map(|to| (*to).to_owned()).collect();
        Config { url: Some(url.into()), to, ..Config::default() }
    }

    // case: O-mail
    #[test]
    fn a_server_elsewhere_is_spoken_to_over_tls_alone() {
        assert!(Mailer::of(&Config::default()).unwrap().is_none());
        let refused = |url, to: &[&str]| {
            Mailer::of(&config(url, to)).err().map(|fault| fault.to_string()).unwrap_or_default()
        };
        let reader = ["ops@example.com"];
        assert!(refused("smtp://mail.example:25", &reader).contains("in clear"));
        assert!(refused("smtp://mail.example:587?tls=opportunistic", &reader).contains("in clear"));
        assert_eq!(refused("smtps://u:p@mail.example:465", &reader), "");
        assert_eq!(refused("smtp://u:p@mail.example:587?tls=required", &reader), "");
        assert_eq!(refused("smtp://127.0.0.1:2525", &reader), "");
        assert!(refused("smtp://127.0.0.1:2525", &[]).contains("nobody"));
        assert!(refused("smtp://127.0.0.1:2525", &["nobody at all"]).contains("no address"));
    }
}

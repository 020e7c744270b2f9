//! What the simulated platforms of Meta share: tokens of an hour and of sixty days, the envelope
//! of errors, and media that are fetched.

use crate::sim::Fetched;
use crate::sim::accounts::Named;
use crate::sim::consent::Asked;
use crate::sim::http::{digest, json};
use domain::time::Timestamp;
use http::{Response, StatusCode};
use serde_json::json;
use std::collections::HashMap;
use std::time::Duration;

/// docs: a code lives an hour and works once.
const CODE_LIFE: Duration = Duration::from_secs(3_600);
/// docs: the token of an exchange lives an hour.
const SHORT_LIFE: Duration = Duration::from_secs(3_600);

/// Meta's no: HTTP status, code, subcode, words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal(pub u16, pub i64, pub i64, pub String);

impl Refusal {
    pub fn new(status: u16, (code, subcode): (i64, i64), message: impl Into<String>) -> Self {
        Self(status, code, subcode, message.into())
    }

    /// A parameter that is not as documented.
    pub fn parameter(message: impl Into<String>) -> Self {
        Self::new(400, (100, 0), message)
    }

    /// The answer, in Meta's envelope.
    pub fn response(&self) -> Response<Vec<u8>> {
        let Self(status, code, subcode, message) = self;
        let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::BAD_REQUEST);
        let kind = if *code == 190 { "OAuthException" } else { "IGApiException" };
        let mut error = json!({
            "message": message, "type": kind, "code": code, "is_transient": false,
            "fbtrace_id": &digest(message)[..11],
        });
        if *subcode != 0 {
            error["error_subcode"] = (*subcode).into();
        }
        json(status, &json!({ "error": error }))
    }
}

/// Codes and tokens.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Tokens {
    counter: u64,
    codes: HashMap<String, Code>,
    tokens: HashMap<String, Token>,
    outage_until: Timestamp,
}

#[derive(Debug, PartialEq)]
struct Code {
    account: usize,
    others: Vec<usize>,
    client_id: String,
    redirect_uri: String,
    scopes: Vec<String>,
    issued_at: Timestamp,
}

/// A token that was given out.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token {
    /// The position of its account.
    pub account: usize,
    /// Those of further accounts that the same consent shared.
    pub others: Vec<usize>,
    /// What it may do.
    pub scopes: Vec<String>,
    issued_at: Timestamp,
    expires_at: Timestamp,
    is_long: bool,
    is_revoked: bool,
}

impl Tokens {
    /// A code for the accounts that were chosen on the consent page.
    pub fn code(
        &mut self,
        asked: &Asked,
        (account, others): (usize, Vec<usize>),
        now: Timestamp,
    ) -> String {
        let code = self.fresh("code");
        let issued = Code {
            account,
            others,
            client_id: asked.value("client_id").into(),
            redirect_uri: asked.value("redirect_uri").into(),
            scopes: asked.value("scope").split(',').map(Into::into).collect(),
            issued_at: now,
        };
        self.codes.insert(code.clone(), issued);
        code
    }

    /// The short token for a code, whose first showing uses it up; `None` when it is no good.
    pub fn redeem(
        &mut self,
        code: &str,
        [client_id, redirect_uri]: [&str; 2],
        now: Timestamp,
    ) -> Option<(String, usize)> {
        let code = self.codes.remove(code)?;
        let is_theirs = code.client_id == client_id && code.redirect_uri == redirect_uri;
        if !is_theirs || now.since(code.issued_at) > CODE_LIFE {
            return None;
        }
        let account = code.account;
        let whose = (account, code.others);
        Some((self.issue(whose, code.scopes, [now, now + SHORT_LIFE], false), account))
    }

    /// A token of this life for a living one, short or long.
    pub fn lengthen(
        &mut self,
        token: &str,
        life: Duration,
        now: Timestamp,
    ) -> Result<String, Refusal> {
        let Token { account, others, scopes, .. } = self.caller(Some(token), now)?.clone();
        Ok(self.issue((account, others), scopes, [now, now + life], true))
    }

    /// A new life for a long token that is old enough and not yet over.
    pub fn renew(
        &mut self,
        token: &str,
        [life, age_min]: [Duration; 2],
        now: Timestamp,
    ) -> Result<String, Refusal> {
        let old = self.caller(Some(token), now)?;
        if !old.is_long {
            return Err(Refusal::parameter("Only a long-lived token can be refreshed."));
        }
        if now.since(old.issued_at) < age_min {
            return Err(Refusal::parameter("The token is not yet old enough to be refreshed."));
        }
        self.lengthen(token, life, now)
    }

    /// A token that lives as long as the grant behind it, as a Page's does.
    pub fn lasting(&mut self, from: &Token, account: usize, now: Timestamp) -> String {
        // docs: data access ends 90 days after consent.
        let expires_at = from.issued_at + Duration::from_secs(90 * 86_400);
        self.issue((account, Vec::new()), from.scopes.clone(), [now, expires_at], true)
    }

    /// Whom a token belongs to at `now`.
    pub fn caller(&self, token: Option<&str>, now: Timestamp) -> Result<&Token, Refusal> {
        let dead = |subcode, told: &str| Refusal::new(400, (190, subcode), told);
        let token = token.filter(|token| !token.is_empty()).ok_or_else(|| {
            Refusal::new(400, (190, 0), "An access token is required to request this resource.")
        })?;
        let known = self.tokens.get(token);
        let known = known.ok_or_else(|| dead(467, "Invalid OAuth access token."))?;
        if known.is_revoked {
            let told = "Error validating access token: The user has not authorized application.";
            return Err(dead(458, told));
        }
        if known.expires_at <= now {
            let told = "Error validating access token: Session has expired.";
            return Err(dead(463, told));
        }
        if self.outage_until > now {
            return Err(Refusal::new(401, (190, 0), "Invalid OAuth access token."));
        }
        Ok(known)
    }

    /// Whom a token was given out for, whether it still works or not.
    pub fn owner(&self, token: &str) -> Option<usize> {
        self.tokens.get(token).map(|token| token.account)
    }

    /// Living long grants of an account.
    pub fn grants(&self, account: usize) -> usize {
        let is_live = |token: &&Token| token.account == account && !token.is_revoked;
        self.tokens.values().filter(is_live).filter(|token| token.is_long).count()
    }

    pub fn expire(&mut self, whom: Named, now: Timestamp) {
        for token in self.tokens.values_mut().filter(|token| whom.is_hit(token.account)) {
            token.expires_at = token.expires_at.min(now);
        }
    }

    pub fn revoke(&mut self, whom: Named) {
        for token in self.tokens.values_mut().filter(|token| whom.is_hit(token.account)) {
            token.is_revoked = true;
        }
    }

    /// Every token is refused until then.
    pub fn refuse_all(&mut self, until: Timestamp) {
        self.outage_until = until;
    }

    fn issue(
        &mut self,
        (account, others): (usize, Vec<usize>),
        scopes: Vec<String>,
        [issued_at, expires_at]: [Timestamp; 2],
        is_long: bool,
    ) -> String {
        let token = self.fresh("access");
        let is_revoked = false;
        let issued = Token { account, others, scopes, issued_at, expires_at, is_long, is_revoked };
        self.tokens.insert(token.clone(), issued);
        token
    }

    /// A string that nobody had before.
    fn fresh(&mut self, kind: &str) -> String {
        self.counter += 1;
        format!("sim_{kind}_{}", digest(format!("{kind}:{}", self.counter)))
    }
}

/// The true media type of what was fetched, by its first bytes; the claimed one where those tell
/// nothing, as in a test's made-up file.
pub(crate) fn fetched_type(fetched: &Fetched) -> &str {
    match fetched.body.as_slice() {
        [0xff, 0xd8, 0xff, ..] => "image/jpeg",
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        [b'G', b'I', b'F', b'8', ..] => "image/gif",
        _ => &fetched.content_type,
    }
}

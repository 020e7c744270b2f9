//! Makes accounts of test mode: they look like those of a platform, and reach none.

use super::identities::Speaker;
use super::landing::{Party, connect};
use super::{conflict, dialect, no_brand};
use crate::caller::Caller;
use crate::show::{self, AccountView};
use crate::{Answer, App, Refused, keeping};
use domain::rejection::{Rejection, Rule};
use platforms::rehearsal::{self, REHEARSAL};

/// The longest name, in characters.
const HANDLE_CHARS_MAX: usize = 64;
/// Why such an account needs its owner.
const REASON: &str = "it was asked to need its owner";

/// An account of test mode.
pub struct Wanted<'a> {
    /// The brand that it is for.
    pub brand_slug: &'a str,
    /// The platform whose rules it keeps.
    pub platform: &'a str,
    /// The name a person knows it by.
    pub handle: &'a str,
    /// Its kind; the platform's first one without it.
    pub kind: Option<&'a str>,
    /// It has lost its grant, until it is made once more.
    pub needs_reconnect: bool,
}

/// Makes an account, or connects the one of this name anew.
///
/// # Errors
/// When Postgres or the vault fails.
pub async fn rehearse(app: &App, caller: &Caller, wanted: Wanted<'_>) -> Answer<AccountView> {
    if !caller.is_test {
        let message = "A live key makes no accounts of test mode. Give out a key with POST \
                       /v1/keys and \"mode\": \"test\", and ask with that one.";
        return Ok(Err(conflict("live_mode", message)));
    }
    let Some(brand) = app.0.store.brand(caller.tenant, wanted.brand_slug).await? else {
        return Ok(Err(no_brand(wanted.brand_slug)));
    };
    let platform = match dialect(wanted.platform) {
        Ok((platform, _)) => platform,
        Err(refused) => return Ok(Err(refused)),
    };
    let kinds = platform.account_kinds();
    let kind = match wanted.kind {
        None => kinds.first().copied(),
        Some(kind) => kinds.iter().copied().find(|one| *one == kind),
    };
    let Some(kind) = kind.filter(|_| is_handle(wanted.handle)) else {
        return Ok(Err(Refused::Invalid(vec![misread(&wanted, kinds)])));
    };
    let party = Party { tenant: caller.tenant, brand: brand.id, account: None, own_app_key: None };
    let registration = rehearsal::registration();
    let speaker = Speaker { platform, auth: &REHEARSAL, registration: &registration };
    let identities = [rehearsal::identity(wanted.handle, kind)];
    let connected = match connect(app, party, speaker, &identities, None).await? {
        Ok(connected) => connected,
        Err(refused) => return Ok(Err(refused)),
    };
    let Some(account) = connected.and_then(|accounts| accounts.into_iter().next()) else {
        return Ok(Err(conflict("connect_refused", "The account was not made.")));
    };
    if !wanted.needs_reconnect {
        return Ok(Ok(account));
    }
    let credential = app.0.store.credential(account.id).await?;
    let stored = app.0.store.account(account.id).await?;
    keeping::lost(app, &stored, credential.version, REASON).await?;
    Ok(Ok(show::account(&app.0.store.account(account.id).await?)))
}

fn is_handle(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=HANDLE_CHARS_MAX).contains(&text.len()) && text.bytes().all(is_plain)
}

fn misread(wanted: &Wanted<'_>, kinds: &[&str]) -> Rejection {
    if is_handle(wanted.handle) {
        let message = format!("{} has no accounts of this kind.", wanted.platform);
        return Rejection::request(Rule::OutOfRange, "kind", message)
            .bounds(kinds.to_vec(), wanted.kind)
            .resolve("Name one of the kinds, or none for the first.");
    }
    let message = "`handle` consists of letters, digits, `-`, `_` and `.`.";
    Rejection::request(Rule::OutOfRange, "handle", message)
        .bounds(format!("1 to {HANDLE_CHARS_MAX} of a-z, A-Z, 0-9, -, _ and ."), wanted.handle)
        .resolve("Choose another name.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_that_a_platform_could_have() {
        assert!(is_handle("acme") && is_handle("Acme-2_b.c") && is_handle(&"a".repeat(64)));
        assert!(!is_handle("") && !is_handle("a b") && !is_handle(&"a".repeat(65)));
    }
}

//! Where every consent ends: accounts are written, or wait to be chosen.

use super::conflict;
use super::identities::Speaker;
use crate::show::{self, AccountView};
use crate::targets::Address;
use crate::{Answer, App, Refused, grants, keeping, likes};
use base::{Fault, rng};
use domain::id::{AccountId, BrandId, TenantId};
use platforms::Identity;
use store::connections::{Around, Connection, Owed};

/// Whom a consent was for.
#[derive(Clone, Copy)]
pub(super) struct Party<'a> {
    pub tenant: TenantId,
    pub brand: BrandId,
    /// The account to be connected again.
    pub account: Option<AccountId>,
    /// The key of the tenant's own registration, where it is one.
    pub own_app_key: Option<&'a str>,
}

/// What to do with the identities of a consent.
pub(super) enum Landed {
    /// These accounts are connected.
    Connected(Vec<AccountView>),
    /// Its owner has to choose.
    Choose(Vec<Identity>),
}

/// Connects what a consent brought: the one that is to be connected again, or the only one.
pub(super) async fn land(
    app: &App,
    party: Party<'_>,
    speaker: Speaker<'_>,
    identities: Vec<Identity>,
) -> Result<Result<Landed, Refused>, Fault> {
    let only = match party.account {
        Some(account) => match same(app, account, &identities).await? {
            Ok(place) => std::slice::from_ref(&identities[place]),
            Err(refused) => return Ok(Err(refused)),
        },
        None => identities.as_slice(),
    };
    if only.len() > 1 {
        return Ok(Ok(Landed::Choose(identities)));
    }
    let connected = match connect(app, party, speaker, only, None).await? {
        Ok(connected) => connected,
        Err(refused) => return Ok(Err(refused)),
    };
    let none = || conflict("connect_refused", "The platform named nobody to publish as.");
    Ok(connected.filter(|accounts| !accounts.is_empty()).map(Landed::Connected).ok_or_else(none))
}

/// A reconnect is for one identity; another one with a grant would post where nobody expects it.
async fn same(
    app: &App,
    account: AccountId,
    identities: &[Identity],
) -> Result<Result<usize, Refused>, Fault> {
    let account = app.0.store.account(account).await?;
    let is_it = |identity: &Identity| identity.facts.remote_id == account.remote_id;
    if let Some(place) = identities.iter().position(is_it) {
        return Ok(Ok(place));
    }
    let came: Vec<&str> = identities.iter().map(|one| one.facts.handle.as_str()).collect();
    let message = format!(
        "This connects {} again, but the consent was given by {}. Nothing was stored. Sign in at \
         the platform as {}, then begin again; to have the other one too, connect it as a new \
         account.",
        account.handle,
        came.join(", "),
        account.handle
    );
    Ok(Err(conflict("wrong_identity", message)))
}

/// Writes accounts with their sealed grants, next refreshes and events, all or none. `None` when
/// the choices that they come from were used up meanwhile.
pub(super) async fn connect(
    app: &App,
    party: Party<'_>,
    speaker: Speaker<'_>,
    identities: &[Identity],
    choices_sha256: Option<&[u8]>,
) -> Answer<Option<Vec<AccountView>>> {
    let (platform, name) = (speaker.platform.name(), speaker.registration.name.as_str());
    let connection = |identity| connection_of(party, platform, name, identity);
    let connections: Vec<Connection<'_>> = identities.iter().map(connection).collect();
    let key = app.data_key(party.tenant).await?;
    let seal = |place: usize, account, version| {
        let grant = &identities[place].grant;
        grants::seal_with(&key, party.tenant, platform, account, version, grant)
    };
    let now = app.now();
    let address = |account| {
        let app = party.own_app_key.unwrap_or(name);
        Address { tenant: party.tenant, platform, app, account }
    };
    let owed = |place: usize, account| {
        let of = address(account);
        let grant = (speaker.registration, &identities[place].grant);
        Owed {
            wake: keeping::owed(app, &of, grant, now),
            gate: keeping::gate(&of),
            place: (of.group(), of.lane()),
        }
    };
    let around = Around { seal: &seal, owed: &owed, choices_sha256 };
    let connected = match app.0.store.connect_accounts(&connections, &around).await {
        Ok(Some(connected)) => connected,
        Ok(None) => return Ok(Ok(None)),
        Err(fault) => return Ok(Err(likes::no_room(fault)?)),
    };
    app.wake(&connected.jobs).await;
    for account in &connected.rested {
        keeping::end_rest(app, &address(*account)).await;
    }
    for account in &connected.accounts {
        tracing::info!(account = %account.id, platform, "an account is connected");
    }
    Ok(Ok(Some(connected.accounts.iter().map(show::account).collect())))
}

fn connection_of<'a>(
    party: Party<'a>,
    platform: &'a str,
    app: &'a str,
    identity: &'a Identity,
) -> Connection<'a> {
    Connection {
        id: rng::id(),
        tenant: party.tenant,
        brand: party.brand,
        platform,
        app,
        own_app_key: party.own_app_key,
        remote_id: &identity.facts.remote_id,
        handle: &identity.facts.handle,
        kind: &identity.facts.kind,
        expires_at: identity.grant.expires_at,
        scopes: identity.grant.scopes.as_deref(),
    }
}

//! Seals what has to wait between two requests of a browser: verifiers, and identities with their
//! grants. Each is bound to the row it lies in.

use crate::App;
use base::digest::hex;
use base::{Context, Fault};
use domain::id::TenantId;
use domain::secret::Secret;
use platforms::{AccountFacts, Grant, Identity};
use vault::Associated;
use zeroize::Zeroizing;

/// Rows of this kind are written once.
const VERSION: i64 = 1;

fn associated<'a>(
    tenant: TenantId,
    subject: &'a str,
    platform: &'a str,
    field: &'a str,
) -> Associated<'a> {
    Associated { tenant, subject, platform, field, version: VERSION }
}

/// Seals the PKCE verifier of a state.
pub(super) async fn seal_verifier(
    app: &App,
    tenant: TenantId,
    (platform, state_sha256): (&str, &[u8]),
    verifier: &str,
) -> Result<Vec<u8>, Fault> {
    let subject = hex(state_sha256);
    let associated = associated(tenant, &subject, platform, "oauth_states.verifier");
    Ok(app.data_key(tenant).await?.seal(&associated, verifier.as_bytes()))
}

/// Opens the PKCE verifier of a state; `None` when it is not the one that was sealed for it.
pub(super) async fn open_verifier(
    app: &App,
    tenant: TenantId,
    (platform, state_sha256): (&str, &[u8]),
    sealed: &[u8],
) -> Result<Option<Secret>, Fault> {
    let key = app.data_key(tenant).await?;
    let subject = hex(state_sha256);
    let associated = associated(tenant, &subject, platform, "oauth_states.verifier");
    let clear = match key.open(&associated, sealed) {
        Ok(clear) => clear,
        Err(fault) => {
            tracing::error!(%fault, %tenant, platform, "a consent's verifier does not open");
            return Ok(None);
        }
    };
    Ok(std::str::from_utf8(clear.bytes()).ok().map(Secret::from))
}

/// Seals identities with their grants.
pub(super) async fn seal_identities(
    app: &App,
    tenant: TenantId,
    (platform, sha256): (&str, &[u8]),
    identities: &[Identity],
) -> Result<Vec<u8>, Fault> {
    let subject = hex(sha256);
    let associated = associated(tenant, &subject, platform, "connect_choices.sealed");
    Ok(app.data_key(tenant).await?.seal(&associated, &written(identities)?))
}

/// Opens identities with their grants.
pub(super) async fn open_identities(
    app: &App,
    tenant: TenantId,
    (platform, sha256): (&str, &[u8]),
    sealed: &[u8],
) -> Result<Vec<Identity>, Fault> {
    let subject = hex(sha256);
    let associated = associated(tenant, &subject, platform, "connect_choices.sealed");
    let key = app.data_key(tenant).await?;
    let clear = key.open(&associated, sealed).context("opening what there is to choose from")?;
    read(clear.bytes()).context("what there is to choose from is not readable")
}

/// Facts and grant of each, one after the other, each with its length before it: JSON around the
/// grants would copy them into memory that nobody clears.
fn written(identities: &[Identity]) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let mut parts = Vec::with_capacity(identities.len() * 2);
    for identity in identities {
        let facts = serde_json::to_vec(&identity.facts).context("writing an account's facts")?;
        parts.push(Zeroizing::new(facts));
        parts.push(identity.grant.to_clear());
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(parts.iter().map(|p| p.len() + 8).sum()));
    for part in &parts {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    Ok(bytes)
}

fn read(mut bytes: &[u8]) -> Option<Vec<Identity>> {
    let mut identities = Vec::new();
    while !bytes.is_empty() {
        let facts: AccountFacts = serde_json::from_slice(part(&mut bytes)?).ok()?;
        let grant = Grant::of_clear(part(&mut bytes)?)?;
        identities.push(Identity { facts, grant });
    }
    Some(identities)
}

fn part<'b>(bytes: &mut &'b [u8]) -> Option<&'b [u8]> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    let (part, rest) = rest.split_at_checked(usize::try_from(u64::from_be_bytes(*length)).ok()?)?;
    *bytes = rest;
    Some(part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::time::Timestamp;

    #[test]
    fn identities_are_read_as_they_were_written_and_nothing_else_is() {
        let identity = |name: &str| Identity {
            facts: AccountFacts { handle: name.into(), ..AccountFacts::default() },
            grant: Grant {
                access_token: name.into(),
                refresh_token: None,
                expires_at: Timestamp::from_seconds(5),
                scopes: None,
            },
        };
        let both = [identity("a"), identity("b")];
        let bytes = written(&both).unwrap();
        assert!(read(&bytes).is_some_and(|read| read == both));
        assert!(read(&bytes[..bytes.len() - 1]).is_none());
        assert!(read(&[0xff; 20]).is_none());
    }
}

//! Seals identities with their grants while their owner chooses, bound to the row they lie in.

use crate::{App, seals};
use base::digest::hex;
use base::{Context, Fault};
use domain::id::TenantId;
use platforms::{AccountFacts, Grant, Identity};
use zeroize::Zeroizing;

/// Seals identities with their grants.
pub(super) async fn seal_identities(
    app: &App,
    tenant: TenantId,
    (platform, sha256): (&str, &[u8]),
    identities: &[Identity],
) -> Result<Vec<u8>, Fault> {
    let subject = hex(sha256);
    let associated = seals::choices(tenant, platform, &subject);
    Ok(app.data_key(tenant).await?.seal(&associated, &written(identities)?))
}

/// Opens identities with their grants. `None` when they are not what was stored; that is told of
/// by then.
pub(super) async fn open_identities(
    app: &App,
    tenant: TenantId,
    (platform, sha256): (&str, &[u8]),
    sealed: &[u8],
) -> Result<Option<Vec<Identity>>, Fault> {
    let subject = hex(sha256);
    match app.0.keys.open(&seals::choices(tenant, platform, &subject), sealed).await? {
        Ok(clear) => {
            let found = read(clear.bytes());
            found.context("what there is to choose from is not readable").map(Some)
        }
        Err(why) => {
            app.0.keys.refuse(tenant, ("choices", "connect_choices"), why).await?;
            Ok(None)
        }
    }
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

//! Looks whether files, and uploads that were begun, are still needed, and removes what is not.
//!
//! Invariant: no file goes that a post names which has still to go out; and none in one step, so a
//! post that was being stored at that moment is seen before the bytes go.

use super::VEILED_FOR;
use crate::App;
use crate::quarantine::{Place, Stay};
use base::Fault;
use domain::id::{AssetId, TenantId};
use domain::time::Timestamp;
use queue::{Claimed, Outcome};
use std::time::Duration;
use store::assets::Standing;
use store::crashes::Culprit;
use store::jobs::JobKind;

/// What is to be done with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Nothing; to be looked at again then, if ever.
    Stay(Option<Timestamp>),
    /// No post may name it any more.
    Veil,
    /// A post names it all the same: it stays.
    Unveil,
    /// It goes.
    Remove,
}

/// A file that nobody needs for `keep` after it came, or after the last post that names it was
/// touched, goes; one that somebody took away goes at once. Both are hidden first.
fn next(standing: &Standing, keep: Option<Duration>, now: Timestamp) -> Next {
    if let Some(hidden_at) = standing.hidden_at {
        let goes_at = hidden_at + VEILED_FOR;
        return match standing.is_needed {
            true => Next::Unveil,
            false if goes_at <= now => Next::Remove,
            false => Next::Stay(Some(goes_at)),
        };
    }
    let Some(keep) = keep else { return Next::Stay(None) };
    if standing.is_needed {
        return Next::Stay(Some(now + keep));
    }
    let used_at = standing.used_at.unwrap_or(standing.created_at).max(standing.created_at);
    let goes_at = used_at + keep;
    if goes_at <= now { Next::Veil } else { Next::Stay(Some(goes_at)) }
}

/// Works on the look of a claimed job.
pub async fn tend(app: &App, claimed: &Claimed) -> Outcome {
    let Some(mut place) = Place::take(app).await else { return Outcome::Release };
    let ended = work(app, claimed, &mut place).await;
    place.end(app, claimed, ended).await.unwrap_or(Outcome::Release)
}

async fn work(app: &App, claimed: &Claimed, place: &mut Place) -> Result<Outcome, Fault> {
    let (subject, generation) = (claimed.subject, claimed.generation);
    let Some(tenant) = app.0.store.media_owed(subject, generation).await? else {
        app.0.store.drop_job(JobKind::Media, subject, generation).await?;
        return Ok(Outcome::Done);
    };
    let culprit = Culprit::Job(JobKind::Media, subject);
    match place.isolate(app, claimed, culprit, 0).await? {
        Stay::Here => {}
        Stay::Later(outcome) => return Ok(outcome),
        Stay::Never => {
            app.0.store.drop_job(JobKind::Media, subject, generation).await?;
            return Ok(Outcome::Done);
        }
    }
    let of = (tenant, AssetId::new(subject));
    let upload_at = upload(app, of).await?;
    let asset_at = asset(app, of).await?;
    let due_at = upload_at.into_iter().chain(asset_at).min();
    let Some(due_at) = due_at else {
        app.0.store.drop_job(JobKind::Media, subject, generation).await?;
        return Ok(Outcome::Done);
    };
    let moved = app.0.store.postpone_job(JobKind::Media, subject, generation, due_at).await?;
    Ok(match moved {
        Some(generation) => Outcome::Again { generation, due_at },
        // Somebody has taken the file away meanwhile, and armed it anew.
        None => Outcome::Done,
    })
}

/// Removes an upload whose time is over; else, when to look again.
async fn upload(app: &App, of: (TenantId, AssetId)) -> Result<Option<Timestamp>, Fault> {
    let Some(upload) = app.0.store.upload_left(of.1).await? else { return Ok(None) };
    if upload.expires_at > app.0.store.time().await? {
        return Ok(Some(upload.expires_at));
    }
    app.0.library.delete_parts(of).await?;
    app.0.store.forget_upload(of.1).await?;
    let what = if upload.has_ended { "ended" } else { "expired" };
    metrics::counter!("postfleet_uploads_total", "end" => what).increment(1);
    Ok(None)
}

/// Hides or removes a file that nobody needs; else, when to look again.
async fn asset(app: &App, (tenant, id): (TenantId, AssetId)) -> Result<Option<Timestamp>, Fault> {
    let Some(standing) = app.0.store.asset_standing(tenant, id).await? else { return Ok(None) };
    let now = app.0.store.time().await?;
    match next(&standing, app.0.library.keep_for(), now) {
        Next::Stay(at) => Ok(at),
        Next::Veil => {
            app.0.store.veil_asset(id, true).await?;
            Ok(Some(now + VEILED_FOR))
        }
        Next::Unveil => {
            app.0.store.veil_asset(id, false).await?;
            Ok(app.0.library.keep_for().map(|keep| now + keep))
        }
        Next::Remove => {
            app.0.library.delete(tenant, id).await?;
            app.0.store.forget_asset(id).await?;
            metrics::counter!("postfleet_media_removed_total").increment(1);
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn at(days: u32) -> Timestamp {
        Timestamp::from_ms(1_000_000) + DAY * days
    }

    // case: M-keep
    #[test]
    fn a_file_goes_when_no_post_has_needed_it_for_long_and_never_before() {
        let came = Standing { created_at: at(0), hidden_at: None, is_needed: false, used_at: None };
        let keep = Some(DAY * 30);
        assert_eq!(next(&came, keep, at(29)), Next::Stay(Some(at(30))));
        assert_eq!(next(&came, keep, at(30)), Next::Veil);
        assert_eq!(next(&came, None, at(9_000)), Next::Stay(None));
        let used = Standing { used_at: Some(at(20)), ..came };
        assert_eq!(next(&used, keep, at(49)), Next::Stay(Some(at(50))));
        assert_eq!(next(&used, keep, at(50)), Next::Veil);
        let needed = Standing { is_needed: true, ..used };
        assert_eq!(next(&needed, keep, at(500)), Next::Stay(Some(at(530))));
        let hidden = Standing { hidden_at: Some(at(50)), ..used };
        assert_eq!(next(&hidden, keep, at(50)), Next::Stay(Some(at(50) + VEILED_FOR)));
        assert_eq!(next(&hidden, keep, at(50) + VEILED_FOR), Next::Remove);
        // A post that was stored while it was hidden brings it back, however late.
        assert_eq!(next(&Standing { is_needed: true, ..hidden }, keep, at(99)), Next::Unveil);
        assert_eq!(next(&hidden, None, at(99)), Next::Remove);
    }
}

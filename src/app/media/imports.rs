//! Fetches a file from an address that a user names.

use super::AssetView;
use crate::caller::Caller;
use crate::{Answer, App, Refused};
use base::Fault;
use base::outbound::pull::{Pace, Spoilt};
use domain::rejection::{Rejection, Rule};
use futures::{StreamExt, TryStreamExt};
use std::time::Duration;

/// Files fetched at once by one process; whoever comes later is asked to come again.
pub(crate) const AT_ONCE_MAX: usize = 32;

/// A file of 600 MiB comes in ten minutes over a line of ten megabits; slower ones serve smaller
/// files. Whoever waits for the answer has given up by then.
const PACE: Pace = Pace {
    head_within: Duration::from_secs(10),
    piece_within: Duration::from_secs(15),
    grace: Duration::from_secs(20),
    bytes_per_second_min: 16 * 1024,
    whole_within: Duration::from_secs(600),
    redirects_max: 5,
};

/// Fetches a file and takes it in.
///
/// # Errors
/// When the storage or Postgres fails.
pub async fn import(app: &App, caller: &Caller, url: &str) -> Answer<AssetView> {
    let Ok(_turn) = app.0.imports.try_acquire() else {
        return Ok(Err(Refused::Conflict {
            code: "too_many_imports",
            message: format!(
                "{AT_ONCE_MAX} files are being fetched, and no more are at once. Ask again in a \
                 moment."
            ),
        }));
    };
    let fetched = fetch(app, caller, url).await;
    let outcome = match &fetched {
        Ok(Ok(Ok(_))) => "taken",
        Ok(Ok(Err(_))) => "refused",
        Ok(Err(why)) => why.as_str(),
        Err(_) => "fault",
    };
    metrics::counter!("postfleet_media_fetches_total", "outcome" => outcome).increment(1);
    Ok(fetched?.unwrap_or_else(|why| Err(refusal(app, &why))))
}

/// What became of the file, once it is here.
type Taken = Result<AssetView, Refused>;

async fn fetch(app: &App, caller: &Caller, url: &str) -> Result<Result<Taken, Spoilt>, Fault> {
    let pulling = app.0.outbound.pull(url, app.0.library.size_bytes_max(), PACE).await;
    let pieces = match pulling {
        Ok(pieces) => pieces,
        Err(why) => return Ok(Err(why)),
    };
    let came = metrics::counter!("postfleet_media_fetched_bytes_total");
    let pieces = pieces.inspect_ok(move |piece| came.increment(piece.len() as u64));
    let pieces = pieces.map_err(Fault::from).boxed();
    match super::bring(app, caller, pieces).await {
        Ok(brought) => Ok(Ok(brought)),
        Err(fault) => match fault.find::<Spoilt>() {
            Some(why) => Ok(Err(why.clone())),
            None => Err(fault),
        },
    }
}

fn refusal(app: &App, why: &Spoilt) -> Refused {
    if let Spoilt::Announced(size_bytes) = why {
        let mut rejection = app.0.library.too_large();
        rejection.actual = (*size_bytes).into();
        return Refused::Invalid(vec![rejection]);
    }
    let message = format!("No file could be fetched from the address: {why}.");
    let (limit, way) = match why {
        Spoilt::Closed(_) => (
            "an https address of the open internet",
            "Name an address that everybody can reach, or upload the file itself.",
        ),
        Spoilt::Slow(_) => (
            "an answer within 10 s, each piece within 15 s, all of it within 10 min",
            "Put the file where it comes faster, or upload it itself.",
        ),
        Spoilt::Redirects(_) => ("5 redirects", "Name the address that it leads to."),
        Spoilt::Packed => ("the bytes of the file", "Have it sent without Content-Encoding."),
        Spoilt::Status(_) | Spoilt::Broken(_) | Spoilt::Announced(_) => (
            "an answer 200 with the whole file",
            "See that the address answers with the file to whoever has no cookie, then try again.",
        ),
    };
    let rejection = Rejection::request(Rule::NotSupported, "url", message);
    Refused::Invalid(vec![rejection.bounds(limit, why.to_string()).resolve(way)])
}

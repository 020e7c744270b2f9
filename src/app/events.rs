//! What happened, for whoever asks: the same events, under the same ids, as webhooks bring.

use crate::caller::Caller;
use crate::webhooks::shown;
use crate::{Answer, App, Refused};
use base::Fault;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::time::Timestamp;
use domain::webhook::EventId;
use serde_json::Value;
pub use store::events::Filter;
use store::events::Position;

/// Numbers in one snapshot; no installation has so many transactions under way.
const NUMBERS_MAX: usize = 10_000;

/// The next events behind a place, and the place behind them.
///
/// # Errors
/// When Postgres fails.
pub async fn list(
    app: &App,
    caller: &Caller,
    after: &Place,
    filter: Filter<'_>,
    limit: u32,
) -> Result<(Vec<Value>, Place), Fault> {
    let (events, position) =
        app.0.store.events(caller.tenant, &after.0, filter, i64::from(limit)).await?;
    let shown = |event| shown(event, caller.is_test);
    Ok((events.iter().map(shown).collect(), Place(position)))
}

/// One event.
///
/// # Errors
/// When Postgres fails.
pub async fn show(app: &App, caller: &Caller, id: EventId) -> Answer<Value> {
    let found = app.0.store.event(caller.tenant, id).await?;
    let none = || Refused::NotFound(format!("There is no event {id}."));
    Ok(found.as_ref().map(|event| shown(event, caller.is_test)).ok_or_else(none))
}

/// A place in the sequence: the id of an event, or where a page ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place(Position);

impl Place {
    /// Reads what a page called its end, or an event's id. What commits late behind an id alone is
    /// not shown again; behind the end of a page it is.
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(event) = text.parse::<EventId>() {
            return Some(Self(Position { last: event.0, seen: None }));
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let (last, rest) = text.split_once(' ')?;
        let (ms, snapshot) = rest.split_once(' ')?;
        let last = last.parse().ok().filter(|last| *last >= 0)?;
        let ms = ms.parse().ok().filter(|ms| (0..=i64::from(u32::MAX) * 1000).contains(ms))?;
        is_snapshot(snapshot).then(|| {
            let seen = Some((Timestamp::from_ms(ms), snapshot.to_owned()));
            Self(Position { last, seen })
        })
    }

    /// The place in letters, digits, `-` and `_`.
    pub fn text(&self) -> String {
        let Position { last, seen } = &self.0;
        match seen {
            None => EventId(*last).to_string(),
            Some((at, snapshot)) => {
                URL_SAFE_NO_PAD.encode(format!("{last} {} {snapshot}", at.ms()))
            }
        }
    }
}

/// Postgres reads it: `xmin:xmax:` and the numbers between them that were under way, ascending.
fn is_snapshot(text: &str) -> bool {
    let mut parts = text.split(':');
    let mut number = || parts.next().and_then(positive);
    let (Some(xmin), Some(xmax)) = (number(), number()) else { return false };
    let (Some(list), None) = (parts.next(), parts.next()) else { return false };
    let listed = list.split(',').filter(|_| !list.is_empty());
    let Some(listed) = listed.map(positive).collect::<Option<Vec<u64>>>() else { return false };
    xmin <= xmax
        && listed.len() <= NUMBERS_MAX
        && listed.windows(2).all(|pair| pair[0] < pair[1])
        && listed.iter().all(|number| (xmin..xmax).contains(number))
}

fn positive(text: &str) -> Option<u64> {
    let is_plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|number| is_plain && *number > 0 && *number < 1 << 62)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_back_and_what_postgres_would_refuse_is_none() {
        let at = Timestamp::from_seconds(1_800_000_000);
        for snapshot in ["10:10:", "10:20:10,14,15"] {
            let seen = Some((at, snapshot.to_owned()));
            let place = Place(Position { last: 7, seen });
            assert_eq!(Place::parse(&place.text()), Some(place));
        }
        let place = Place(Position { last: 7, seen: None });
        assert_eq!(place.text(), "evt_0000000000000007");
        assert_eq!(Place::parse(&place.text()), Some(place));
        for text in [
            "7 1 20:10:",
            "7 1 10:20",
            "7 1 10:20:5",
            "7 1 10:20:20",
            "7 1 10:20:15,14",
            "7 1 0:1:",
            "7 1 10:20:15,",
            "7 1 10:20:+15",
            "-7 1 10:20:",
            "7 x 10:20:",
            "7 1 10:20:1:2",
            "7",
        ] {
            assert_eq!(Place::parse(&URL_SAFE_NO_PAD.encode(text)), None, "{text}");
        }
        assert_eq!(Place::parse("no place"), None);
        assert_eq!(Place::parse(""), None);
    }
}

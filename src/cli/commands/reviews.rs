//! `postfleet reviews`: what waits for a person, since when, why, and the way out.

use crate::commands::installation::Installation;
use crate::say::say;
use base::Fault;
use domain::lateness::HELD;
use domain::time::Timestamp;
use serde_json::{Value, json};
use std::process::ExitCode;
use std::time::Duration;
use store::open_reviews::{OpenReview, OpenReviews};

/// What nobody knows more of.
const UNKNOWN: &str = "nobody knows whether it is out";
/// Those that are listed at most.
const LISTED_MAX: i64 = 10_000;

/// What `postfleet reviews` takes.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    installation: Installation,
    /// Those on this platform alone.
    #[arg(long, value_name = "NAME")]
    platform: Option<String>,
    /// So many, the oldest first.
    #[arg(long, value_name = "NUMBER", default_value_t = 50,
        value_parser = clap::value_parser!(i64).range(1..=LISTED_MAX))]
    limit: i64,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// Lists them, of all tenants.
///
/// # Errors
/// The database fails, or there is no such platform.
pub async fn run(arguments: &Arguments) -> Result<ExitCode, Fault> {
    let platform = arguments.platform.as_deref();
    if let Some(name) = platform {
        app::halts::Target::platform(name)?;
    }
    let (_, store) = arguments.installation.open().await?;
    let open = store.reviews_waiting(platform, arguments.limit).await?;
    match arguments.json {
        true => say(json!({
            "count": open.count,
            "reviews": open.oldest.iter().map(|one| shown(one, open.now)).collect::<Vec<_>>(),
        })),
        false => lines(&open).iter().for_each(say),
    }
    Ok(ExitCode::SUCCESS)
}

fn shown(one: &OpenReview, now: Timestamp) -> Value {
    json!({
        "id": one.id, "tenant": one.tenant, "brand": one.brand, "platform": one.platform,
        "handle": one.handle, "since": one.since, "ageS": now.since(one.since).as_secs(),
        "type": one.cause, "message": one.message.as_deref().unwrap_or(UNKNOWN),
        "wayOut": way_out(one),
    })
}

fn lines(open: &OpenReviews) -> Vec<String> {
    let mut lines: Vec<String> = open.oldest.iter().flat_map(|one| told(one, open.now)).collect();
    let left = open.count - i64::try_from(open.oldest.len()).unwrap_or(i64::MAX);
    if left > 0 {
        lines.push(format!("… and {left} more, which came later: say --limit for more."));
    }
    lines.push(match open.count {
        0 => "Nothing waits for a person.".to_owned(),
        1 => "1 delivery waits for a person.".to_owned(),
        count => format!("{count} deliveries wait for a person."),
    });
    lines
}

fn told(one: &OpenReview, now: Timestamp) -> [String; 3] {
    let OpenReview { id, handle, platform, brand, tenant, since, message, .. } = one;
    let message = message.as_deref().unwrap_or(UNKNOWN);
    [
        format!(
            "{id}  {handle} on {platform}, brand {brand} of {tenant}, for {} (since {since})",
            age(now.since(*since))
        ),
        format!("    {message}"),
        format!("    {}", way_out(one)),
    ]
}

/// What a person can say of it.
fn way_out(one: &OpenReview) -> String {
    let id = one.id;
    match one.cause.as_deref() {
        // It was kept back, so it is not out.
        Some(HELD) => format!(
            "postfleet review {id} --reason … with --send to let it out now, or --drop to leave it"
        ),
        _ => format!(
            "look at the account, then postfleet review {id} --reason … with --published LINK, \
             --send or --drop; postfleet why {id} tells what is known"
        ),
    }
}

/// A time in the two largest units that it has.
fn age(time: Duration) -> String {
    let seconds = time.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::id::DeliveryId;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_521_600);

    fn review(cause: Option<&str>, message: Option<&str>) -> OpenReview {
        OpenReview {
            id: DeliveryId::new(uuid::Uuid::from_u128(7)),
            handle: "@acme".to_owned(),
            platform: "toy".to_owned(),
            brand: "acme".to_owned(),
            tenant: "agency".to_owned(),
            since: NOW - Duration::from_secs(93_600),
            cause: cause.map(str::to_owned),
            message: message.map(str::to_owned),
        }
    }

    // case: O-reviews
    #[test]
    fn each_review_is_told_with_its_age_its_cause_and_its_way_out() {
        let held = review(Some(HELD), Some("It was held."));
        let open = OpenReviews { count: 3, oldest: vec![review(None, None), held], now: NOW };
        let told = lines(&open);
        assert_eq!(told.len(), 8, "{told:?}");
        let head = "dlv_00000000000000000000000000000007  @acme on toy, brand acme of agency, for \
                    1 d 2 h (since ";
        assert!(told[0].starts_with(head), "{}", told[0]);
        assert!(told[1].contains(UNKNOWN) && told[2].contains("--published LINK"), "{told:?}");
        // What was held back is not out, and nobody is asked whether it is.
        assert!(told[4].contains("It was held.") && told[5].contains("--send"), "{told:?}");
        assert!(!told[5].contains("--published"), "{told:?}");
        assert!(told[6].contains("1 more") && told[7].starts_with("3 deliveries"), "{told:?}");
        let none = OpenReviews { count: 0, oldest: Vec::new(), now: NOW };
        assert_eq!(lines(&none), ["Nothing waits for a person."]);
    }

    #[test]
    fn an_age_has_two_units_at_most() {
        for (seconds, told) in
            [(59, "59 s"), (60, "1 min"), (7_320, "2 h 2 min"), (93_660, "1 d 2 h")]
        {
            assert_eq!(age(Duration::from_secs(seconds)), told);
        }
    }
}

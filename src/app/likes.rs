//! What is known of a content when it is accepted, and what is said where an account has the same
//! one already.

use crate::{App, Refused};
use base::Fault;
use base::digest::sha256;
use domain::allowance::{MICROS_PER_CENT, Over, Spent};
use domain::capability::Profile;
use domain::content::AssetFacts;
use domain::duplicate::{Policy, essence};
use domain::id::{AssetId, PostId};
use domain::rejection::{Rejection, Rule};
use domain::request::Draft;
use domain::time::Timestamp;
use platforms::Platform;
use std::collections::BTreeMap;
use store::accepts::{Mark, NewPost};
use store::contents::{Alike, Sought};
use store::tenant_limits::NoRoom;

/// What is known of the content of a draft on each of these platforms.
pub(crate) fn marks(
    platforms: &[&'static dyn Platform],
    profile: Profile,
    draft: &Draft,
    assets: &BTreeMap<AssetId, AssetFacts>,
) -> BTreeMap<&'static str, Mark> {
    let mark = |platform: &&'static dyn Platform| {
        let content = platform.content(profile, draft, &mut Vec::new());
        let price = platform.adapter().map_or(0, |one| one.price_microdollars(&content));
        let mark = Mark {
            content: essence(&content, assets).map(|essence| beginning(&essence)),
            cost_micros: i64::try_from(price).unwrap_or(i64::MAX),
        };
        (platform.name(), mark)
    };
    platforms.iter().map(mark).collect()
}

/// The first eight bytes of the SHA-256: an account would need thousands of millions of posts
/// before two of them met by chance.
fn beginning(essence: &str) -> i64 {
    let mut first = [0; 8];
    first.iter_mut().zip(sha256(essence.as_bytes())).for_each(|(to, from)| *to = from);
    i64::from_be_bytes(first)
}

/// What is said of a post that was stored although an account has its content already.
///
/// # Errors
/// When Postgres fails.
pub(crate) async fn warnings(app: &App, sought: Option<Sought>) -> Result<Vec<Rejection>, Fault> {
    let Some(sought) = sought else { return Ok(Vec::new()) };
    Ok(app.0.likes.call(sought).await?.iter().map(told).collect())
}

/// The contents that the sender of a post is warned of, which is stored as `id`.
pub(crate) fn sought(new: &NewPost, id: PostId) -> Option<Sought> {
    Some(Sought { post: id, ..Sought::of(new, Policy::Warn)? })
}

/// The contents that a post wants for itself alone.
pub(crate) fn wanted_alone(new: &NewPost) -> Option<Sought> {
    Sought::of(new, Policy::Refuse)
}

/// An account has the content already, as another post.
pub(crate) fn told(alike: &Alike) -> Rejection {
    let Alike { handle, platform, post, status, due_at, within_hours, .. } = alike;
    let message = format!(
        "{handle} on {platform} has the same content already: post {post}, {status}, due {due_at}; \
         two such posts are to lie {within_hours} h apart."
    );
    Rejection::content(platform, Rule::Conflict, "text", message)
        .bounds(format!("another content within {within_hours} h"), post.to_string())
        .resolve(
            "Change the text or the files, choose a time further away, or send \
             \"duplicateContent\": \"allow\" if it is meant.",
        )
}

/// The refusal of a content that an account takes once.
pub(crate) fn refusal(alike: &Alike) -> Refused {
    Refused::Limited { code: "duplicate_content", why: Box::new(told(alike)), retry_at: None }
}

/// The refusal that ended a transaction.
///
/// # Errors
/// What ended it was a fault.
pub(crate) fn no_room(fault: Fault) -> Result<Refused, Fault> {
    match fault.find::<NoRoom>() {
        Some(NoRoom(none)) => Ok(over(none)),
        None => Err(fault),
    }
}

/// The refusal of what a limit of the tenant leaves no room for.
pub(crate) fn over(over: &Over) -> Refused {
    let Over { what, limit, used, asked, reset_at } = over;
    let until = reset_at.map_or_else(String::new, |at: Timestamp| at.to_string());
    let dollars = |micros: u64| {
        let cents = micros / MICROS_PER_CENT;
        format!("{}.{:02}{:02} USD", cents / 100, cents % 100, micros % MICROS_PER_CENT / 100)
    };
    let (code, field, message, bound, way) = match what {
        Spent::Posts => (
            "posts_per_day",
            "postsPerDay",
            format!("The tenant takes {limit} posts a day and has taken {used}, up to {until}."),
            *limit,
            format!("Send it again after {until}, or have an owner raise it with PUT /v1/limits."),
        ),
        Spent::Money(platform) => (
            "spend_limit",
            "spendCentsPerMonth",
            format!(
                "Posts on {platform} may cost {} in the month that ends at {until}; those accepted \
                 for it cost {}, and this one {}.",
                dollars(*limit),
                dollars(*used),
                dollars(*asked)
            ),
            limit / MICROS_PER_CENT,
            format!(
                "Schedule it after {until}, leave its links out where they cost, or have an owner \
                 raise the limit with PUT /v1/limits."
            ),
        ),
        Spent::Accounts => (
            "accounts_limit",
            "accounts",
            format!("The tenant takes {limit} accounts and has {used}."),
            *limit,
            "Disconnect one with DELETE /v1/accounts/{id}, or have an owner raise the limit with \
             PUT /v1/limits."
                .to_owned(),
        ),
        Spent::Media => (
            "media_limit",
            "mediaBytes",
            format!("The library takes {limit} bytes and has {used}; the file has {asked}."),
            *limit,
            "Have an owner raise the limit with PUT /v1/limits.".to_owned(),
        ),
    };
    let actual = match what {
        Spent::Money(_) => (used + asked).div_ceil(MICROS_PER_CENT),
        Spent::Posts | Spent::Accounts | Spent::Media => used + asked,
    };
    let why = Rejection::request(Rule::TooMuch, field, message).bounds(bound, actual).resolve(way);
    Refused::Limited { code, why: Box::new(why), retry_at: *reset_at }
}

#[cfg(test)]
mod tests {
    use super::*;

    // case: Q-told
    #[test]
    fn a_refusal_names_limit_use_and_the_way_out() {
        let at = Timestamp::parse("2026-12-01T00:00:00Z");
        let what = Spent::Money("x".to_owned());
        let money = Over { what, limit: 1_000_000, used: 985_000, asked: 200_000, reset_at: at };
        let Refused::Limited { code, why, retry_at } = over(&money) else { panic!("{money:?}") };
        assert_eq!((code, retry_at), ("spend_limit", at));
        assert_eq!((&why.limit, &why.actual), (&100.into(), &119.into()));
        assert_eq!(
            why.message,
            "Posts on x may cost 1.0000 USD in the month that ends at 2026-12-01T00:00:00.000Z; \
             those accepted for it cost 0.9850 USD, and this one 0.2000 USD."
        );
        let posts = Over { what: Spent::Posts, limit: 3, used: 3, asked: 1, reset_at: at };
        let Refused::Limited { why, .. } = over(&posts) else { panic!("{posts:?}") };
        assert_eq!((&why.limit, &why.actual, &*why.field), (&3.into(), &4.into(), "postsPerDay"));
        assert!(why.resolution.contains("2026-12-01"), "{why:?}");
    }
}

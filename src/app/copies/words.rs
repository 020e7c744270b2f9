//! What copies say, checked as what a post says: by the capabilities of each platform, and by what
//! it makes of the same words once more.

use crate::validate::check_platform;
use domain::capability::Profile;
use domain::content::{AssetFacts, Content};
use domain::copies::{self, Repeats, Series, repeated};
use domain::id::AssetId;
use domain::rejection::{Rejection, Rule};
use domain::request::Draft;
use platforms::Platform;
use serde_json::json;
use std::collections::BTreeMap;
use store::accounts::Account;

/// A platform takes the wording of copy `number`: it takes any, or this was not said before.
pub(super) fn fits(
    platform: &dyn Platform,
    profile: Profile,
    (series, origin): (&Series, &Draft),
    number: u32,
) -> bool {
    let rule = repeats(platform, profile, origin);
    if rule == Repeats::Free {
        return true;
    }
    let mut said = contents(platform, profile, (series, origin), number);
    let copy = said.pop();
    copy.is_some_and(|copy| repeated(rule, &said, &copy).is_none())
}

/// What the origin and the copies up to `number` say on a platform.
fn contents(
    platform: &dyn Platform,
    profile: Profile,
    (series, origin): (&Series, &Draft),
    number: u32,
) -> Vec<Content> {
    let content =
        |number| platform.content(profile, &series.wording(origin, number), &mut Vec::new());
    (0..=number).map(content).collect()
}

fn repeats(platform: &dyn Platform, profile: Profile, draft: &Draft) -> Repeats {
    platform.capabilities(profile, platform.default_account_kind(draft)).repeats
}

/// What is wrong with the copies of a post that goes to these platforms.
pub(crate) fn problems(
    addressed: &[&'static dyn Platform],
    profile: Profile,
    draft: &Draft,
    (targets, assets): (&[&Account], &BTreeMap<AssetId, AssetFacts>),
) -> Vec<Rejection> {
    if draft.republish.is_none() {
        return Vec::new();
    }
    if profile != Profile::Extended {
        let message = "Copies of a post are part of the profile `extended` alone.";
        let way = "Leave `republish` out, or ask the operator for the profile `extended`.";
        let rejection = Rejection::request(Rule::NotSupported, "republish", message);
        return vec![rejection.bounds("extended", json!(profile)).resolve(way)];
    }
    // What cannot be read was told of already.
    let Some(series) = copies::of(draft, &platforms::names()) else { return Vec::new() };
    let last = u32::try_from(series.variations.len()).unwrap_or(u32::MAX);
    let mut found = Vec::new();
    for platform in addressed.iter().copied() {
        let rule = repeats(platform, profile, draft);
        let said = contents(platform, profile, (&series, draft), last);
        let own = check_platform(platform, profile, draft, targets, assets);
        for (number, content) in (1..).zip(said.iter().skip(1)) {
            let field = format!("republish.variations[{}]", number - 1);
            let copy = series.wording(draft, number);
            let of_copy = check_platform(platform, profile, &copy, targets, assets);
            // What is wrong with the post itself is told there.
            for problem in of_copy.into_iter().filter(|problem| !own.contains(problem)) {
                found.push(Rejection { field: format!("{field}.{}", problem.field), ..problem });
            }
            let earlier = said.iter().take(usize::try_from(number).unwrap_or(usize::MAX));
            let earlier: Vec<Content> = earlier.cloned().collect();
            if let Some(again) = repeated(rule, &earlier, content) {
                found.push(alike(platform, rule, field, again));
            }
        }
        found.extend(too_often(platform, profile, draft, &series));
    }
    found
}

/// A copy that says nothing new.
fn alike(platform: &dyn Platform, rule: Repeats, field: String, again: String) -> Rejection {
    let name = platform.name();
    let (wanted, way) = match rule {
        Repeats::Files => ("files of its own", "Give it another file."),
        Repeats::Wording | Repeats::Free => (
            "a wording of its own in every part",
            "Word it otherwise: links, tags, case and punctuation alone make no difference.",
        ),
    };
    let message =
        format!("On {name} each copy needs {wanted}; this one says what was said before.");
    Rejection::content(name, Rule::Conflict, field, message).bounds(wanted, again).resolve(way)
}

/// More copies than there are wordings for, where each needs one.
fn too_often(
    platform: &dyn Platform,
    profile: Profile,
    draft: &Draft,
    series: &Series,
) -> Option<Rejection> {
    let is_said = draft.republish.as_ref().is_some_and(|rule| rule.contains_key("times"));
    let (wordings, name) = (series.variations.len(), platform.name());
    let wanted = usize::try_from(series.rule.times).unwrap_or(usize::MAX);
    let is_short = wordings == 0 || is_said && wanted > wordings;
    if repeats(platform, profile, draft) == Repeats::Free || !is_short {
        return None;
    }
    let field = if wordings == 0 { "republish.variations" } else { "republish.times" };
    let message = format!(
        "{name} takes no copy without a variation of its own: {wordings} for {wanted} copies."
    );
    let rule = if wordings == 0 { Rule::Required } else { Rule::TooMuch };
    let (limit, actual) = if wordings == 0 { (1, 0) } else { (wordings, wanted) };
    let way = format!(
        "Write as many `variations` as there are copies, or post to {name} without `republish`."
    );
    Some(Rejection::content(name, rule, field, message).bounds(limit, actual).resolve(way))
}

//! Checks a post against the brand, its accounts, its files and the platforms' capabilities.
//!
//! The same check answers `POST /v1/posts/validate`, guards acceptance, and runs once more as
//! fan-out.

use crate::caller::Caller;
use crate::{Answer, App, Refused, audits, copies, likes, slots};
use base::Fault;
use domain::capability::{self, Profile};
use domain::content::{AssetFacts, Content};
use domain::id::{AccountId, AssetId, BrandId};
use domain::local::TimeZone;
use domain::post::Begin;
use domain::rejection::{Rejection, RejectionType, Rule};
use domain::request::{self, Draft, is_incomplete};
use platforms::Platform;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use store::accepts::Mark;
use store::accounts::Account;
use store::premises::{Premises, Terms};

/// A post that may be accepted.
#[derive(Debug)]
pub struct Checked {
    /// What was written.
    pub draft: Draft,
    /// Its brand.
    pub brand: BrandId,
    /// The accounts it goes out on, each with its platform.
    pub targets: Vec<(AccountId, &'static str)>,
    /// What a draft still lacks, and would be refused for if it were released.
    pub warnings: Vec<Rejection>,
    /// What is known of its content, by platform.
    pub marks: BTreeMap<&'static str, Mark>,
    /// On which terms it is accepted.
    pub terms: Terms,
}

/// How a post that is stored already is checked anew.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Anew<'a> {
    /// It goes out on these accounts, whatever it names: its targets do not change.
    pub kept: Option<&'a [AccountId]>,
    /// It stays a draft, which may lack something.
    pub is_draft: bool,
}

/// Reads and checks the JSON of a post. Every violation is found, not only the first.
///
/// # Errors
/// When Postgres fails.
pub async fn validate(app: &App, caller: &Caller, body: &Value) -> Answer<Checked> {
    validate_as(app, caller, body, Anew::default()).await
}

/// The same for what may be stored already.
pub(crate) async fn validate_as(
    app: &App,
    caller: &Caller,
    body: &Value,
    anew: Anew<'_>,
) -> Answer<Checked> {
    let slug = slug_of(body).map(str::to_owned);
    let Premises { now, brand, mut terms } = app.0.premises.call((caller.tenant, slug)).await?;
    // Times without an offset are read by the clocks of the brand.
    let zone = brand.as_ref().map_or(TimeZone::UTC, |(brand, _)| brand.time_zone.clone());
    let (draft, mut problems) = request::read(body, &platforms::names(), now, &zone);
    let is_draft = anew.is_draft || draft.begin == Begin::Draft;
    if !body.is_object() {
        return Ok(Err(Refused::Invalid(problems)));
    }
    let accounts = match &brand {
        Some((_, accounts)) => Arc::clone(accounts),
        // A slug that is missing was told of already.
        None if draft.brand_slug.is_empty() => Arc::default(),
        None => {
            problems.push(missing(
                "brandSlug",
                json!(draft.brand_slug),
                "There is no brand with this slug.",
                "Create it with POST /v1/brands, or correct the slug.",
            ));
            Arc::default()
        }
    };
    let targets = match anew.kept {
        // Whether they can publish is seen when it is due, as of any other post.
        Some(kept) => accounts.iter().filter(|account| kept.contains(&account.id)).collect(),
        None => targets(&draft, &accounts, brand.is_some(), &mut problems),
    };
    let assets = app.0.store.assets_offered(caller.tenant, &assets_of(&draft)).await?;
    let named = draft.platforms.iter().filter(|_| anew.kept.is_none()).map(String::as_str);
    let addressed: BTreeSet<&str> =
        targets.iter().map(|account| account.platform.as_str()).chain(named).collect();
    let addressed: Vec<&str> = addressed.into_iter().collect();
    let idle = match anew.kept {
        // What is there for platforms where it is out already stays.
        Some(_) => Vec::new(),
        None => request::unaddressed(&draft, &addressed),
    };
    for problem in idle {
        if !problems.iter().any(|known| known.field == problem.field) {
            problems.push(problem);
        }
    }
    let addressed: Vec<_> = addressed.into_iter().filter_map(platforms::find).collect();
    for platform in addressed.iter().copied() {
        for problem in check_platform(platform, caller.profile, &draft, &targets, &assets) {
            if !is_told(&problems, &problem) {
                problems.push(problem);
            }
        }
    }
    problems.extend(copies::problems(&addressed, caller.profile, &draft, (&targets, &assets)));
    match brand {
        Some((brand, _))
            if problems.is_empty() || is_draft && problems.iter().all(is_incomplete) =>
        {
            let targets = targets
                .iter()
                .filter_map(|a| platforms::find(&a.platform).map(|p| (a.id, p.name())))
                .collect();
            let marks = likes::marks(&addressed, caller.profile, &draft, &assets);
            terms.guard.policy = draft.duplicate_content.unwrap_or(terms.guard.policy);
            let warnings = problems;
            Ok(Ok(Checked { draft, brand: brand.id, targets, warnings, marks, terms }))
        }
        _ => {
            note_strangers(app, caller, &draft, (&accounts[..], &assets)).await?;
            Ok(Err(Refused::Invalid(problems)))
        }
    }
}

/// What a refused post names and its tenant does not have may be another tenant's.
async fn note_strangers(
    app: &App,
    caller: &Caller,
    draft: &Draft,
    (accounts, assets): (&[Account], &BTreeMap<AssetId, AssetFacts>),
) -> Result<(), Fault> {
    let is_known = |id: &AccountId| accounts.iter().any(|account| account.id == *id);
    let strange: Vec<AccountId> =
        draft.accounts.iter().filter(|id| !is_known(id)).copied().collect();
    let media = draft.media.iter().chain(draft.medias.values().flatten());
    let missing: Vec<AssetId> =
        media.map(|media| media.id).filter(|id| !assets.contains_key(id)).collect();
    audits::note_named(app, caller, (&strange, &missing), "in a post").await
}

/// Checks the JSON of a post for its sender, with the slot that it would be placed into now.
///
/// # Errors
/// When Postgres fails.
pub async fn preview(app: &App, caller: &Caller, body: &Value) -> Answer<Checked> {
    let mut checked = match validate(app, caller, body).await? {
        Ok(checked) => checked,
        Err(refused) => return Ok(Err(refused)),
    };
    let accounts: Vec<AccountId> = checked.targets.iter().map(|(account, _)| *account).collect();
    let Some(wanted) = slots::wanted(caller, checked.brand, &checked.draft, &accounts) else {
        return Ok(Ok(checked));
    };
    Ok(slots::preview(app, &checked.draft.brand_slug, wanted).await?.map(|place| {
        checked.draft = place.fill(&checked.draft);
        checked
    }))
}

/// The slug that the reader of the request will find in it.
pub(crate) fn slug_of(body: &Value) -> Option<&str> {
    let slug = body.get("brandSlug")?.as_str()?.trim();
    (!slug.is_empty() && !slug.contains('\0')).then_some(slug)
}

/// What is missing for a platform because it could not be read was told of where it stands.
fn is_told(problems: &[Rejection], missing: &Rejection) -> bool {
    let name = missing.field.rsplit('.').next();
    missing.rule == Rule::Required && problems.iter().any(|known| Some(&*known.field) == name)
}

/// Every violation of one platform's rules, for each kind of account that is addressed.
pub(crate) fn check_platform(
    platform: &'static dyn Platform,
    profile: Profile,
    draft: &Draft,
    targets: &[&Account],
    assets: &BTreeMap<AssetId, AssetFacts>,
) -> Vec<Rejection> {
    let mut problems = Vec::new();
    let content = platform.content(profile, draft, &mut problems);
    let connected = targets.iter().filter(|a| a.platform == platform.name());
    let mut kinds: BTreeSet<&str> = connected.map(|a| a.kind.as_str()).collect();
    if kinds.is_empty() {
        kinds.insert(platform.default_account_kind(draft));
    }
    for kind in kinds {
        for problem in check(platform, profile, kind, &content, assets) {
            if !problems.contains(&problem) {
                problems.push(problem);
            }
        }
    }
    problems
}

/// Every violation of what `platform` takes from accounts of `kind`.
pub(crate) fn check(
    platform: &'static dyn Platform,
    profile: Profile,
    kind: &str,
    content: &Content,
    assets: &BTreeMap<AssetId, AssetFacts>,
) -> Vec<Rejection> {
    capability::check(platform.name(), platform.capabilities(profile, kind), content, assets)
}

/// Every file that a draft names, wherever it names it.
pub(crate) fn assets_of(draft: &Draft) -> Vec<AssetId> {
    let mut ignored = Vec::new();
    let mut ids: BTreeSet<AssetId> = draft.media.iter().map(|media| media.id).collect();
    let mut wordings = vec![Cow::Borrowed(draft)];
    if let Some(series) = domain::copies::of(draft, &platforms::names()) {
        let numbers = 1..=u32::try_from(series.variations.len()).unwrap_or(u32::MAX);
        wordings.extend(numbers.map(|number| Cow::Owned(series.wording(draft, number))));
    }
    for (platform, draft) in
        wordings.iter().flat_map(|draft| platforms::ALL.iter().map(move |one| (one, draft)))
    {
        let content = platform.content(Profile::Extended, draft, &mut ignored);
        ids.extend(capability::assets_named(&content));
    }
    ids.into_iter().collect()
}

/// The accounts that a draft addresses.
fn targets<'a>(
    draft: &Draft,
    accounts: &'a [Account],
    is_brand_known: bool,
    problems: &mut Vec<Rejection>,
) -> Vec<&'a Account> {
    let mut found: Vec<&Account> = Vec::new();
    for (place, id) in draft.accounts.iter().enumerate() {
        match accounts.iter().find(|account| account.id == *id) {
            Some(account) => found.push(account),
            None => problems.push(missing(
                &format!("accounts[{place}]"),
                json!(id),
                "There is no such account on this brand.",
                "List the brand's accounts with GET /v1/brands/{slug}/accounts.",
            )),
        }
    }
    for (place, name) in draft.platforms.iter().enumerate() {
        let of_platform = accounts.iter().filter(|account| account.platform == *name);
        let wanted = app_wanted(draft, name);
        let before = found.len();
        for account in of_platform.filter(|a| wanted.is_none_or(|app| a.app == app)) {
            if !found.iter().any(|known| known.id == account.id) {
                found.push(account);
            }
        }
        let has_any = found.len() > before || found.iter().any(|a| a.platform == *name);
        if is_brand_known && !has_any {
            problems.push(missing(
                &format!("platforms[{place}]"),
                json!(name),
                &format!("No account on {name} is connected to this brand."),
                "Connect one with POST /v1/oauth/{platform}/authorize, or leave it out.",
            ));
        }
    }
    for account in &found {
        if let Some(reason) = account.needs_reconnect() {
            problems.push(Rejection {
                kind: RejectionType::PlatformAuthError,
                rule: Rule::Conflict,
                platform: Some(account.platform.clone()),
                field: "accounts".to_owned(),
                message: format!("{} has to be connected again: {reason}.", account.handle),
                limit: json!("connected"),
                actual: json!(account.status.as_str()),
                resolution: "Reconnect the account, then post again.".to_owned(),
            });
        }
    }
    found
}

/// The registration that a platform's options ask for, where it has several.
fn app_wanted<'a>(draft: &'a Draft, platform: &str) -> Option<&'a str> {
    draft.options.get(platform)?.get("app")?.as_str()
}

fn missing(field: &str, actual: Value, message: &str, resolution: &str) -> Rejection {
    Rejection {
        kind: RejectionType::ValidationError,
        rule: Rule::NotFound,
        platform: None,
        field: field.to_owned(),
        message: message.to_owned(),
        limit: Value::Null,
        actual,
        resolution: resolution.to_owned(),
    }
}

#[cfg(test)]
mod tests;

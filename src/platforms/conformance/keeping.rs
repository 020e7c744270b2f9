//! Every grant is kept alive for as long as its platform lets it be, in virtual time.

use super::{connected, speaking, ways};
use crate::grant::Grant;
use crate::port::Reply;
use crate::rig::Rig;
use domain::id::AccountId;
use domain::renewal::{AHEAD, Rule, next_renewal};
use domain::time::Timestamp;
use http::{HeaderMap, StatusCode};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);
/// Half a year, or for a token of hours a few dozen of them.
const KEPT_FOR: Duration = Duration::from_secs(180 * 86_400);
const RENEWALS: usize = 40;

fn can_renew(rig: &Rig) -> bool {
    let grant = rig.grant.as_ref().expect("an account is connected");
    rig.adapter.auth().refresh(&rig.app, grant).is_some()
}

/// How much of a grant was left, and how old it was, at each of its renewals.
fn keep(rig: &mut Rig, account: AccountId) -> Vec<(Duration, Duration)> {
    let rule = rig.adapter.auth().profile(&rig.app.name).renewal;
    let (begun, mut granted_at) = (rig.now, rig.now);
    let mut seen = Vec::new();
    while seen.len() < RENEWALS && rig.now < begun + KEPT_FOR {
        let ends = rig.grant.as_ref().map(|grant| grant.expires_at).expect("a grant");
        let at = next_renewal(rule, granted_at, ends, account);
        seen.push((ends.since(at), at.since(granted_at)));
        rig.now = at;
        if let Err(failure) = rig.refresh() {
            panic!("{}, after {}: {failure:?}", rig.platform.name(), seen.len());
        }
        granted_at = rig.now;
    }
    seen
}

// case: K-kept
#[test]
fn no_renewal_is_early_or_late_and_every_grant_lives_on() {
    let mut kept = 0;
    for way in ways() {
        let mut rig = connected(&way);
        if !can_renew(&rig) {
            continue;
        }
        kept += 1;
        let rule = rig.adapter.auth().profile(way.1).renewal;
        let account: AccountId = format!("acc_{kept:032x}").parse().unwrap();
        for (left, age) in keep(&mut rig, account) {
            let of = format!("{}, {}: {left:?} left, {age:?} old", way.0.name(), way.1);
            assert!(left >= AHEAD, "done by nine minutes before: {of}");
            match rule {
                Rule::Late => assert!(left < MINUTE * 11, "not at eleven minutes: {of}"),
                Rule::After(after) => {
                    assert_eq!(after, DAY * 7, "{of}");
                    assert!(age >= DAY * 7 && age < DAY * 7 + DAY / 4, "weekly: {of}");
                }
                Rule::Ahead(ahead) => {
                    assert!(left <= ahead && left > ahead - DAY / 4, "a week ahead: {of}");
                }
            }
        }
    }
    // X twice, LinkedIn's two apps, Instagram Login, Threads, YouTube twice.
    assert!(kept >= 6, "{kept}");
}

// case: K-answer
#[test]
fn what_a_renewal_leaves_out_is_kept_and_an_empty_token_is_no_grant() {
    let at = Timestamp::from_seconds(1_000_000);
    let reply = |body: &str| Reply {
        status: StatusCode::OK,
        headers: HeaderMap::new(),
        body: body.into(),
        at,
    };
    let old = Grant {
        access_token: "old".into(),
        refresh_token: Some("kept".into()),
        expires_at: Timestamp::from_seconds(5),
        scopes: None,
    };
    for (platform, adapter) in speaking().filter(|(platform, _)| platform.name() != "toy") {
        let read = |body: &str| adapter.auth().read_grant(&reply(body), Some(&old));
        for body in [r#"{"access_token":"new"}"#, r#"{"access_token":"new","refresh_token":""}"#] {
            let Ok(grant) = read(body) else { panic!("{}: {body}", platform.name()) };
            assert_eq!(grant.access_token.expose(), "new");
            let life = grant.expires_at.since(at);
            let documented = [7_200, 3_599, 60 * 86_400].map(Duration::from_secs);
            assert!(documented.contains(&life), "{}: {life:?}", platform.name());
            // Meta has no refresh tokens: an access token renews itself.
            let kept = grant.refresh_token.as_ref().map(|token| token.expose());
            let has_none = life == Duration::from_secs(60 * 86_400) && kept.is_none();
            assert!(kept == Some("kept") || has_none, "{}", platform.name());
        }
        assert!(read(r#"{"access_token":""}"#).is_err(), "{}", platform.name());
        assert!(read("<html>").is_err(), "{}", platform.name());
    }
}

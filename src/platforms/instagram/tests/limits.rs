//! The limits of an account: asked for, told, and waited for.

use super::{connected, count, image, limit, refused};
use crate::instagram::Instagram;
use crate::port::{Adapter, Checkpoint, Publish, Reply, Step};
use crate::rig::Rig;
use crate::sim::Control;
use domain::content::Content;
use domain::failure::{Failure, Scope};
use domain::limit::Told;
use serde_json::json;
use std::time::Duration;

/// The endpoint of the call that is due.
fn due(rig: &Rig, at: &Checkpoint, content: &Content) -> &'static str {
    match rig.next(at, content) {
        Step::Call(call) => call.endpoint,
        step => panic!("{step:?}"),
    }
}

// case: IG-quota
#[test]
fn the_quota_is_asked_for_before_anything_is_made() {
    let mut rig = connected("acme");
    limit(&mut rig, json!({ "postsPerDay": 1 }));
    let content = image(&mut rig, "one");
    rig.publish(&content).unwrap();
    let made = count(&rig, "media.create");
    let failure = rig.publish(&content).unwrap_err();
    let Failure::RateLimit { scope: Scope::Account, retry_at, .. } = failure else {
        panic!("{failure:?}");
    };
    assert_eq!(retry_at.since(rig.now), Duration::from_secs(3_600));
    assert_eq!(count(&rig, "media.create"), made, "nothing was made in vain");
    rig.wait(86_400);
    rig.publish(&content).unwrap();
}

// case: IG-quota
#[test]
fn a_quota_that_is_reached_meanwhile_is_waited_for_with_the_same_container() {
    let mut rig = connected("acme");
    let content = image(&mut rig, "one");
    let at = rig.until("media.publish", &content);
    limit(&mut rig, json!({ "postsPerDay": 0 }));
    let (at, why) = rig.step(&at, &content).unwrap_err();
    assert!(matches!(why, Failure::RateLimit { scope: Scope::Account, .. }), "{why:?}");
    let published = count(&rig, "media.publish");
    rig.wait(3_600);
    let (at, why) = rig.step(&at, &content).unwrap_err();
    assert!(matches!(why, Failure::RateLimit { .. }), "{why:?}");
    assert_eq!(count(&rig, "media.publish"), published, "it asks before it tries again");
    limit(&mut rig, json!({ "postsPerDay": 100 }));
    let made = count(&rig, "media.create");
    rig.publish_from(at, &content).unwrap();
    assert_eq!(count(&rig, "media.create"), made);
    assert_eq!(rig.sim.accepted().len(), 1);
}

#[test]
fn an_answer_about_the_quota_that_is_not_to_be_had_holds_nothing_up() {
    let mut rig = connected("acme");
    let content = image(&mut rig, "one");
    let at = rig.start(&content);
    for no in [(2, 0), (100, 0), (24, 2_207_006)] {
        let after = refused(&rig, &at, &content, no);
        assert_eq!(due(&rig, &after, &content), "media.create", "{no:?}");
    }
    for no in [(190, 463), (4, 0), (101, 0)] {
        assert_eq!(refused(&rig, &at, &content, no), at, "{no:?}");
    }
    let why = Failure::Transient { detail: "no reply".into() };
    let after = Instagram.recover(&at, &why, &rig.view(&content));
    assert_eq!(due(&rig, &after, &content), "media.create");
}

// case: IG-usage
#[test]
fn new_containers_rest_before_the_platform_says_no() {
    let told = |limits| -> Vec<Told> {
        let mut rig = connected("acme");
        limit(&mut rig, limits);
        let content = image(&mut rig, "one");
        let at = rig.until("media.status", &content);
        let Step::Call(call) = rig.next(&at, &content) else { panic!("a call is due") };
        let reply: Reply = rig.carry(&call);
        Instagram.told(call.endpoint, &reply)
    };
    assert_eq!(told(json!({})), []);
    let [own] = told(json!({ "accountUsagePercent": 85 }))[..] else { panic!("one window") };
    assert_eq!((own.endpoint, own.scope, own.remaining), ("media.create", Scope::Account, 0));
    let [app] = told(json!({ "appUsagePercent": 99 }))[..] else { panic!("one window") };
    assert_eq!((app.endpoint, app.scope, app.remaining), ("media.create", Scope::App, 0));
    let windows = Instagram.limits();
    let is_ours = |told: &Told| {
        windows.iter().any(|limit| (limit.scope, limit.window) == (told.scope, told.window))
    };
    assert!(is_ours(&own) && is_ours(&app));
}

#[test]
fn a_limit_opens_after_the_minutes_of_the_header() {
    let mut rig = connected("acme");
    let content = image(&mut rig, "one");
    for (route, scope) in [(None, Scope::App), (Some("media.create"), Scope::Account)] {
        let account = Some("acme".to_owned());
        let route = route.map(str::to_owned);
        rig.sim.control(&Control::Limit { account, route, reset_in_s: 90 }, rig.now);
        let failure = rig.publish(&content).unwrap_err();
        let Failure::RateLimit { scope: whose, retry_at, .. } = failure else {
            panic!("{failure:?}");
        };
        assert_eq!((whose, retry_at.since(rig.now)), (scope, Duration::from_secs(120)));
        rig.now = retry_at;
        rig.publish(&content).unwrap();
    }
}

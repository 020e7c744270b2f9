//! Consent, tokens and profiles, by both logins.

use super::{connected, image, limit};
use crate::instagram::Instagram;
use crate::instagram::auth::INSTAGRAM_LOGIN;
use crate::meta;
use crate::port::{Auth, Identifying, Reply};
use crate::rig::Rig;
use domain::failure::{Failure, Scope};
use domain::renewal::Rule;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;

const DAY: u64 = 86_400;

fn reply(rig: &Rig, body: &Value) -> Reply {
    let body = body.to_string().into_bytes();
    Reply { status: StatusCode::OK, headers: HeaderMap::new(), body, at: rig.now }
}

#[test]
fn instagram_login_keeps_a_token_of_sixty_days() {
    let rig = connected("acme");
    assert_eq!(rig.calls, ["oauth.token", "oauth.lengthen", "me"]);
    assert_eq!(rig.facts.handle, "@acme");
    let left = rig.grant.as_ref().unwrap().expires_at.since(rig.now);
    assert_eq!(left, Duration::from_secs(60 * DAY));
}

#[test]
fn facebook_login_keeps_the_token_of_the_page() {
    let rig = Rig::connected(&Instagram, "default", "acme");
    assert_eq!(rig.calls, ["oauth.token", "oauth.lengthen", "me.accounts"]);
    let grant = rig.grant.as_ref().unwrap();
    assert_eq!(grant.expires_at.since(rig.now), Duration::from_secs(90 * DAY));
    assert!(Instagram.refresh(&rig.app, grant).is_none(), "only a new consent renews it");
}

#[test]
fn a_personal_account_is_refused_with_what_to_do() {
    for app in Instagram.apps() {
        let refused = Rig::new(&Instagram, app).connect("personal-acme").err();
        let Some(Failure::Auth { revoked: true, detail }) = refused else {
            panic!("{app}: {refused:?}");
        };
        assert!(detail.contains("personal account") && detail.contains("Switch"), "{detail}");
    }
}

#[test]
fn a_creator_can_be_connected() {
    assert_eq!(connected("creator-acme").facts.kind, "business");
}

#[test]
fn every_page_with_an_account_is_an_identity_with_its_own_token() {
    let rig = Rig::connected(&Instagram, "default", "acme");
    let page = |n: u64| {
        json!({
            "id": n.to_string(), "name": "A Page", "access_token": format!("page-{n}"),
            "instagram_business_account": { "id": (17_841_400_000_000_000 + n).to_string(),
                "username": format!("acme{n}") },
        })
    };
    let long = reply(&rig, &json!({ "access_token": "long", "expires_in": 60 * DAY }));
    let first = reply(
        &rig,
        &json!({
            "data": [page(1), { "id": "9", "name": "without" }],
            "paging": { "cursors": { "after": "c1" }, "next": "https://graph.facebook.com/next" },
        }),
    );
    let last = reply(&rig, &json!({ "data": [page(2)] }));
    let grant = rig.grant.clone().unwrap();
    let replies = [long, first, last];
    let Identifying::Ask { call, .. } = Instagram.identify(&rig.app, &grant, &replies[..2]) else {
        panic!("there is another page");
    };
    assert!(call.request.uri().query().unwrap().contains("after=c1"));
    let Identifying::Done(found) = Instagram.identify(&rig.app, &grant, &replies) else {
        panic!("they are all known");
    };
    let found: Vec<_> =
        found.iter().map(|i| (&*i.facts.handle, i.grant.access_token.expose())).collect();
    assert_eq!(found, [("@acme1", "page-1"), ("@acme2", "page-2")]);
}

#[test]
fn a_code_works_once_for_an_hour_with_our_secret() {
    for app in Instagram.apps() {
        let mut rig = Rig::new(&Instagram, app);
        let code = rig.consent("acme");
        assert!(rig.redeem(&format!("{code}#_")).is_ok(), "{app}");
        let spent = rig.redeem(&code).err();
        assert!(matches!(spent, Some(Failure::Auth { revoked: true, .. })), "{app}: {spent:?}");
        let code = rig.consent("acme");
        rig.wait(3_601);
        assert!(rig.redeem(&code).is_err(), "{app}");
        let code = rig.consent("acme");
        rig.app.client_secret = "another".into();
        assert!(rig.redeem(&code).is_err(), "{app}");
    }
}

#[test]
fn a_refresh_gives_sixty_more_days_to_a_token_that_is_a_day_old() {
    let mut rig = connected("acme");
    let early = rig.refresh().unwrap_err();
    assert!(matches!(early, Failure::Transient { .. }), "{early:?}");
    rig.wait(7 * DAY);
    rig.refresh().unwrap();
    let left = rig.grant.as_ref().unwrap().expires_at.since(rig.now);
    assert_eq!(left, Duration::from_secs(60 * DAY));
    let content = image(&mut rig, "Hello");
    rig.publish(&content).unwrap();
    rig.wait(60 * DAY);
    let late = rig.refresh().unwrap_err();
    assert!(matches!(late, Failure::Auth { revoked: true, .. }), "{late:?}");
}

#[test]
fn a_token_is_renewed_from_its_seventh_day_on() {
    let profile = Instagram.profile(INSTAGRAM_LOGIN);
    assert_eq!(profile.renewal, Rule::After(Duration::from_secs(7 * DAY)));
    assert!(!profile.uses_pkce && !Instagram.profile("default").uses_pkce);
}

#[test]
fn the_life_of_a_token_can_be_shortened() {
    let mut rig = Rig::new(&Instagram, INSTAGRAM_LOGIN);
    limit(&mut rig, json!({ "tokenLifeS": 60, "refreshAgeS": 10 }));
    let identity = rig.connect("acme").unwrap_or_default().remove(0);
    (rig.facts, rig.grant) = (identity.facts, Some(identity.grant));
    rig.wait(11);
    rig.refresh().unwrap();
    rig.wait(60);
    let content = image(&mut rig, "Hello");
    assert!(matches!(rig.publish(&content), Err(Failure::Auth { revoked: true, .. })));
}

#[test]
fn the_two_ways_have_hosts_and_tokens_of_their_own() {
    let mut rig = connected("acme");
    rig.app.name = "default".into();
    let content = image(&mut rig, "Hello");
    let failure = rig.publish(&content).unwrap_err();
    assert!(matches!(failure, Failure::Auth { .. }), "{failure:?}");
    let url = "https://graph.facebook.com/refresh_access_token";
    let token = rig.grant.as_ref().unwrap().access_token.clone();
    let pairs = [("grant_type", "ig_refresh_token"), ("access_token", token.expose())];
    let reply = rig.carry_ready(&meta::get("oauth.refresh", url, &pairs));
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
}

#[test]
fn a_wrong_registration_is_for_the_operator() {
    let mut rig = Rig::new(&Instagram, "default");
    rig.app.client_id = String::new();
    let call = Instagram.exchange(&rig.app, "code", None);
    let reply = rig.carry_ready(&call);
    let failure = Instagram.read_grant(&reply, None).err();
    assert!(matches!(failure, Some(Failure::Operator { scope: Scope::App, .. })), "{failure:?}");
}

#[test]
fn a_short_token_without_a_life_lives_an_hour() {
    let rig = connected("acme");
    let flat = reply(&rig, &json!({ "access_token": "a", "user_id": 17_841_u64 }));
    let Ok(grant) = Instagram.read_grant(&flat, None) else {
        panic!("it is a grant");
    };
    assert_eq!(grant.expires_at, rig.now + Duration::from_secs(3_600));
    let lost = Reply { status: StatusCode::BAD_GATEWAY, ..flat };
    let failure = Instagram.read_grant(&lost, None).err();
    assert!(matches!(failure, Some(Failure::Unknown { .. })), "a code works once: {failure:?}");
    let failure = Instagram.read_grant(&lost, rig.grant.as_ref()).err();
    assert!(matches!(failure, Some(Failure::Transient { .. })), "{failure:?}");
}

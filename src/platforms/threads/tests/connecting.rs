//! Codes, tokens of an hour and of sixty days, and what ends them.

use super::{calls, connected, limit};
use crate::port::{Auth, Step};
use crate::rig::{Rig, post};
use crate::sim::Control;
use crate::threads::{Threads, auth};
use domain::failure::{Failure, Scope};
use domain::renewal::Rule;
use http::StatusCode;
use serde_json::json;
use std::time::Duration;

const DAY: u64 = 86_400;

#[test]
fn the_grant_that_is_kept_is_the_one_of_sixty_days() {
    let mut rig = Rig::new(&Threads, "default");
    let identities = rig.connect("acme").ok().unwrap();
    assert_eq!(rig.calls, ["oauth.token", "oauth.lengthen", "me"]);
    assert_eq!(identities.len(), 1);
    let identity = &identities[0];
    assert_eq!(identity.facts.handle, "@acme");
    assert_eq!(identity.facts.kind, "standard");
    assert_eq!(identity.grant.expires_at, rig.now + Duration::from_secs(60 * DAY));
    assert!(identity.grant.refresh_token.is_none());
}

#[test]
fn a_code_works_once_for_an_hour() {
    let mut rig = Rig::new(&Threads, "default");
    let code = rig.consent("acme");
    assert!(rig.redeem(&format!("{code}#_")).is_ok());
    let refused = rig.redeem(&code).err();
    assert!(matches!(refused, Some(Failure::Auth { revoked: true, .. })), "{refused:?}");
    let code = rig.consent("acme");
    rig.wait(3_601);
    assert!(rig.redeem(&code).is_err());
    let code = rig.consent("acme");
    rig.app.redirect_uri = "https://other.example/".into();
    assert!(rig.redeem(&code).is_err());
    rig.app.client_secret = "wrong".into();
    let refused = rig.redeem(&code).err();
    assert!(matches!(refused, Some(Failure::Operator { scope: Scope::App, .. })), "{refused:?}");
}

#[test]
fn a_token_is_renewed_from_its_second_day_to_its_last() {
    let mut rig = connected("acme");
    let young = rig.refresh().unwrap_err();
    assert!(matches!(young, Failure::Transient { .. }), "{young:?}");
    assert_eq!(rig.carry(&auth::whoami()).status, StatusCode::OK, "nothing is wrong with it");
    for _ in 0..3 {
        rig.wait(50 * DAY);
        rig.refresh().unwrap();
    }
    rig.publish(&post("still here")).unwrap();
    rig.wait(60 * DAY);
    let over = rig.refresh().unwrap_err();
    assert!(matches!(over, Failure::Auth { revoked: true, .. }), "{over:?}");
    assert!(matches!(rig.publish(&post("late")), Err(Failure::Auth { revoked: true, .. })));
}

#[test]
fn a_refresh_comes_weekly() {
    let profile = Threads.profile("default");
    assert_eq!(profile.renewal, Rule::After(Duration::from_secs(7 * DAY)));
    assert!(!profile.uses_pkce && !profile.rotates_refresh_token);
}

#[test]
fn a_token_never_stands_in_an_address_of_a_write() {
    let mut rig = connected("acme");
    let content = post("Hello");
    let at = rig.until("threads.publish", &content);
    let Step::Call(mut call) = rig.next(&at, &content) else {
        panic!("a call is due");
    };
    Threads.sign(&mut call.request, rig.grant.as_ref().unwrap());
    assert_eq!(call.request.uri().query(), None);
    let body = String::from_utf8(rig.inbound(&call.request).body).unwrap();
    assert!(body.starts_with("creation_id=179") && body.contains("&access_token="), "{body}");
}

#[test]
fn controls_do_what_they_say() {
    let mut rig = connected("acme");
    limit(&mut rig, json!({ "refreshAgeS": 0 }));
    rig.sim.control(&Control::UnauthorizedAll { s: 60 }, rig.now);
    assert!(matches!(rig.publish(&post("one")), Err(Failure::Auth { .. })));
    rig.wait(60);
    rig.publish(&post("one")).unwrap();
    let account = Some("@acme".to_owned());
    rig.sim.control(&Control::ExpireToken { account: account.clone() }, rig.now);
    assert!(matches!(rig.publish(&post("two")), Err(Failure::Auth { .. })));
    assert!(rig.refresh().is_err(), "an expired token is not renewed");
    let identity = rig.connect("acme").ok().unwrap().remove(0);
    rig.grant = Some(identity.grant);
    rig.refresh().unwrap();
    rig.publish(&post("two")).unwrap();
    rig.sim.control(&Control::Revoke { account }, rig.now);
    let revoked = rig.refresh().unwrap_err();
    assert!(matches!(revoked, Failure::Auth { revoked: true, .. }), "{revoked:?}");
    assert!(!rig.sim.control(&Control::Limits { limits: json!({ "speed": 1 }) }, rig.now));
}

#[test]
fn a_limit_is_told_in_minutes_for_the_route_or_for_all() {
    let mut rig = connected("acme");
    let account = Some(rig.facts.remote_id.clone());
    let route = Some("threads.publish".to_owned());
    let held = Control::Limit { account: account.clone(), route, reset_in_s: 61 };
    rig.sim.control(&held, rig.now);
    let failure = rig.publish(&post("one")).unwrap_err();
    let Failure::RateLimit { scope: Scope::Account, retry_at, .. } = failure else {
        panic!("{failure:?}");
    };
    assert_eq!(retry_at, rig.now + Duration::from_secs(120));
    assert_eq!(calls(&rig, "threads.create"), 1);
    rig.now = retry_at;
    rig.publish(&post("one")).unwrap();
    let held = Control::Limit { account, route: None, reset_in_s: 30 };
    rig.sim.control(&held, rig.now);
    let failure = rig.publish(&post("two")).unwrap_err();
    assert!(matches!(failure, Failure::RateLimit { scope: Scope::App, .. }), "{failure:?}");
    rig.wait(30);
    rig.publish(&post("two")).unwrap();
}

//! Consent, grants, and whom they belong to.

use super::{calls, limit, page, person};
use crate::grant::Grant;
use crate::linkedin::LinkedIn;
use crate::linkedin::auth::whoami;
use crate::port::{App, Auth, Identifying, Reply};
use crate::rig::{Rig, post};
use crate::sim::Control;
use domain::failure::{Failure, Scope};
use domain::time::Timestamp;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;

pub(super) fn reply(status: u16, body: &Value) -> Reply {
    Reply {
        status: StatusCode::from_u16(status).unwrap(),
        headers: HeaderMap::new(),
        body: body.to_string().into_bytes(),
        at: Timestamp::from_seconds(1_000),
    }
}

fn app(name: &str) -> App {
    Rig::new(&LinkedIn, name).app
}

fn grant() -> Grant {
    let expires_at = Timestamp::from_seconds(5);
    Grant { access_token: "canary".into(), refresh_token: None, expires_at, scopes: None }
}

fn acl(organization: &str, role: &str, state: &str) -> Value {
    json!({ "organization": organization, "role": role, "state": state })
}

#[test]
fn a_person_and_a_page_may_share_a_handle() {
    let mut rig = person("acme");
    assert_eq!((rig.facts.kind.as_str(), rig.facts.handle.as_str()), ("personal", "acme"));
    assert!(rig.facts.remote_id.starts_with("urn:li:person:"));
    assert_eq!(rig.calls, ["oauth.token", "userinfo"]);
    rig.app = app("organization");
    let Ok(pages) = rig.connect("acme") else { panic!("the page can be connected too") };
    let facts = &pages[0].facts;
    assert_eq!((facts.kind.as_str(), facts.handle.as_str()), ("organization", "acme"));
    assert!(facts.remote_id.starts_with("urn:li:organization:"));
    assert_eq!(rig.calls[2..], ["oauth.token", "organizationAcls", "organizations.get"]);
    let accounts = rig.sim.accounts();
    let ids: Vec<_> = accounts.as_array().unwrap().iter().map(|one| &one["id"]).collect();
    assert_eq!(ids, [rig.facts.remote_id.as_str(), facts.remote_id.as_str()]);
}

#[test]
fn every_organization_that_the_member_may_post_for_is_offered_once() {
    let roles = reply(
        200,
        &json!({ "elements": [
        acl("urn:li:organization:1", "ADMINISTRATOR", "APPROVED"),
        acl("urn:li:organization:2", "ANALYST", "APPROVED"),
        acl("urn:li:organization:3", "CONTENT_ADMINISTRATOR", "APPROVED"),
        acl("urn:li:organization:1", "CONTENT_ADMIN", "APPROVED"),
        acl("urn:li:organization:4", "ADMINISTRATOR", "REQUESTED"),
    ] }),
    );
    let named = reply(200, &json!({ "id": 1, "localizedName": "Acme  Inc" }));
    let hidden = reply(404, &json!({ "status": 404 }));
    let known = LinkedIn.identify(&app("organization"), &grant(), &[roles, named, hidden]);
    let Identifying::Done(identities) = known else { panic!("both are known") };
    let told: Vec<_> =
        identities.iter().map(|one| [&one.facts.remote_id, &one.facts.handle]).collect();
    let first = ["urn:li:organization:1", "Acme-Inc"];
    assert_eq!(told, [first, ["urn:li:organization:3", "organization-3"]]);
}

#[test]
fn names_are_asked_for_only_so_often() {
    let elements: Vec<Value> = (0..30)
        .map(|n| acl(&format!("urn:li:organization:{n}"), "ADMINISTRATOR", "APPROVED"))
        .collect();
    let mut replies = vec![reply(200, &json!({ "elements": elements }))];
    while let Identifying::Ask { call, .. } =
        LinkedIn.identify(&app("organization"), &grant(), &replies)
    {
        assert_eq!(call.endpoint, "organizations.get");
        assert!(!format!("{:?}", call.request).contains("canary"));
        replies.push(reply(200, &json!({ "vanityName": "acme" })));
    }
    assert_eq!(replies.len(), 11);
    let known = LinkedIn.identify(&app("organization"), &grant(), &replies);
    assert!(matches!(known, Identifying::Done(all) if all.len() == 30));
}

#[test]
fn who_looks_after_no_page_is_told_so() {
    let roles = reply(200, &json!({ "elements": [] }));
    let known = LinkedIn.identify(&app("organization"), &grant(), &[roles]);
    let Identifying::Refused(Failure::Auth { revoked: true, detail }) = known else {
        panic!("there is nothing to connect");
    };
    assert_eq!(detail, "this member may not post for any organization");
}

#[test]
fn a_fresh_token_is_given_some_seconds() {
    for name in ["personal", "organization"] {
        let mut rig = Rig::new(&LinkedIn, name);
        limit(&mut rig, json!({ "freshTokenGraceMs": 5_000 }));
        let started = rig.now;
        assert!(rig.connect("acme").is_ok());
        assert_eq!(rig.now.since(started), Duration::from_secs(6));

        limit(&mut rig, json!({ "freshTokenGraceMs": 60_000 }));
        let started = rig.now;
        let refused = rig.connect("acme").err();
        assert!(matches!(refused, Some(Failure::Auth { revoked: false, .. })), "{refused:?}");
        assert_eq!(rig.now.since(started), Duration::from_secs(8));
    }
}

// case: L-fresh
#[test]
fn a_token_that_was_just_renewed_is_not_taken_for_a_revoked_one() {
    let mut rig = page("acme");
    limit(&mut rig, json!({ "freshTokenGraceMs": 5_000 }));
    rig.refresh().unwrap();
    let refused = rig.publish(&post("one")).unwrap_err();
    // The account rests, and is not disconnected.
    assert!(matches!(refused, Failure::Auth { revoked: false, .. }), "{refused:?}");
    rig.wait(5);
    rig.publish(&post("one")).unwrap();
}

#[test]
fn a_refresh_token_keeps_its_year() {
    let mut rig = person("acme");
    let first = rig.grant.clone().unwrap();
    assert_eq!(first.expires_at, rig.now + Duration::from_secs(60 * 86_400));
    for _ in 0..6 {
        rig.wait(60 * 86_400 + 1);
        assert_eq!(rig.carry(&whoami()).status, StatusCode::UNAUTHORIZED);
        rig.refresh().unwrap();
        let renewed = rig.grant.clone().unwrap();
        assert!(renewed.refresh_token == first.refresh_token && renewed != first);
        assert_eq!(rig.carry(&whoami()).status, StatusCode::OK);
    }
    rig.wait(6 * 86_400);
    let refused = rig.refresh().unwrap_err();
    assert!(matches!(refused, Failure::Auth { revoked: true, .. }), "{refused:?}");
}

#[test]
fn an_app_without_refresh_tokens_needs_its_owner() {
    let mut rig = Rig::new(&LinkedIn, "personal");
    limit(&mut rig, json!({ "givesRefreshTokens": false, "tokenLifeS": 10 }));
    let Ok(mut identities) = rig.connect("acme") else { panic!("it can be connected") };
    let grant = identities.remove(0).grant;
    assert!(grant.refresh_token.is_none() && grant.expires_at == rig.now + Duration::from_secs(10));
    assert!(LinkedIn.refresh(&rig.app, &grant).is_none());
}

#[test]
fn an_empty_refresh_token_keeps_the_stored_one_and_the_life_has_a_default() {
    let previous = Grant { refresh_token: Some("kept".into()), ..grant() };
    let body = json!({ "access_token": "new", "refresh_token": "" });
    let Ok(renewed) = LinkedIn.read_grant(&reply(200, &body), Some(&previous)) else {
        panic!("this is a grant");
    };
    assert!(renewed.refresh_token == Some("kept".into()));
    assert_eq!(renewed.expires_at, Timestamp::from_seconds(1_000 + 60 * 86_400));
    // A refresh may be asked for again, a code may not.
    let outage = reply(503, &Value::Null);
    let refreshed = LinkedIn.read_grant(&outage, Some(&previous)).err();
    assert!(matches!(refreshed, Some(Failure::Transient { .. })), "{refreshed:?}");
    let exchanged = LinkedIn.read_grant(&outage, None).err();
    assert!(matches!(exchanged, Some(Failure::Unknown { .. })), "{exchanged:?}");
}

#[test]
fn a_code_works_once_for_half_an_hour_and_without_a_verifier() {
    let mut rig = Rig::new(&LinkedIn, "personal");
    let code = rig.consent("acme");
    assert!(rig.redeem(&code).is_ok());
    let again = rig.redeem(&code).err();
    assert!(matches!(again, Some(Failure::Auth { revoked: true, .. })), "{again:?}");
    let code = rig.consent("acme");
    rig.wait(1_801);
    assert!(rig.redeem(&code).is_err());

    let code = rig.consent("acme");
    let mut call = LinkedIn.exchange(&rig.app, &code, Some("never-sent"));
    let sent = rig.inbound(&call.request).body;
    assert!(!String::from_utf8(sent.clone()).unwrap().contains("verifier"));
    let spoilt = [sent, b"&code_verifier=v".to_vec()].concat();
    *call.request.body_mut() = crate::port::Body::inline(spoilt);
    let refused = LinkedIn.read_grant(&rig.carry_ready(&call), None).err();
    let scope = Scope::App;
    assert!(matches!(&refused, Some(Failure::Operator { scope: s, .. }) if *s == scope));

    rig.app.client_secret = "wrong".into();
    let refused = rig.redeem(&code).err();
    assert!(matches!(&refused, Some(Failure::Operator { scope: s, .. }) if *s == scope));
}

#[test]
fn controls_over_grants_do_what_they_say() {
    let mut rig = page("acme");
    let now = rig.now;
    assert!(rig.sim.control(&Control::UnauthorizedAll { s: 60 }, now));
    let refused = rig.publish(&post("one")).unwrap_err();
    assert!(matches!(refused, Failure::Auth { revoked: false, .. }), "{refused:?}");
    rig.wait(60);
    let account = Some("acme".to_owned());
    let now = rig.now;
    assert!(rig.sim.control(&Control::ExpireToken { account: account.clone() }, now));
    let refused = rig.publish(&post("one")).unwrap_err();
    assert!(matches!(refused, Failure::Auth { revoked: false, .. }), "{refused:?}");
    rig.refresh().unwrap();
    rig.publish(&post("one")).unwrap();
    assert!(rig.sim.control(&Control::Revoke { account }, now));
    let refused = rig.publish(&post("two")).unwrap_err();
    assert!(matches!(refused, Failure::Auth { revoked: false, .. }), "{refused:?}");
    let refused = rig.refresh().unwrap_err();
    assert!(matches!(refused, Failure::Auth { revoked: true, .. }), "{refused:?}");
    assert_eq!(calls(&rig, "posts.create"), 4);
}

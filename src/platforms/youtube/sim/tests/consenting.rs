//! How strict the simulated Google is about consents and tokens.

use super::{MANAGE, connected, consent, send};
use crate::port::Auth;
use crate::rig::{Rig, VERIFIER, form};
use crate::sim::http::field;
use crate::youtube::YouTube;
use http::StatusCode;
use http::header::LOCATION;
use serde_json::json;

#[test]
fn a_refresh_token_comes_only_offline_and_with_consent() {
    let mut rig = Rig::new(&YouTube, "default");
    let redeemed = |rig: &mut Rig, more: &[(&str, &str)]| {
        let scopes = ("scope", "https://www.googleapis.com/auth/youtube.upload");
        let query = consent(&[&[scopes, ("account", "acme")], more].concat());
        let (_, headers, _) = send(rig, ["POST", "/o/oauth2/v2/auth"], &[], query.as_bytes());
        let target = headers[LOCATION].to_str().unwrap().to_owned();
        let code = field(target.split_once('?').unwrap().1, "code").unwrap();
        let call = YouTube.exchange(&rig.app.clone(), &code, None);
        rig.carry_ready(&call).json()["refresh_token"].is_string()
    };
    assert!(!redeemed(&mut rig, &[]), "online");
    let offline = ("access_type", "offline");
    assert!(!redeemed(&mut rig, &[offline]), "the consent was given before");
    assert!(redeemed(&mut rig, &[offline, ("prompt", "consent")]));
}

#[test]
fn the_token_endpoint_knows_its_clients_and_their_addresses() {
    let mut rig = Rig::new(&YouTube, "default");
    let told = |rig: &mut Rig| {
        let code = rig.consent("acme");
        let reply = rig.carry_ready(&YouTube.exchange(&rig.app.clone(), &code, Some(VERIFIER)));
        (reply.status, reply.json()["error"].clone())
    };
    rig.app.client_secret = "wrong".into();
    assert_eq!(told(&mut rig), (StatusCode::UNAUTHORIZED, json!("invalid_client")));
    rig.app.client_secret = crate::sim::CLIENT_SECRET.into();
    let code = rig.consent("acme");
    rig.app.redirect_uri = "https://app.example/elsewhere".into();
    let reply = rig.carry_ready(&YouTube.exchange(&rig.app.clone(), &code, Some(VERIFIER)));
    assert_eq!(reply.json()["error"], "redirect_uri_mismatch");
    for query in [
        consent(&[("scope", "https://www.googleapis.com/auth/drive")]),
        consent(&[("scope", MANAGE), ("access_type", "sometimes")]),
        consent(&[("scope", MANAGE), ("prompt", "always")]),
        consent(&[]),
    ] {
        let path = format!("/o/oauth2/v2/auth?{query}");
        assert_eq!(send(&mut rig, ["GET", &path], &[], b"").0, 400, "{query}");
    }
}

#[test]
fn the_hundred_and_first_refresh_token_ends_the_first() {
    let mut rig = connected("acme");
    let first = rig.grant.clone();
    for _ in 0..99 {
        rig.connect("acme").ok().unwrap();
    }
    rig.refresh().unwrap();
    rig.grant = None;
    rig.connect("acme").ok().unwrap();
    rig.grant = first;
    rig.refresh().unwrap_err();
}

#[test]
fn a_revoked_token_ends_its_grant() {
    let mut rig = connected("acme");
    let token = rig.grant.clone().unwrap().refresh_token.unwrap();
    let body = form(&[("token", token.expose())]);
    assert_eq!(send(&mut rig, ["POST", "/revoke"], &[], body.as_bytes()).0, 200);
    let (status, _, told) = send(&mut rig, ["POST", "/revoke"], &[], body.as_bytes());
    assert_eq!((status, &told["error"]), (400, &json!("invalid_token")));
    rig.refresh().unwrap_err();
}

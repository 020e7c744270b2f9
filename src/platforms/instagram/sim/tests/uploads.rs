//! The host for uploads, and the versions that are spoken.

use super::{create, with_image};
use crate::instagram::Instagram;
use crate::instagram::tests::connected;
use crate::meta;
use crate::rig::{Rig, form};
use crate::sim::Inbound;
use domain::failure::Effect;
use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Value, json};

/// What the host for uploads answers: the status, and the type of its refusal.
fn upload(rig: &mut Rig, id: &str, headers: &[(&'static str, &str)], body: &[u8]) -> (u16, Value) {
    let mut map = HeaderMap::new();
    let token = format!("OAuth {}", rig.grant.as_ref().unwrap().access_token.expose());
    map.insert("authorization", HeaderValue::from_str(&token).unwrap());
    for (name, value) in headers {
        map.insert(*name, HeaderValue::from_str(value).unwrap());
    }
    let answered = rig.send(Inbound {
        base: "http://127.0.0.1:8090/instagram".into(),
        method: Method::POST,
        path: format!("/ig-api-upload/v25.0/{id}"),
        query: String::new(),
        headers: map,
        body: body.into(),
    });
    let told: Value = serde_json::from_slice(answered.response.body()).unwrap();
    (answered.response.status().as_u16(), told["debug_info"]["type"].clone())
}

#[test]
fn an_upload_is_taken_only_where_the_last_one_ended() {
    let mut rig = Rig::connected(&Instagram, "default", "acme");
    let url = "https://graph.facebook.com/v25.0";
    let user = rig.facts.remote_id.clone();
    let reel = [("media_type", "REELS"), ("upload_type", "resumable")];
    let call =
        meta::post("media.create", Effect::Repeatable, &format!("{url}/{user}/media"), &reel);
    let made = rig.carry(&call).json();
    let id = made["id"].as_str().unwrap().to_owned();
    let address = format!("http://127.0.0.1:8090/instagram/ig-api-upload/v25.0/{id}");
    assert_eq!(made["uri"], address);
    let at = |offset, size| [("offset", offset), ("file_size", size)];
    let told = |status: u16, kind: &str| (status, json!(kind));
    let film = [7; 10];
    let mut send =
        |headers: &[(&'static str, &str)], body: &[u8]| upload(&mut rig, &id, headers, body);
    let missing = told(400, "ParameterValidationError");
    assert_eq!(send(&[("file_size", "10")], &film), missing);
    assert_eq!(send(&[("offset", "0")], &film), missing);
    assert_eq!(send(&at("5", "10"), &film[5..]), told(412, "OffsetInvalidError"));
    assert_eq!(
        send(&at("0", "9"), &film),
        told(400, "ProcessingFailedError"),
        "more than was told"
    );
    assert_eq!(send(&at("0", "10"), &film[..4]), told(206, "PartialRequestError"));
    assert_eq!(send(&at("0", "10"), &film), told(412, "OffsetInvalidError"));
    assert_eq!(
        send(&at("4", "11"), &film[4..]),
        told(400, "ProcessingFailedError"),
        "another size"
    );
    let other = [("authorization", "Bearer a"), ("offset", "4"), ("file_size", "10")];
    assert_eq!(send(&other, &film[4..]), told(400, "NotAuthorizedError"));
    assert_eq!(send(&at("4", "10"), &film[4..]), (200, Value::Null));
    assert_eq!(send(&at("0", "10"), &film), told(412, "OffsetInvalidError"), "it is whole");
    rig.wait(1);
    let asked = [("fields", "status_code,video_status")];
    let shown = rig.carry(&meta::get("media.status", &format!("{url}/{id}"), &asked)).json();
    assert_eq!(shown["status_code"], "FINISHED");
    assert_eq!(shown["video_status"]["uploading_phase"]["bytes_transferred"], 10);
    assert_eq!(upload(&mut rig, &id, &at("10", "10"), &[]), told(400, "ProcessingFailedError"));
}

#[test]
fn only_under_facebook_login_a_film_is_sent() {
    let (mut rig, url) = with_image();
    let reel = [("media_type", "REELS"), ("upload_type", "resumable")];
    assert_eq!(create(&mut rig, &reel), [100, 0]);
    let both = [("image_url", url.as_str()), ("upload_type", "resumable")];
    assert_eq!(create(&mut rig, &both), [100, 0]);
}

#[test]
fn every_living_version_is_spoken_and_no_other() {
    let mut rig = connected("acme");
    let user = rig.facts.remote_id.clone();
    let token = rig.grant.as_ref().unwrap().access_token.clone();
    let mut answer = |version: &str| {
        let answered = rig.send(Inbound {
            base: "http://127.0.0.1:8090/instagram".into(),
            method: Method::GET,
            path: format!("/{version}/{user}/content_publishing_limit"),
            query: form(&[("access_token", token.expose())]),
            headers: HeaderMap::new(),
            body: Vec::new(),
        });
        let told: Value = serde_json::from_slice(answered.response.body()).unwrap();
        (answered.response.status().as_u16(), told["error"]["code"].as_i64().unwrap_or(0))
    };
    for version in ["v21.0", "v22.0", "v23.0", "v24.0", "v25.0", "v26.0"] {
        assert_eq!(answer(version), (200, 0), "{version}");
    }
    for (version, code) in [("v20.0", 2_635), ("v27.0", 2_500), ("v25.1", 2_500), ("25.0", 2_500)] {
        assert_eq!(answer(version), (400, code), "{version}");
    }
}

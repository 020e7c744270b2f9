//! How strict the simulated Instagram is.

mod uploads;

use super::super::tests::{connected, image, limit, with_files};
use crate::instagram::Instagram;
use crate::meta;
use crate::port::{Auth, Reply};
use crate::rig::{Rig, form};
use crate::sim::{Fetched, Inbound, Simulator};
use domain::content::MediaKind;
use domain::failure::Effect;
use http::header::LOCATION;
use http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};

/// Parameters of a call.
type Pairs<'a> = &'a [(&'a str, &'a str)];

const API: &str = "https://graph.instagram.com/v25.0";

/// Carries a signed call of this endpoint: a write where there are pairs for a form.
fn send(rig: &mut Rig, endpoint: &'static str, path: &str, pairs: &[(&str, &str)]) -> Reply {
    let user = rig.facts.remote_id.clone();
    let url = format!("{API}/{}", path.replace("{user}", &user));
    let is_write = ["media.create", "media.publish"].contains(&endpoint);
    let call = if is_write {
        meta::post(endpoint, Effect::Repeatable, &url, pairs)
    } else {
        meta::get(endpoint, &url, pairs)
    };
    rig.carry(&call)
}

/// Code and subcode of the refusal of a create.
fn create(rig: &mut Rig, pairs: &[(&str, &str)]) -> [i64; 2] {
    numbers(&send(rig, "media.create", "{user}/media", pairs))
}

/// The id of a new container.
fn made(rig: &mut Rig, pairs: &[(&str, &str)]) -> String {
    let reply = send(rig, "media.create", "{user}/media", pairs);
    reply.json()["id"].as_str().unwrap_or_else(|| panic!("{:?}", reply.json())).to_owned()
}

fn publish(rig: &mut Rig, id: &str) -> [i64; 2] {
    numbers(&send(rig, "media.publish", "{user}/media_publish", &[("creation_id", id)]))
}

fn status(rig: &mut Rig, id: &str) -> Value {
    send(rig, "media.status", id, &[("fields", "status_code,status")]).json()
}

/// Code and subcode of a refusal; zeros of a success.
fn numbers(reply: &Reply) -> [i64; 2] {
    let error = &reply.json()["error"];
    let is_told = error["message"].is_string() && error["fbtrace_id"].is_string();
    assert_eq!(is_told, !reply.status.is_success(), "{error}");
    [error["code"].as_i64().unwrap_or(0), error["error_subcode"].as_i64().unwrap_or(0)]
}

/// An account and the address of a file that can be fetched.
fn with_image() -> (Rig, String) {
    let mut rig = connected("acme");
    image(&mut rig, "");
    let url = rig.asset_urls[0].clone();
    (rig, url)
}

#[test]
fn a_container_is_taken_only_as_documented() {
    let (mut rig, url) = with_image();
    let url = url.as_str();
    let crowd = "#a ".repeat(31);
    let shout = "@a ".repeat(21);
    let long = "é".repeat(2_201);
    let refused: [(Pairs<'_>, [i64; 2]); 20] = [
        (&[], [100, 0]),
        (&[("image_url", url), ("colour", "red")], [100, 0]),
        (&[("image_url", url), ("image_url", url)], [100, 0]),
        (&[("image_url", "not a url")], [100, 0]),
        (&[("image_url", "https://example.com/ü.jpg")], [100, 0]),
        (&[("image_url", url), ("caption", &long)], [100, 2_207_010]),
        (&[("image_url", url), ("caption", &crowd)], [100, 2_207_040]),
        (&[("image_url", url), ("caption", &shout)], [100, 2_207_040]),
        (&[("image_url", url), ("media_type", "STORIES")], [100, 2_207_023]),
        (&[("video_url", url), ("media_type", "VIDEO")], [100, 2_207_023]),
        (&[("image_url", url), ("media_type", "REELS")], [100, 0]),
        (&[("image_url", url), ("share_to_feed", "true")], [100, 0]),
        (&[("image_url", url), ("is_carousel_item", "yes")], [100, 0]),
        (&[("image_url", url), ("is_carousel_item", "true"), ("caption", "a")], [100, 0]),
        (&[("video_url", url), ("media_type", "REELS"), ("thumb_offset", "x")], [100, 0]),
        (&[("image_url", url), ("collaborators", "a,b")], [100, 0]),
        (&[("image_url", url), ("collaborators", r#"["a","b","c","d"]"#)], [100, 0]),
        (&[("image_url", url), ("collaborators", r#"["no body"]"#)], [110, 2_207_018]),
        (&[("media_type", "CAROUSEL"), ("children", "1")], [100, 2_207_028]),
        (&[("media_type", "CAROUSEL"), ("children", "1,2")], [24, 2_207_006]),
    ];
    for (pairs, expected) in refused {
        assert_eq!(create(&mut rig, pairs), expected, "{pairs:?}");
    }
    assert_eq!(create(&mut rig, &[("image_url", url), ("alt_text", "a")]), [0, 0]);
}

#[test]
fn a_carousel_takes_its_own_ready_items_alone() {
    let (mut rig, url) = with_image();
    let item = [("image_url", url.as_str()), ("is_carousel_item", "true")];
    let (first, second) = (made(&mut rig, &item), made(&mut rig, &item));
    let single = made(&mut rig, &item[..1]);
    let carousel = |a: &str, b: &str| format!("{a},{b}");
    let hang =
        |rig: &mut Rig, ids: &str| create(rig, &[("media_type", "CAROUSEL"), ("children", ids)]);
    assert_eq!(hang(&mut rig, &carousel(&first, &single)), [100, 0]);
    assert_eq!(publish(&mut rig, &first), [100, 0], "an item is not published alone");
    assert_eq!(hang(&mut rig, &carousel(&first, &second)), [0, 0]);
}

#[test]
fn a_container_goes_through_its_states() {
    let mut rig = connected("acme");
    with_files(&mut rig, "", &[MediaKind::Video]);
    let url = rig.asset_urls[0].clone();
    let film = [("video_url", url.as_str()), ("media_type", "REELS"), ("caption", "Film")];
    let id = made(&mut rig, &film);
    assert_eq!(status(&mut rig, &id)["status_code"], "IN_PROGRESS");
    assert_eq!(publish(&mut rig, &id), [9_007, 2_207_027]);
    rig.wait(1);
    assert_eq!(status(&mut rig, &id)["status_code"], "FINISHED");
    let late = made(&mut rig, &film);
    assert_eq!(publish(&mut rig, &id), [0, 0]);
    assert_eq!(status(&mut rig, &id)["status_code"], "PUBLISHED");
    assert_eq!(publish(&mut rig, &id), [24, 2_207_006], "it is out already");
    rig.wait(86_400);
    assert_eq!(status(&mut rig, &late)["status_code"], "EXPIRED");
    assert_eq!(publish(&mut rig, &late), [-2, 2_207_020]);
    assert_eq!(status(&mut rig, &id)["status_code"], "PUBLISHED");
    assert_eq!(rig.sim.accepted().len(), 1);
    let unknown = send(&mut rig, "media.status", "1", &[("fields", "status_code")]);
    assert_eq!(numbers(&unknown), [100, 33]);
    let wrong = send(&mut rig, "media.status", &id, &[("fields", "status_code,colour")]);
    assert_eq!(numbers(&wrong), [100, 0]);
}

#[test]
fn only_what_is_documented_is_fetched_and_kept() {
    let state_of = |media_type: &str, fetched: Fetched| {
        let (mut rig, url) = with_image();
        let source = if media_type == "REELS" { "video_url" } else { "image_url" };
        let id = made(&mut rig, &[("media_type", media_type), (source, &url)]);
        rig.sim.fetched(&id, &fetched, rig.now);
        rig.wait(1);
        status(&mut rig, &id)["status"].as_str().unwrap().to_owned()
    };
    let file = |status, content_type: &str, body: Vec<u8>| Fetched {
        status,
        content_type: content_type.into(),
        body,
    };
    let large = vec![1; 8 * 1024 * 1024 + 1];
    let table = [
        ("IMAGE", file(200, "image/jpeg", vec![1]), "Finished"),
        ("IMAGE", file(200, "image/jpeg", vec![0x89, b'P', b'N', b'G']), "2207005"),
        ("IMAGE", file(200, "image/png", vec![0xff, 0xd8, 0xff]), "Finished"),
        ("IMAGE", file(200, "image/jpeg", large), "2207004"),
        ("IMAGE", file(404, "", vec![]), "2207052"),
        ("IMAGE", file(0, "", vec![]), "2207003"),
        ("REELS", file(200, "video/quicktime", vec![1]), "Finished"),
        ("REELS", file(200, "video/webm", vec![1]), "2207026"),
    ];
    for (media_type, fetched, expected) in table {
        let told = state_of(media_type, fetched.clone());
        assert!(told.contains(expected), "{media_type} {}: {told}", fetched.content_type);
    }
}

#[test]
fn both_quotas_roll_with_the_day() {
    let (mut rig, url) = with_image();
    limit(&mut rig, json!({ "postsPerDay": 1, "containersPerDay": 2 }));
    let shown = rig.sim.limits();
    assert_eq!(shown["containersPerDay"], 2);
    assert_eq!(shown["tokenLifeS"], 60 * 86_400, "what is not named stays");
    let pairs = [("image_url", url.as_str())];
    let (first, second) = (made(&mut rig, &pairs), made(&mut rig, &pairs));
    assert_eq!(create(&mut rig, &pairs), [9, 2_207_042]);
    assert_eq!(publish(&mut rig, &first), [0, 0]);
    assert_eq!(publish(&mut rig, &second), [9, 2_207_042]);
    let path = "{user}/content_publishing_limit";
    let asked = [("fields", "config,quota_usage")];
    let quota = send(&mut rig, "publishing_limit", path, &asked).json();
    assert_eq!(quota["data"][0]["quota_usage"], 1);
    assert_eq!(quota["data"][0]["config"]["quota_total"], 1);
    rig.wait(86_400);
    let third = made(&mut rig, &pairs);
    assert_eq!(publish(&mut rig, &third), [0, 0]);
}

#[test]
fn the_list_is_read_page_by_page_and_lags() {
    let (mut rig, url) = with_image();
    for n in 0..3 {
        let caption = format!("post {n}");
        let id = made(&mut rig, &[("image_url", &url), ("caption", &caption)]);
        publish(&mut rig, &id);
        rig.wait(10);
    }
    let asked = [("fields", "id,caption,timestamp"), ("limit", "2")];
    let first = send(&mut rig, "media.list", "{user}/media", &asked).json();
    assert_eq!(first["data"][0]["caption"], "post 2");
    assert_eq!(first["data"][0]["timestamp"], "2026-11-24T09:00:20+0000");
    assert!(first["paging"]["next"].is_string());
    let after = first["paging"]["cursors"]["after"].as_str().unwrap();
    let pairs = [asked[0], asked[1], ("after", after)];
    let second = send(&mut rig, "media.list", "{user}/media", &pairs).json();
    assert_eq!(second["data"][0]["caption"], "post 0");
    assert!(second["paging"]["next"].is_null());
    limit(&mut rig, json!({ "listDelayMs": 25_000 }));
    let late = send(&mut rig, "media.list", "{user}/media", &asked).json();
    assert_eq!(late["data"][0]["caption"], "post 0");
    let foreign = send(&mut rig, "media.list", "17841400000000000/media", &asked);
    assert_eq!(numbers(&foreign), [100, 33]);
}

#[test]
fn every_authorized_answer_tells_its_use_and_its_date() {
    let (mut rig, url) = with_image();
    let call = meta::post(
        "media.create",
        Effect::Repeatable,
        &format!("{API}/{}/media", rig.facts.remote_id),
        &[("image_url", &url)],
    );
    let mut signed = call.clone();
    Instagram.sign(&mut signed.request, rig.grant.as_ref().unwrap());
    let request = rig.inbound(&signed.request);
    assert_eq!(rig.sim.account(&request), Some(rig.facts.remote_id.clone()));
    let answered = rig.send(request);
    assert!(answered.is_kept && answered.accepted.is_none());
    assert_eq!(answered.account.as_deref(), Some(rig.facts.remote_id.as_str()));
    assert_eq!(answered.fetches[0].url, url);
    let headers = answered.response.headers();
    let usage = headers["x-business-use-case-usage"].to_str().unwrap();
    assert!(usage.contains(r#""estimated_time_to_regain_access":0"#), "{usage}");
    assert_eq!(headers["date"], "Tue, 24 Nov 2026 09:00:00 GMT");
    rig.grant = None;
    assert_eq!(numbers(&rig.carry(&call)), [190, 0]);
}

/// What the browser is sent with to the consent page.
fn consent(scope: &str, more: &[(&str, &str)], path: &str) -> Inbound {
    let mut pairs = vec![
        ("response_type", "code"),
        ("client_id", "c"),
        ("redirect_uri", "https://app.example/cb"),
        ("scope", scope),
        ("state", "s1"),
    ];
    pairs.extend(more);
    Inbound {
        base: "http://127.0.0.1:8090/instagram".into(),
        method: Method::POST,
        path: path.into(),
        query: String::new(),
        headers: HeaderMap::new(),
        body: form(&pairs).into_bytes(),
    }
}

#[test]
fn consent_goes_back_as_each_login_does() {
    let mut rig = Rig::new(&Instagram, "default");
    let ways = [
        ("/oauth/authorize", "instagram_business_basic", "#_"),
        ("/v25.0/dialog/oauth", "instagram_basic", ""),
    ];
    for (path, scope, end) in ways {
        let back = |rig: &mut Rig, more: &[(&str, &str)]| {
            let answered = rig.send(consent(scope, more, path));
            answered.response.headers()[LOCATION].to_str().unwrap().to_owned()
        };
        let denied = back(&mut rig, &[("deny", "1")]);
        assert_eq!(denied, "https://app.example/cb?error=access_denied&state=s1");
        let code = back(&mut rig, &[("account", "new-one")]);
        assert!(code.contains("code=sim_code_"), "{code}");
        assert_eq!(code.ends_with("#_"), !end.is_empty(), "{code}");
        let unknown = rig.send(consent("colour", &[], path));
        assert_eq!(unknown.response.status(), StatusCode::BAD_REQUEST);
    }
    assert_eq!(rig.sim.accounts()[0]["handle"], "new-one");
}

#[test]
fn a_permission_that_was_not_granted_is_missed() {
    let mut rig = connected("acme");
    let path = "/oauth/authorize";
    let mut asked = consent("instagram_business_basic", &[("account", "acme")], path);
    let ours = rig.app.redirect_uri.clone();
    asked.body = String::from_utf8(asked.body)
        .unwrap()
        .replace("client_id=c&", "client_id=client-1&")
        .replace(
            &form(&[("redirect_uri", "https://app.example/cb")]),
            &form(&[("redirect_uri", &ours)]),
        )
        .into_bytes();
    let answered = rig.send(asked);
    let location = answered.response.headers()[LOCATION].to_str().unwrap();
    let url = url::Url::parse(location).unwrap();
    let code = url.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    rig.grant = None;
    rig.grant = rig.redeem(&code).ok().map(|mut found| found.remove(0).grant);
    assert!(rig.grant.is_some(), "its profile can be seen");
    assert_eq!(create(&mut rig, &[("image_url", "https://example.com/a.jpg")]), [10, 0]);
}

#[test]
fn the_pages_show_what_is_out_and_escape_it() {
    let (mut rig, url) = with_image();
    let id = made(&mut rig, &[("image_url", &url), ("caption", "<b>one</b>"), ("alt_text", "é")]);
    publish(&mut rig, &id);
    let feed = rig.page("/feed");
    assert!(feed.contains("&lt;b&gt;one") && !feed.contains("<b>one"), "{feed}");
    assert!(feed.contains(&format!("<img src=\"file/{id}\" alt=\"é\">")), "{feed}");
    let link = feed.split("href=\"p/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let page = rig.page(&format!("/p/{link}"));
    assert!(page.contains(&format!("<img src=\"../../file/{id}\"")), "{page}");
    rig.page(&format!("/file/{id}"));
    rig.sim.reset();
    assert!(rig.page("/feed").contains("Nothing has been posted yet"));
}

#[test]
fn what_was_kept_restores_every_part_of_the_state() {
    let mut rig = connected("acme");
    let kinds = [MediaKind::Image, MediaKind::Video];
    let content = with_files(&mut rig, "Look", &kinds);
    rig.publish(&content).unwrap();
    let mut sim = super::InstagramSim::new();
    let mut again = super::InstagramSim::new();
    for (kept, at) in &rig.log {
        for sim in [&mut sim, &mut again] {
            match kept {
                crate::rig::Kept::Request(request) => drop(sim.answer(request, *at)),
                crate::rig::Kept::Fetched(key, fetched) => sim.fetched(key, fetched, *at),
            }
        }
    }
    assert_eq!(sim, again);
    assert_eq!(sim.accepted(), rig.sim.accepted());
}

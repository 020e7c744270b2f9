//! How strict the simulated Threads is.

use crate::rig::{Rig, form, post};
use crate::sim::Inbound;
use crate::threads::Threads;
use crate::threads::tests::{connected, limit};
use domain::content::MediaKind;
use domain::failure::Failure;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::{Value, json};

const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

fn request(rig: &Rig, method: Method, path: &str, pairs: &[(&str, &str)]) -> Inbound {
    let mut pairs = pairs.to_vec();
    if let Some(grant) = &rig.grant {
        pairs.push(("access_token", grant.access_token.expose()));
    }
    let form = form(&pairs);
    let (query, body) =
        if method == Method::POST { (String::new(), form.into_bytes()) } else { (form, vec![]) };
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, FORM)]);
    let base = "http://127.0.0.1:8090/threads".into();
    Inbound { base, method, path: path.into(), query, headers, body }
}

fn send(rig: &mut Rig, method: Method, path: &str, pairs: &[(&str, &str)]) -> Value {
    let request = request(rig, method, path, pairs);
    let answered = rig.send(request);
    let json: Value = serde_json::from_slice(answered.response.body()).unwrap();
    assert_eq!(answered.response.status() == StatusCode::OK, json["error"].is_null(), "{json}");
    json
}

fn create(rig: &mut Rig, pairs: &[(&str, &str)]) -> Value {
    send(rig, Method::POST, "/v1.0/me/threads", pairs)
}

fn code(answer: &Value) -> (i64, i64) {
    let number = |name: &str| answer["error"][name].as_i64().unwrap_or_default();
    (number("code"), number("error_subcode"))
}

#[test]
fn a_container_is_taken_only_as_documented() {
    let mut rig = connected("acme");
    let long = "é".repeat(501);
    let emoji = "😀".repeat(126);
    let links: String = (0..6).map(|n| format!("https://example.com/{n} ")).collect();
    let text = ("media_type", "TEXT");
    let image = [("media_type", "IMAGE"), ("image_url", "https://media.example/m/0")];
    let refused: [&[(&str, &str)]; 14] = [
        &[("text", "a")],
        &[("media_type", "text"), ("text", "a")],
        &[text, ("text", " ")],
        &[text, ("text", &long)],
        &[text, ("text", &emoji)],
        &[text, ("text", &links)],
        &[text, ("text", "a"), ("colour", "red")],
        &[text, ("text", "a"), ("reply_control", "nobody")],
        &[text, ("text", "a"), ("alt_text", "a")],
        &[text, ("text", "a"), ("is_carousel_item", "true")],
        &[text, ("text", "a"), ("image_url", "https://media.example/m/0")],
        &[image[0], ("image_url", "ftp://media.example/0")],
        &[image[0], image[1], ("is_carousel_item", "true"), ("text", "a")],
        &[("media_type", "CAROUSEL"), ("children", "1")],
    ];
    for pairs in refused {
        let answer = create(&mut rig, pairs);
        assert!([100, 24].contains(&code(&answer).0), "{pairs:?}: {answer}");
    }
    assert!(create(&mut rig, &[text, ("text", &emoji[..500])])["id"].is_string());
    assert!(create(&mut rig, &image)["id"].is_string());
}

#[test]
fn a_carousel_has_two_to_twenty_finished_items_of_its_own() {
    let mut rig = connected("acme");
    for n in 0..2_u8 {
        rig.file(MediaKind::Image, vec![n + 1; 9], None);
    }
    let item = |url: &'static str| {
        [("media_type", "IMAGE"), ("image_url", url), ("is_carousel_item", "true")]
    };
    let [first, second] = ["https://media.example/m/0", "https://media.example/m/1"]
        .map(|url| create(&mut rig, &item(url))["id"].as_str().unwrap().to_owned());
    let both = format!("{first},{second}");
    let made = |rig: &mut Rig, children: &str| {
        create(rig, &[("media_type", "CAROUSEL"), ("children", children)])
    };
    assert_eq!(code(&made(&mut rig, &both)).0, 100, "they are still in processing");
    rig.wait(1);
    assert_eq!(code(&made(&mut rig, &first)).0, 100, "one is too few");
    assert_eq!(code(&made(&mut rig, &format!("{first},{first}"))).0, 100);
    assert_eq!(code(&made(&mut rig, "17900000000000999,1")), (24, 4_279_009));
    assert!(made(&mut rig, &both)["id"].is_string());
    let pairs = [("creation_id", first.as_str())];
    let alone = send(&mut rig, Method::POST, "/v1.0/me/threads_publish", &pairs);
    assert_eq!(code(&alone).0, 100);
}

#[test]
fn a_container_is_published_once_and_says_so() {
    let mut rig = connected("acme");
    let made = create(&mut rig, &[("media_type", "TEXT"), ("text", "once")]);
    let id = made["id"].as_str().unwrap().to_owned();
    let creation = [("creation_id", id.as_str())];
    let path = "/me/threads_publish";
    let status = |rig: &mut Rig| {
        let fields = [("fields", "status")];
        send(rig, Method::GET, &format!("/v1.0/{id}"), &fields)["status"].clone()
    };
    assert_eq!(status(&mut rig), "FINISHED");
    let published = send(&mut rig, Method::POST, path, &creation);
    assert_eq!(published["id"], rig.sim.accepted()[0].remote_id.as_str());
    assert_eq!(code(&send(&mut rig, Method::POST, path, &creation)).0, 100);
    rig.wait(25 * 3_600);
    assert_eq!(status(&mut rig), "PUBLISHED");
    let post = format!("/v1.0/{}", published["id"].as_str().unwrap());
    let answer = send(&mut rig, Method::GET, &post, &[("fields", "status")]);
    assert_eq!(code(&answer), (100, 0));
    let answer = send(&mut rig, Method::GET, "/v1.0/17", &[("fields", "status")]);
    assert_eq!(code(&answer), (100, 33));

    let made = create(&mut rig, &[("media_type", "TEXT"), ("text", "late")]);
    rig.wait(24 * 3_600);
    let creation = [("creation_id", made["id"].as_str().unwrap())];
    assert_eq!(code(&send(&mut rig, Method::POST, path, &creation)), (24, 2_207_008));
}

#[test]
fn nobody_acts_for_somebody_else() {
    let mut rig = connected("acme");
    let made = create(&mut rig, &[("media_type", "TEXT"), ("text", "mine")]);
    let id = made["id"].as_str().unwrap().to_owned();
    let mine = rig.facts.remote_id.clone();
    let identity = rig.connect("beta").ok().unwrap().remove(0);
    rig.grant = Some(identity.grant);
    let creation = [("creation_id", id.as_str())];
    let answer = send(&mut rig, Method::POST, "/v1.0/me/threads_publish", &creation);
    assert_eq!(code(&answer), (24, 4_279_009));
    let path = format!("/v1.0/{mine}/threads_publish");
    assert_eq!(code(&send(&mut rig, Method::POST, &path, &creation)), (100, 33));
    rig.grant = None;
    let answer = send(&mut rig, Method::GET, "/v1.0/me", &[]);
    assert_eq!(code(&answer).0, 190);
}

#[test]
fn a_permission_that_was_left_out_is_missed() {
    let mut rig = Rig::new(&Threads, "default");
    let ask = |scope: &'static str| {
        let redirect = ("redirect_uri", "https://app.example/oauth/threads/callback");
        [("response_type", "code"), ("client_id", "client-1"), redirect, ("scope", scope)]
    };
    let consent = |rig: &mut Rig, scope| {
        let asked = request(rig, Method::POST, "/oauth/authorize", &ask(scope));
        rig.send(asked).response
    };
    let refused = consent(&mut rig, "threads_content_publish").status();
    assert_eq!(refused, StatusCode::BAD_REQUEST);
    assert_eq!(consent(&mut rig, "threads_basic,x").status(), StatusCode::BAD_REQUEST);
    let response = consent(&mut rig, "threads_basic");
    let location = response.headers()[LOCATION].to_str().unwrap().to_owned();
    let target = url::Url::parse(&location).unwrap();
    let code_given = target.query_pairs().find(|(name, _)| name == "code").unwrap().1;
    let identity = rig.redeem(&code_given).ok().unwrap().remove(0);
    (rig.facts, rig.grant) = (identity.facts, Some(identity.grant));
    let answer = create(&mut rig, &[("media_type", "TEXT"), ("text", "a")]);
    assert_eq!(code(&answer).0, 10);
    assert!(send(&mut rig, Method::GET, "/v1.0/me/threads", &[])["data"].is_array());
}

#[test]
fn a_denial_goes_back_with_its_state() {
    let mut rig = Rig::new(&Threads, "default");
    let pairs = [
        ("response_type", "code"),
        ("client_id", "c"),
        ("redirect_uri", "https://app.example/cb"),
        ("scope", "threads_basic"),
        ("state", "s1"),
        ("deny", "1"),
    ];
    let asked = request(&rig, Method::POST, "/oauth/authorize", &pairs);
    let answered = rig.send(asked);
    let location = &answered.response.headers()[LOCATION];
    assert_eq!(location, "https://app.example/cb?error=access_denied&state=s1");
}

#[test]
fn a_list_is_read_in_pages_and_in_spans_of_time() {
    let mut rig = connected("acme");
    let first = rig.now;
    for n in 0..3 {
        rig.publish(&post(&format!("post {n}"))).unwrap();
        rig.wait(10);
    }
    let list = |rig: &mut Rig, pairs: &[(&str, &str)]| {
        let pairs: Vec<_> = pairs.iter().copied().chain([("fields", "id,text")]).collect();
        send(rig, Method::GET, "/v1.0/me/threads", &pairs)
    };
    let page = list(&mut rig, &[("limit", "2")]);
    assert_eq!(page["data"][0]["text"], "post 2");
    assert_eq!(page["data"].as_array().unwrap().len(), 2);
    let after = page["paging"]["cursors"]["after"].as_str().unwrap().to_owned();
    let page = list(&mut rig, &[("after", &after)]);
    assert_eq!(page["data"][0]["text"], "post 0");
    let after = page["paging"]["cursors"]["after"].as_str().unwrap().to_owned();
    assert_eq!(list(&mut rig, &[("after", &after)]), json!({ "data": [] }));
    let since = (first.ms() / 1_000 + 15).to_string();
    assert_eq!(list(&mut rig, &[("since", &since)])["data"].as_array().unwrap().len(), 1);
    assert_eq!(code(&list(&mut rig, &[("limit", "101")])).0, 100);
    let quota = [("fields", "quota_usage,config")];
    let quota = send(&mut rig, Method::GET, "/v1.0/me/threads_publishing_limit", &quota);
    assert_eq!(quota["data"][0]["quota_usage"], 3);
    assert_eq!(quota["data"][0]["config"]["quota_total"], 250);
}

#[test]
fn every_answer_tells_its_account_and_its_date() {
    let mut rig = connected("acme");
    let pairs = [("media_type", "TEXT"), ("text", "a")];
    let request = request(&rig, Method::POST, "/v1.0/me/threads", &pairs);
    assert_eq!(rig.sim.route(&request), Some("threads.create"));
    assert_eq!(rig.sim.account(&request), Some(rig.facts.remote_id.clone()));
    let answered = rig.send(request);
    assert_eq!(answered.response.headers()["date"], "Tue, 24 Nov 2026 09:00:00 GMT");
    assert!(answered.is_kept && answered.accepted.is_none());
    assert_eq!(answered.account, Some(rig.facts.remote_id.clone()));
    rig.sim.reset();
    assert_eq!(rig.sim.accounts(), json!([]));
}

fn published(rig: &mut Rig, pairs: &[(&str, &str)]) -> Value {
    let made = create(rig, pairs);
    let creation = [("creation_id", made["id"].as_str().unwrap())];
    send(rig, Method::POST, "/v1.0/me/threads_publish", &creation)
}

#[test]
fn a_poll_has_two_to_four_options_in_order_and_belongs_to_a_text() {
    let mut rig = connected("acme");
    let wide = "a".repeat(26);
    let refused = [
        json!({ "option_a": "a" }),
        json!({ "option_a": "a", "option_c": "c" }),
        json!({ "option_a": "a", "option_b": "" }),
        json!({ "option_a": "a", "option_b": wide }),
        json!({ "option_a": "a", "option_b": 2 }),
        json!({ "option_a": "a", "option_b": "b", "option_e": "e" }),
        json!({ "option_a": "a", "option_b": "b", "duration": 60 }),
        json!(["a", "b"]),
    ];
    let text = [("media_type", "TEXT"), ("text", "Well?")];
    for poll in refused {
        let poll = poll.to_string();
        let answer = create(&mut rig, &[text[0], text[1], ("poll_attachment", &poll)]);
        assert_eq!(code(&answer).0, 100, "{poll}");
    }
    let poll = json!({ "option_a": "a", "option_b": "b", "option_c": "c", "option_d": "d" });
    let poll = poll.to_string();
    let image = [("media_type", "IMAGE"), ("image_url", "https://media.example/m/0")];
    let answer = create(&mut rig, &[image[0], image[1], ("poll_attachment", &poll)]);
    assert_eq!(code(&answer).0, 100);
    let out = published(&mut rig, &[text[0], text[1], ("poll_attachment", &poll)]);
    let path = format!("/v1.0/{}", out["id"].as_str().unwrap());
    let shown = send(&mut rig, Method::GET, &path, &[("fields", "poll_attachment")]);
    assert_eq!(shown["poll_attachment"]["option_d"], "d");
}

#[test]
fn only_a_post_of_ones_own_that_is_visible_can_be_answered() {
    let mut rig = connected("acme");
    limit(&mut rig, json!({ "answerableAfterMs": 5_000 }));
    let out = published(&mut rig, &[("media_type", "TEXT"), ("text", "one")]);
    let id = out["id"].as_str().unwrap().to_owned();
    let answer = [("media_type", "TEXT"), ("text", "two"), ("reply_to_id", id.as_str())];
    assert_eq!(code(&create(&mut rig, &answer)), (24, 4_279_009), "it is too young");
    let nothing = [answer[0], answer[1], ("reply_to_id", "1")];
    assert_eq!(code(&create(&mut rig, &nothing)), (24, 4_279_009));
    rig.wait(5);
    published(&mut rig, &answer);
    let fields = ("fields", "id,is_reply,replied_to,root_post,has_replies");
    let listed = send(&mut rig, Method::GET, "/v1.0/me/replies", &[fields]);
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    assert_eq!(listed["data"][0]["replied_to"]["id"], id.as_str());
    assert_eq!(listed["data"][0]["root_post"]["id"], id.as_str());
    let listed = send(&mut rig, Method::GET, "/v1.0/me/threads", &[("fields", "id,has_replies")]);
    assert_eq!(listed["data"], json!([{ "id": id, "has_replies": true }]));
    let identity = rig.connect("beta").ok().unwrap().remove(0);
    rig.grant = Some(identity.grant);
    assert_eq!(code(&create(&mut rig, &answer)).0, 10, "another account's");
}

#[test]
fn each_quota_counts_a_rolling_day_of_its_own() {
    let mut rig = connected("acme");
    limit(&mut rig, json!({ "postsPerDay": 2, "repliesPerDay": 1 }));
    let text = ("media_type", "TEXT");
    let out = published(&mut rig, &[text, ("text", "one")]);
    let id = out["id"].as_str().unwrap().to_owned();
    let answer = [text, ("text", "two"), ("reply_to_id", id.as_str())];
    assert!(published(&mut rig, &answer)["id"].is_string());
    assert_eq!(code(&published(&mut rig, &answer)).0, 9);
    assert!(published(&mut rig, &[text, ("text", "three")])["id"].is_string());
    assert_eq!(code(&published(&mut rig, &[text, ("text", "four")])), (9, 2_207_042));
    let fields = [("fields", "quota_usage,config,reply_quota_usage,reply_config")];
    let quota = |rig: &mut Rig| {
        send(rig, Method::GET, "/v1.0/me/threads_publishing_limit", &fields)["data"][0].clone()
    };
    let told = quota(&mut rig);
    assert_eq!((&told["quota_usage"], &told["reply_quota_usage"]), (&json!(2), &json!(1)));
    assert_eq!(told["reply_config"], json!({ "quota_total": 1, "quota_duration": 86_400 }));
    rig.wait(86_400);
    assert_eq!(quota(&mut rig)["quota_usage"], 0);
    assert!(published(&mut rig, &answer)["id"].is_string());
    let fields = [("fields", "location_search_quota_usage")];
    let path = "/v1.0/me/threads_publishing_limit";
    assert_eq!(code(&send(&mut rig, Method::GET, path, &fields)).0, 10, "it was not agreed to");
}

#[test]
fn a_private_profile_has_to_agree_again_after_ninety_days() {
    const DAY: u64 = 86_400;
    for (handle, goes_on) in [("acme", true), ("private-acme", false)] {
        let mut rig = connected(handle);
        for _ in 0..2 {
            rig.wait(40 * DAY);
            rig.refresh().unwrap();
        }
        rig.publish(&post("on the eightieth day")).unwrap();
        rig.wait(11 * DAY);
        let ended = rig.publish(&post("on the ninety-first"));
        let is_refused = matches!(ended, Err(Failure::Auth { revoked: true, .. }));
        assert_eq!((ended.is_ok(), is_refused), (goes_on, !goes_on), "{handle}: {ended:?}");
        assert_eq!(rig.refresh().is_ok(), goes_on, "{handle}");
        let identity = rig.connect(handle).ok().unwrap().remove(0);
        rig.grant = Some(identity.grant);
        rig.publish(&post("agreed again")).unwrap();
    }
}

//! What the document refuses, the simulator refuses: valid requests are bent in every way.

use super::super::connected;
use super::Document;
use crate::port::Step;
use crate::rig::Rig;
use crate::sim::{Control, Inbound};
use domain::content::{Content, MediaKind, Segment};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::{Value, json};

fn request(rig: &Rig, method: Method, path: &str, body: &Value) -> Inbound {
    let mut headers = HeaderMap::new();
    let bearer = format!("Bearer {}", rig.grant.as_ref().unwrap().access_token.expose());
    headers.insert(AUTHORIZATION, HeaderValue::from_str(&bearer).unwrap());
    if !body.is_null() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let body = if body.is_null() { vec![] } else { body.to_string().into_bytes() };
    let base = "http://127.0.0.1:8090/x".into();
    Inbound { base, method, path: path.into(), query: query.into(), headers, body }
}

/// Bodies that document and simulator take, with all that the document knows.
fn bodies(rig: &mut Rig) -> Vec<(String, Value)> {
    let image = rig.file(MediaKind::Image, vec![1; 100], None);
    let segments = vec![Segment { text: "a file".into(), media: vec![image] }];
    let content = Content { segments, ..Content::default() };
    let at = rig.until("media.append", &content);
    let Step::Call(append) = rig.next(&at, &content) else { panic!("a call is due") };
    let at = rig.until("tweets.create", &content);
    let Step::Call(create) = rig.next(&at, &content) else { panic!("a call is due") };
    let create = rig.inbound(&create.request);
    let body: Value = serde_json::from_slice(&create.body).unwrap();
    let file = &body["media"]["media_ids"][0];
    let own = rig.publish(&crate::rig::post("answered")).unwrap().remote_id;
    let whole = json!({
        "text": "all of it",
        "reply": {
            "in_reply_to_tweet_id": own, "exclude_reply_user_ids": ["1"],
            "auto_populate_reply_metadata": true,
        },
        "media": {
            "media_ids": [file], "tagged_user_ids": ["1"], "title": "t", "description": "d",
            "preview_media_id": file, "embeddable": true,
            "call_to_actions": {
                "app_install": {
                    "app_store_id": "1", "ipad_app_store_id": "2", "play_store_id": "3",
                },
                "visit_site": { "url": "https://example.com" },
                "watch_now": { "url": "https://example.com" },
            },
        },
        "reply_settings": "following", "geo": { "place_id": "p" }, "community_id": "1",
        "share_with_followers": true, "made_with_ai": false, "paid_partnership": false,
        "nullcast": true, "for_super_followers_only": false,
        "edit_options": { "previous_post_id": own },
    });
    let poll = json!({
        "text": "a poll",
        "poll": { "options": ["a", "b"], "duration_minutes": 5, "reply_settings": "verified" },
    });
    let begin = json!({
        "media_type": "image/png", "total_bytes": 9, "media_category": "tweet_image",
        "shared": true, "additional_owners": ["1"],
    });
    let describe = json!({ "id": file, "metadata": { "alt_text": { "text": "words" } } });
    let user = &rig.facts.remote_id;
    vec![
        ("/2/tweets".into(), whole),
        ("/2/tweets".into(), poll),
        ("/2/media/upload/initialize".into(), begin),
        ("/2/media/metadata".into(), describe),
        (append.request.uri().path().into(), json!({ "media": "AQE=", "segment_index": 0 })),
        (format!("/2/users/{user}/retweets"), json!({ "tweet_id": own })),
    ]
}

/// The body bent once at every place: each value replaced, each member removed and one added.
fn bent(body: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    let long = |item: &Value, count: usize| Value::Array(vec![item.clone(); count]);
    for place in places(body, String::new()) {
        let put = |value: Value| {
            let mut bent = body.clone();
            *bent.pointer_mut(&place).unwrap() = value;
            bent
        };
        let now = body.pointer(&place).unwrap();
        let mut values = vec![
            Value::Null,
            json!(true),
            json!(-1),
            json!(4),
            json!(5.5),
            json!(10_081),
            json!(17_179_869_185_u64),
            json!(""),
            json!("12a"),
            json!("everyone"),
            json!("1".repeat(20)),
            json!("é".repeat(1_001)),
            json!([]),
            json!({}),
        ];
        if let Some(item) = now.as_array().and_then(|list| list.first()) {
            values.extend([1, 5, 11].map(|count| long(item, count)));
        }
        all.extend(values.into_iter().map(put));
        if let Value::Object(members) = now {
            let mut wider = now.clone();
            wider["colour"] = json!("red");
            all.push(put(wider));
            for name in members.keys() {
                let mut poorer = members.clone();
                poorer.remove(name);
                all.push(put(poorer.into()));
            }
        }
    }
    all
}

/// A pointer to every value inside, the whole included.
fn places(value: &Value, here: String) -> Vec<String> {
    let mut all = vec![here.clone()];
    match value {
        Value::Object(members) => {
            let inner = members.iter().map(|(name, value)| (format!("{here}/{name}"), value));
            all.extend(inner.flat_map(|(here, value)| places(value, here)));
        }
        Value::Array(items) => {
            let inner = items.iter().enumerate().map(|(at, value)| (format!("{here}/{at}"), value));
            all.extend(inner.flat_map(|(here, value)| places(value, here)));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    all
}

/// Nothing is refused for its being too much.
fn without_limits(rig: &mut Rig) {
    let many = json!({ "callsMax": 1_000_000, "windowS": 900 });
    let names = ["tweets.create", "tweets.delete", "retweets.create", "retweets.delete"];
    let names = names.into_iter().chain(["media.initialize", "media.append", "media.metadata"]);
    let account: serde_json::Map<String, Value> =
        names.map(|name| (name.to_owned(), many.clone())).collect();
    let limits = json!({ "account": account, "app": account });
    assert!(rig.sim.control(&Control::Limits { limits }, rig.now));
}

// case: C-strict-x
#[test]
fn what_the_document_refuses_of_a_body_the_simulator_refuses() {
    let Some(document) = Document::open("what_the_document_refuses_of_a_body") else { return };
    let mut rig = connected("acme");
    without_limits(&mut rig);
    let mut refused = 0;
    let mut lax: Vec<String> = Vec::new();
    for (path, body) in bodies(&mut rig) {
        let whole = request(&rig, Method::POST, &path, &body);
        assert_eq!(document.problems(&whole), Vec::<String>::new(), "{body}");
        for bent in bent(&body) {
            let sent = request(&rig, Method::POST, &path, &bent);
            if document.problems(&sent).is_empty() {
                continue;
            }
            refused += 1;
            let status = rig.send(sent).response.status();
            if status != StatusCode::BAD_REQUEST {
                lax.push(format!("{status} for {path} {bent}"));
            }
        }
        // Last, because it takes the file.
        let status = rig.send(whole).response.status();
        let lax = lax.join("\n");
        assert!(lax.is_empty(), "of {refused} bodies:\n{lax}");
        assert!(status.is_success(), "{status} for {path} {body}");
    }
    assert!(refused > 500, "{refused} bodies were refused by the document");
}

// case: C-strict-x
#[test]
fn what_the_document_refuses_of_an_address_the_simulator_refuses() {
    let Some(document) = Document::open("what_the_document_refuses_of_an_address") else { return };
    let mut rig = connected("acme");
    let user = rig.facts.remote_id.clone();
    let long = "1".repeat(20);
    let many = vec!["1"; 101].join(",");
    let list = format!("/2/users/{user}/tweets");
    let retweets = format!("/2/users/{user}/retweets");
    let table = [
        (Method::DELETE, format!("/2/tweets/{long}"), "/2/tweets/1".to_owned()),
        (Method::DELETE, "/2/tweets/a1".into(), "/2/tweets/1".into()),
        (Method::DELETE, format!("{retweets}/{long}"), format!("{retweets}/1")),
        (Method::GET, "/2/tweets".into(), "/2/tweets?ids=1".into()),
        (Method::GET, "/2/tweets?ids=".into(), "/2/tweets?ids=1,2".into()),
        (Method::GET, format!("/2/tweets?ids={many}"), format!("/2/tweets?ids={}", &many[2..])),
        (Method::GET, "/2/tweets?ids=1,b".into(), "/2/tweets?ids=1&tweet.fields=text".into()),
        (Method::GET, "/2/tweets?ids=1&tweet.fields=colour".into(), "/2/tweets?ids=1".into()),
        (Method::GET, "/2/tweets?ids=1&colour=red".into(), "/2/tweets?ids=1".into()),
        (Method::GET, "/2/users/acme/tweets".into(), list.clone()),
        (Method::GET, format!("{list}?max_results=4"), format!("{list}?max_results=5")),
        (Method::GET, format!("{list}?max_results=101"), format!("{list}?max_results=100")),
        (Method::GET, format!("{list}?max_results=ten"), list.clone()),
        (Method::GET, format!("{list}?pagination_token="), list.clone()),
        (Method::GET, format!("{list}?start_time=now"), list.clone()),
        (Method::GET, format!("{list}?tweet.fields=colour"), list.clone()),
        (Method::GET, format!("{list}?since_id=a"), format!("{list}?since_id=1")),
        (Method::GET, format!("{list}?until_id={long}"), format!("{list}?until_id=1")),
        (Method::GET, format!("{list}?exclude=colour"), format!("{list}?exclude=replies,retweets")),
        (Method::GET, "/2/tweets/1?tweet.fields=colour".into(), "/2/tweets/1".into()),
        (Method::GET, "/2/tweets/1?ids=1".into(), "/2/tweets/1?expansions=author_id".into()),
        (Method::GET, "/2/users/me?user.fields=colour".into(), "/2/users/me".into()),
        (Method::GET, "/2/users/me?name=me".into(), "/2/users/me?user.fields=name".into()),
    ];
    for (method, wrong, right) in table {
        let asked = request(&rig, method.clone(), &right, &Value::Null);
        assert_eq!(document.problems(&asked), Vec::<String>::new(), "{right}");
        let status = rig.send(asked).response.status();
        assert_ne!(status, StatusCode::BAD_REQUEST, "{right}");
        let asked = request(&rig, method, &wrong, &Value::Null);
        assert!(!document.problems(&asked).is_empty(), "the document takes {wrong}");
        assert_eq!(rig.send(asked).response.status(), StatusCode::BAD_REQUEST, "{wrong}");
    }
}

// case: C-fields-x
#[test]
fn every_field_that_the_document_lists_can_be_asked_for() {
    let Some(document) = Document::open("every_field_that_the_document_lists") else { return };
    let mut rig = connected("acme");
    let own = rig.publish(&crate::rig::post("shown")).unwrap().remote_id;
    let user = rig.facts.remote_id.clone();
    let posts = [format!("/2/tweets?ids={own}&"), format!("/2/tweets/{own}?")];
    let list = format!("/2/users/{user}/tweets?");
    let mut asked = 0;
    for (document, component, name) in [
        (&document.newest, "PostFieldsParameter", "post.fields"),
        (&document.older, "TweetFieldsParameter", "tweet.fields"),
        (&document.newest, "UserFieldsParameter", "user.fields"),
    ] {
        let listed = &document["components"]["parameters"][component]["schema"]["items"]["enum"];
        let listed = listed.as_array().unwrap().iter().map(|field| field.as_str().unwrap());
        let listed: Vec<&str> = listed.collect();
        let all = format!("{name}={}", listed.join(","));
        let me = "/2/users/me?".to_owned();
        for path in posts.iter().chain([&list, &me]) {
            let asked = request(&rig, Method::GET, &format!("{path}{all}"), &Value::Null);
            let answered = rig.send(asked).response;
            let told = String::from_utf8_lossy(answered.body());
            assert_eq!(answered.status(), StatusCode::OK, "{path}{all}: {told}");
        }
        asked += listed.len();
    }
    assert!(asked > 60, "{asked}");
}

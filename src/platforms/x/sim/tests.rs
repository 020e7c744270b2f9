//! How strict the simulated X is.

use crate::port::Auth;
use crate::rig::{Rig, VERIFIER, form};
use crate::sim::Inbound;
use crate::x::X;
use crate::x::tests::connected;
use http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::{Value, json};

fn request(rig: &Rig, method: Method, path: &str, body: &Value) -> Inbound {
    let mut headers = HeaderMap::new();
    if let Some(grant) = &rig.grant {
        let bearer = format!("Bearer {}", grant.access_token.expose());
        headers.insert(AUTHORIZATION, HeaderValue::from_str(&bearer).unwrap());
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let body = if body.is_null() { vec![] } else { body.to_string().into_bytes() };
    let base = "http://127.0.0.1:8090/x".into();
    Inbound { base, method, path: path.into(), query: query.into(), headers, body }
}

fn send(rig: &mut Rig, method: Method, path: &str, body: &Value) -> (StatusCode, Value) {
    let request = request(rig, method, path, body);
    let answered = rig.send(request);
    let json = serde_json::from_slice(answered.response.body()).unwrap_or(Value::Null);
    (answered.response.status(), json)
}

fn create(rig: &mut Rig, body: &Value) -> StatusCode {
    send(rig, Method::POST, "/2/tweets", body).0
}

#[test]
fn a_create_is_taken_only_as_documented() {
    let mut rig = connected("acme");
    let refused = [
        json!({ "text": "a", "colour": "red" }),
        json!({ "text": " " }),
        json!({ "text": "a", "reply": { "in_reply_to_tweet_id": "1", "to": 1 } }),
        json!({ "text": "a", "reply_settings": "everyone" }),
        json!({ "text": "a", "media": { "media_ids": ["12"] } }),
        json!({ "text": "a", "poll": { "options": ["a"], "duration_minutes": 5 } }),
        json!({ "text": "a", "poll": { "options": ["a", "b"], "duration_minutes": 4 } }),
    ];
    for body in refused {
        assert_eq!(create(&mut rig, &body), StatusCode::BAD_REQUEST, "{body}");
    }
    let too_long = json!({ "text": "é".repeat(281) });
    let forbidden = [
        too_long,
        json!({ "text": "a", "reply": { "in_reply_to_tweet_id": "1" } }),
        json!({ "text": "$AAPL and $MSFT" }),
    ];
    for body in forbidden {
        assert_eq!(create(&mut rig, &body), StatusCode::FORBIDDEN, "{body}");
    }
    assert!(rig.sim.accepted().is_empty());
}

#[test]
fn the_same_wording_is_refused_for_a_day() {
    let mut rig = connected("acme");
    let body = json!({ "text": "again" });
    assert_eq!(create(&mut rig, &body), StatusCode::CREATED);
    rig.wait(3_600);
    assert_eq!(create(&mut rig, &body), StatusCode::FORBIDDEN);
    let mut other = connected("beta");
    assert_eq!(create(&mut other, &body), StatusCode::CREATED);
}

#[test]
fn only_ones_own_posts_are_answered_and_deleted() {
    let mut rig = connected("acme");
    let (_, made) = send(&mut rig, Method::POST, "/2/tweets", &json!({ "text": "mine" }));
    let id = made["data"]["id"].as_str().unwrap().to_owned();
    let mine = rig.grant.take();
    let code = rig.consent("beta");
    let reply = rig.carry_ready(&X.exchange(&rig.app.clone(), &code, Some(VERIFIER)));
    rig.grant = X.read_grant(&reply, None).ok();
    let answer = json!({ "text": "b", "reply": { "in_reply_to_tweet_id": id } });
    assert_eq!(create(&mut rig, &answer), StatusCode::FORBIDDEN);
    let path = format!("/2/tweets/{id}");
    assert_eq!(send(&mut rig, Method::DELETE, &path, &Value::Null).0, StatusCode::FORBIDDEN);
    let fields = format!("{path}?post.fields=author_id");
    let (status, shown) = send(&mut rig, Method::GET, &fields, &Value::Null);
    assert_eq!((status, &shown["data"]["text"]), (StatusCode::OK, &json!("mine")), "{shown}");
    rig.grant = mine;
    assert_eq!(send(&mut rig, Method::DELETE, &path, &Value::Null).0, StatusCode::OK);
    let (_, gone) = send(&mut rig, Method::GET, &path, &Value::Null);
    assert_eq!(gone["errors"][0]["resource_id"], id, "{gone}");
    assert_eq!(send(&mut rig, Method::DELETE, &path, &Value::Null).0, StatusCode::NOT_FOUND);
    let routes: Vec<&str> = rig.sim.accepted().iter().map(|a| a.route.as_str()).collect();
    assert_eq!(routes, ["tweets.create", "tweets.delete"]);
}

#[test]
fn every_authorized_answer_tells_its_window_and_its_date() {
    let mut rig = connected("acme");
    let request = request(&rig, Method::POST, "/2/tweets", &json!({ "text": "a" }));
    assert_eq!(rig.sim.route(&request), Some("tweets.create"));
    assert_eq!(rig.sim.account(&request), Some(rig.facts.remote_id.clone()));
    let answered = rig.send(request);
    let headers = answered.response.headers();
    assert_eq!(headers["x-rate-limit-limit"], "100");
    assert_eq!(headers["x-rate-limit-remaining"], "99");
    assert_eq!(headers["x-app-limit-24hour-remaining"], "9999");
    assert_eq!(headers["date"], "Tue, 24 Nov 2026 09:00:00 GMT");
    assert!(answered.is_kept && answered.accepted.is_some());
}

#[test]
fn a_denial_goes_back_with_its_state() {
    let mut rig = Rig::new(&X, "default");
    let query = form(&[
        ("response_type", "code"),
        ("client_id", "c"),
        ("redirect_uri", "https://app.example/cb"),
        ("scope", "tweet.read"),
        ("state", "s1"),
        ("code_challenge", "c"),
        ("code_challenge_method", "plain"),
        ("deny", "1"),
    ]);
    let mut asked = request(&rig, Method::POST, "/i/oauth2/authorize", &Value::Null);
    asked.body = query.into_bytes();
    let answered = rig.send(asked);
    let location = &answered.response.headers()[LOCATION];
    assert_eq!(location, "https://app.example/cb?error=access_denied&state=s1");
}

#[test]
fn the_pages_show_what_is_out_and_escape_it() {
    let mut rig = connected("acme");
    let (_, made) = send(&mut rig, Method::POST, "/2/tweets", &json!({ "text": "<b>one</b>" }));
    let id = made["data"]["id"].as_str().unwrap().to_owned();
    let answer = json!({ "text": "two", "reply": { "in_reply_to_tweet_id": id } });
    create(&mut rig, &answer);
    for path in ["/feed".to_owned(), format!("/acme/status/{id}")] {
        let request = request(&rig, Method::GET, &path, &Value::Null);
        let answered = rig.send(request);
        let html = String::from_utf8(answered.response.into_body()).unwrap();
        assert!(html.contains("&lt;b&gt;one") && !html.contains("<b>one"), "{html}");
        assert_eq!(html.matches("<article>").count(), 2);
        assert_eq!(html.matches("</article>").count(), 2);
        assert!(html.contains("</p><article>"), "the answer stands inside: {html}");
    }
}

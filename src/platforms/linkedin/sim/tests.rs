//! How strict the simulated LinkedIn is.

mod films;

use crate::linkedin::LinkedIn;
use crate::linkedin::tests::{limit, page, person};
use crate::rig::{Rig, form, post};
use crate::sim::{Control, Inbound};
use http::header::{AUTHORIZATION, LOCATION};
use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Value, json};

fn request(rig: &Rig, method: Method, path: &str, body: &Value) -> Inbound {
    let mut headers = HeaderMap::new();
    let mut write = |name, value: &str| {
        headers.insert(name, HeaderValue::from_str(value).unwrap());
    };
    if let Some(grant) = &rig.grant {
        write(AUTHORIZATION.as_str(), &format!("Bearer {}", grant.access_token.expose()));
    }
    write("content-type", "application/json");
    write("linkedin-version", "202607");
    write("x-restli-protocol-version", "2.0.0");
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let body = if body.is_null() { vec![] } else { body.to_string().into_bytes() };
    let base = "http://127.0.0.1:8090/linkedin".into();
    Inbound { base, method, path: path.into(), query: query.into(), headers, body }
}

fn send(rig: &mut Rig, request: Inbound) -> (u16, Value) {
    let answered = rig.send(request);
    let json = serde_json::from_slice(answered.response.body()).unwrap_or(Value::Null);
    (answered.response.status().as_u16(), json)
}

fn create(rig: &mut Rig, body: &Value) -> (u16, Value) {
    let request = request(rig, Method::POST, "/rest/posts", body);
    send(rig, request)
}

/// A body that is taken.
fn good(rig: &Rig) -> Value {
    json!({
        "author": rig.facts.remote_id,
        "commentary": "Hello",
        "visibility": "PUBLIC",
        "distribution": { "feedDistribution": "MAIN_FEED" },
        "lifecycleState": "PUBLISHED",
    })
}

#[test]
fn a_create_is_taken_only_as_documented() {
    let mut rig = person("acme");
    let with = |member: &str, value: Value| {
        let mut body = good(&person("acme"));
        body[member] = value;
        body
    };
    let media = |id: &str| json!({ "media": { "id": id } });
    let mut incomplete = good(&rig);
    incomplete.as_object_mut().unwrap().remove("visibility");
    let refused = [
        (incomplete, "MISSING_FIELD", "/visibility"),
        (with("colour", json!("red")), "INVALID_VALUE", "/colour"),
        (with("commentary", json!(" ")), "MISSING_FIELD", "/commentary"),
        (with("commentary", json!("é".repeat(3_001))), "FIELD_LENGTH_TOO_LONG", "/commentary"),
        (with("visibility", json!("CONTAINER")), "INVALID_VALUE", "/CONTAINER"),
        (with("lifecycleState", json!("DRAFT")), "INVALID_VALUE", "/DRAFT"),
        (with("content", media("urn:li:image:1")), "INVALID_VALUE", "/content/media/id"),
        (
            with("content", json!({ "multiImage": { "images": [{ "id": "urn:li:image:1" }] } })),
            "INVALID_VALUE",
            "/content/multiImage/images",
        ),
        (
            with("distribution", json!({ "feedDistribution": "NONE" })),
            "INVALID_VALUE",
            "/distribution/feedDistribution",
        ),
    ];
    for (body, code, path) in refused {
        let (status, told) = create(&mut rig, &body);
        let error = &told["errorDetails"]["inputErrors"][0];
        assert_eq!((status, &error["code"]), (400, &json!(code)), "{body}");
        assert_eq!(error["input"]["inputPath"]["fieldPath"], path, "{body}");
    }
    let (status, told) = create(&mut rig, &with("author", json!("urn:li:person:1")));
    assert_eq!((status, &told["serviceErrorCode"]), (403, &json!(100)));
    assert!(rig.sim.accepted().is_empty());
    let body = good(&rig);
    assert_eq!(create(&mut rig, &body).0, 201);
}

#[test]
fn every_versioned_call_needs_its_headers() {
    let mut rig = person("acme");
    let body = good(&rig);
    let cases = [
        ("authorization", None, 401, "message", "Empty oauth2_access_token"),
        ("authorization", Some("Bearer odd"), 401, "code", "INVALID_ACCESS_TOKEN"),
        ("linkedin-version", None, 400, "code", "VERSION_MISSING"),
        ("linkedin-version", Some("202401"), 426, "code", "NONEXISTENT_VERSION"),
        ("linkedin-version", Some("202613"), 426, "code", "NONEXISTENT_VERSION"),
        ("linkedin-version", Some("202612"), 426, "code", "NONEXISTENT_VERSION"),
        ("x-restli-protocol-version", None, 400, "code", "ILLEGAL_ARGUMENT"),
        ("content-type", Some("text/plain"), 400, "code", "ILLEGAL_ARGUMENT"),
    ];
    for (name, value, status, member, told) in cases {
        let mut request = request(&rig, Method::POST, "/rest/posts", &body);
        request.headers.remove(name);
        if let Some(value) = value {
            request.headers.insert(name, HeaderValue::from_static(value));
        }
        let (actual, answer) = send(&mut rig, request);
        assert_eq!((actual, &answer[member]), (status, &json!(told)), "{name}");
    }
    // Every version of the window serves; the newest is that of the month.
    for version in ["202508", "202601", "202611"] {
        let mut body = good(&rig);
        body["commentary"] = version.into();
        let mut request = request(&rig, Method::POST, "/rest/posts", &body);
        request.headers.insert("linkedin-version", HeaderValue::from_static(version));
        assert_eq!(send(&mut rig, request).0, 201, "{version}");
    }
    let spaced = request(&rig, Method::GET, "/rest/images/urn:li:image:1", &Value::Null);
    assert_eq!(send(&mut rig, spaced).0, 400);
}

#[test]
fn a_bare_reserved_character_cuts_a_post_without_a_word() {
    let mut rig = person("acme");
    let mut body = good(&rig);
    body["commentary"] = "Open (today) until six".into();
    assert_eq!(create(&mut rig, &body).0, 201);
    assert_eq!(rig.sim.accepted()[0].text, "Open ");
}

#[test]
fn a_post_has_its_id_in_a_header_and_no_body() {
    let mut rig = page("acme");
    let request = request(&rig, Method::POST, "/rest/posts", &good(&rig));
    assert_eq!(rig.sim.route(&request), Some("posts.create"));
    assert_eq!(rig.sim.account(&request), Some(rig.facts.remote_id.clone()));
    let answered = rig.send(request);
    let urn = answered.response.headers()["x-restli-id"].to_str().unwrap();
    assert_eq!(answered.accepted.unwrap().remote_id, urn);
    assert_eq!(answered.response.headers()["date"], "Tue, 24 Nov 2026 09:00:00 GMT");
    assert!(answered.response.body().is_empty() && answered.is_kept);
}

#[test]
fn an_image_serves_its_owner_once_it_is_processed() {
    let mut rig = page("acme");
    let open = |rig: &mut Rig| {
        let owner = json!({ "initializeUploadRequest": { "owner": rig.facts.remote_id } });
        let path = "/rest/images?action=initializeUpload";
        let request = request(rig, Method::POST, path, &owner);
        send(rig, request).1["value"].clone()
    };
    let value = open(&mut rig);
    let mut body = good(&rig);
    body["content"] = json!({ "media": { "id": value["image"] } });
    assert_eq!(create(&mut rig, &body).1["code"], "MEDIA_ASSET_WAITING_UPLOAD");
    let address = value["uploadUrl"].as_str().unwrap();
    let path = address.strip_prefix("http://127.0.0.1:8090/linkedin").unwrap();
    let mut put = request(&rig, Method::PUT, path, &Value::Null);
    assert_eq!(send(&mut rig, put.clone()).0, 411);
    put.body = vec![1; 10];
    assert_eq!(send(&mut rig, put).0, 201);
    assert_eq!(create(&mut rig, &body).1["code"], "MEDIA_ASSET_PROCESSING");
    rig.wait(1);
    let (mine, facts) = (rig.grant.clone(), rig.facts.clone());
    let Ok(mut others) = rig.connect("beta") else { panic!("another page can be connected") };
    let other = others.remove(0);
    (rig.grant, rig.facts) = (Some(other.grant), other.facts);
    let mut theirs = good(&rig);
    theirs["content"] = body["content"].clone();
    let (status, told) = create(&mut rig, &theirs);
    assert_eq!(status, 400, "the owner is another: {told}");
    let foreign = request(&rig, Method::PUT, path, &json!(1));
    assert_eq!(send(&mut rig, foreign).0, 404, "an address serves its owner alone");
    (rig.grant, rig.facts) = (mine, facts);
    assert_eq!(create(&mut rig, &body).0, 201);
}

#[test]
fn only_pages_can_be_searched_and_only_ones_own() {
    let mut rig = page("acme");
    rig.publish(&post("one")).unwrap();
    let author = rig.facts.remote_id.replace(':', "%3A");
    let path = format!("/rest/posts?q=author&author={author}&count=100&sortBy=CREATED");
    let plain = request(&rig, Method::GET, &path, &Value::Null);
    assert_eq!(send(&mut rig, plain.clone()).0, 400, "the method is not named");
    let mut finder = plain;
    finder.headers.insert("x-restli-method", HeaderValue::from_static("FINDER"));
    let (status, list) = send(&mut rig, finder.clone());
    assert_eq!((status, list["elements"].as_array().unwrap().len()), (200, 1));
    finder.query = finder.query.replace("count=100", "count=101");
    assert_eq!(send(&mut rig, finder.clone()).0, 400);
    finder.query = "q=author&author=urn%3Ali%3Aorganization%3A1".into();
    assert_eq!(send(&mut rig, finder.clone()).0, 403);
    let mut other = person("acme");
    let bearer = format!("Bearer {}", other.grant.clone().unwrap().access_token.expose());
    finder.headers.insert(AUTHORIZATION, HeaderValue::from_str(&bearer).unwrap());
    assert_eq!(send(&mut other, finder).0, 403);
}

#[test]
fn a_post_is_read_after_a_moment_and_its_ghost_is_named_after_its_end() {
    let mut rig = page("acme");
    limit(&mut rig, json!({ "visibilityDelayMs": 2_000 }));
    let receipt = rig.publish(&post("Hello")).unwrap();
    let path = format!("/rest/posts/{}", receipt.remote_id.replace(':', "%3A"));
    let get = request(&rig, Method::GET, &path, &Value::Null);
    assert_eq!(send(&mut rig, get.clone()).0, 404);
    rig.wait(2);
    let (status, told) = send(&mut rig, get.clone());
    assert_eq!((status, &told["lifecycleState"]), (200, &json!("PUBLISHED")));
    let delete = request(&rig, Method::DELETE, &path, &Value::Null);
    assert_eq!(send(&mut rig, delete.clone()).0, 204);
    assert_eq!(send(&mut rig, delete).0, 204);
    assert_eq!(send(&mut rig, get).0, 404);
    assert_eq!(rig.sim.accepted().len(), 1);
    let body = good(&rig);
    let (status, told) = create(&mut rig, &body);
    assert_eq!(status, 422);
    assert!(told["message"].as_str().unwrap().ends_with(&receipt.remote_id), "{told}");
}

#[test]
fn a_denial_goes_back_with_its_state_and_scopes_of_both_apps_do_not_mix() {
    let mut rig = Rig::new(&LinkedIn, "personal");
    let ask = |scope: &str| {
        form(&[
            ("response_type", "code"),
            ("client_id", "c"),
            ("redirect_uri", "https://app.example/cb"),
            ("scope", scope),
            ("state", "s1"),
            ("deny", "1"),
        ])
    };
    let mut asked = request(&rig, Method::POST, "/oauth/v2/authorization", &Value::Null);
    asked.body = ask("openid w_member_social").into_bytes();
    let answered = rig.send(asked.clone());
    let location = &answered.response.headers()[LOCATION];
    let denied = "https://app.example/cb?error=user_cancelled_authorize&state=s1";
    assert_eq!(location, denied);
    asked.body = ask("w_member_social w_organization_social").into_bytes();
    assert_eq!(rig.send(asked).response.status().as_u16(), 400);
}

#[test]
fn figures_that_are_not_named_stay_and_unknown_ones_are_refused() {
    let mut rig = person("acme");
    limit(&mut rig, json!({ "processingMs": 1 }));
    limit(&mut rig, json!({ "memberDay": { "images.initialize": 5 } }));
    let limits = rig.sim.limits();
    assert_eq!(limits["processingMs"], 1);
    assert_eq!(limits["memberDay"], json!({ "images.initialize": 5, "posts.create": 150 }));
    let odd = Control::Limits { limits: json!({ "processing": 1 }) };
    assert!(!rig.sim.control(&odd, rig.now));
    assert_eq!(rig.sim.limits(), limits);
}

#[test]
fn the_pages_show_what_is_out_and_escape_it() {
    let mut rig = person("acme");
    let receipt = rig.publish(&post("<b>one</b>")).unwrap();
    for path in ["/feed".to_owned(), format!("/feed/update/{}", receipt.remote_id)] {
        let html = rig.page(&path);
        assert!(html.contains("&lt;b&gt;one") && !html.contains("<b>one"), "{html}");
        assert_eq!(html.matches("<article>").count(), html.matches("</article>").count());
    }
}

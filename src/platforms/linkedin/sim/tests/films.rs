//! How strict the simulated LinkedIn is about films, documents and polls.

use super::{create, good, request, send};
use crate::linkedin::tests::{limit, page};
use crate::rig::Rig;
use http::Method;
use serde_json::{Value, json};

/// A film of 100,000 bytes in parts of 40,000: its opening answer.
fn open_film(rig: &mut Rig) -> Value {
    limit(rig, json!({ "partBytes": 40_000 }));
    let asked = json!({ "owner": rig.facts.remote_id, "fileSizeBytes": 100_000 });
    let path = "/rest/videos?action=initializeUpload";
    let body = json!({ "initializeUploadRequest": asked });
    let request = request(rig, Method::POST, path, &body);
    send(rig, request).1["value"].clone()
}

/// Puts bytes to an address; the status and the mark.
fn put(rig: &mut Rig, address: &Value, bytes: usize) -> (u16, String) {
    let path = address.as_str().unwrap().strip_prefix("http://127.0.0.1:8090/linkedin").unwrap();
    let mut put = request(rig, Method::PUT, path, &Value::Null);
    put.body = vec![7; bytes];
    let response = rig.send(put).response;
    let mark = response.headers().get("etag").map(|mark| mark.to_str().unwrap().to_owned());
    (response.status().as_u16(), mark.unwrap_or_default())
}

fn finalize(rig: &mut Rig, film: &Value, token: &Value, marks: &[&String]) -> u16 {
    let asked = json!({ "video": film["video"], "uploadToken": token, "uploadedPartIds": marks });
    let path = "/rest/videos?action=finalizeUpload";
    let body = json!({ "finalizeUploadRequest": asked });
    let request = request(rig, Method::POST, path, &body);
    send(rig, request).0
}

// case: L-strict
#[test]
fn a_film_is_joined_only_by_the_marks_of_all_its_parts_in_order() {
    let mut rig = page("acme");
    let film = open_film(&mut rig);
    let parts = film["uploadInstructions"].as_array().unwrap().clone();
    let bounds: Vec<_> = parts.iter().map(|part| [&part["firstByte"], &part["lastByte"]]).collect();
    let wanted = [[0, 39_999], [40_000, 79_999], [80_000, 99_999]];
    assert_eq!(json!(bounds), json!(wanted));
    let address = |n: usize| &parts[n]["uploadUrl"];
    assert_eq!(put(&mut rig, address(0), 39_999).0, 400, "not the length of its part");
    let marks: Vec<String> =
        (0..3).map(|n| put(&mut rig, address(n), [40_000, 40_000, 20_000][n]).1).collect();
    let [a, b, c] = &marks[..] else { panic!("three parts") };
    let token = film["uploadToken"].clone();
    for (token, marks) in [
        (&token, vec![a, b]),
        (&token, vec![b, a, c]),
        (&token, vec![a, b, c, c]),
        (&json!("other"), vec![a, b, c]),
    ] {
        assert_eq!(finalize(&mut rig, &film, token, &marks), 400, "{marks:?}");
    }
    // A part that comes again has another mark from then on.
    let (status, again) = put(&mut rig, address(1), 40_000);
    assert!(status == 200 && again != *b);
    assert_eq!(finalize(&mut rig, &film, &token, &[a, b, c]), 400);
    let mut post = good(&rig);
    post["content"] = json!({ "media": { "id": film["video"] } });
    assert_eq!(create(&mut rig, &post).1["code"], "MEDIA_ASSET_WAITING_UPLOAD");
    assert_eq!(finalize(&mut rig, &film, &token, &[a, &again, c]), 200);
    assert_eq!(create(&mut rig, &post).1["code"], "MEDIA_ASSET_PROCESSING");
    rig.wait(1);
    assert_eq!(create(&mut rig, &post).0, 201);
    let (mine, facts) = (rig.grant.clone(), rig.facts.clone());
    let Ok(mut others) = rig.connect("beta") else { panic!("another page can be connected") };
    rig.grant = Some(others.remove(0).grant);
    assert_eq!(put(&mut rig, address(0), 40_000).0, 404, "an address serves its owner alone");
    (rig.grant, rig.facts) = (mine, facts);
    rig.wait(86_400);
    assert_eq!(put(&mut rig, address(0), 40_000).0, 403, "the address is over");
}

// case: L-strict
#[test]
fn films_documents_and_polls_are_taken_only_as_documented() {
    let mut rig = page("acme");
    let owner = rig.facts.remote_id.clone();
    let film = |size: u64, captions: bool| {
        json!({ "initializeUploadRequest": {
            "owner": owner, "fileSizeBytes": size, "uploadCaptions": captions,
        } })
    };
    let foreign = json!({ "initializeUploadRequest": { "owner": "urn:li:person:1" } });
    let opened = json!({ "initializeUploadRequest": { "owner": owner } });
    for (collection, body, status) in [
        ("videos", film(76_799, false), 400),
        ("videos", film(524_288_001, false), 400),
        ("videos", film(100_000, true), 400),
        ("videos", opened.clone(), 400),
        ("documents", film(100_000, false), 400),
        ("documents", foreign.clone(), 403),
        ("images", foreign, 403),
        ("films", opened.clone(), 404),
    ] {
        let path = format!("/rest/{collection}?action=initializeUpload");
        let request = request(&rig, Method::POST, &path, &body);
        assert_eq!(send(&mut rig, request).0, status, "{collection} {body}");
    }
    let path = "/rest/documents?action=initializeUpload";
    let request = request(&rig, Method::POST, path, &opened);
    let value = send(&mut rig, request).1["value"].clone();
    assert_eq!(put(&mut rig, &value["uploadUrl"], 10).0, 201);
    rig.wait(1);
    let poll = |question: &str, options: &[&str], duration: &str| {
        let options: Vec<Value> = options.iter().map(|text| json!({ "text": text })).collect();
        let settings = json!({ "duration": duration });
        json!({ "poll": { "question": question, "options": options, "settings": settings } })
    };
    let long = "a".repeat(141);
    let title = |title: &str| json!({ "media": { "id": value["document"], "title": title } });
    for (content, path) in [
        (json!({ "media": { "id": value["document"] } }), "/content/media/title"),
        (title(&"a".repeat(401)), "/content/media/title"),
        (poll(&long, &["a", "b"], "ONE_DAY"), "/content/poll/question"),
        (poll("a", &["a"], "ONE_DAY"), "/content/poll/options"),
        (poll("a", &["a", &long[..31]], "ONE_DAY"), "/content/poll/options"),
        (poll("a", &["a", "b"], "TWO_DAYS"), "/TWO_DAYS"),
    ] {
        let mut body = good(&rig);
        body["content"] = content;
        let (status, told) = create(&mut rig, &body);
        let error = &told["errorDetails"]["inputErrors"][0];
        assert_eq!((status, &error["input"]["inputPath"]["fieldPath"]), (400, &json!(path)));
    }
    let two = json!({ "id": value["document"] });
    let mut body = good(&rig);
    body["content"] = json!({ "multiImage": { "images": [two, two] } });
    assert_eq!(create(&mut rig, &body).0, 400, "several files are images");
    body["content"] = title("Report");
    assert_eq!(create(&mut rig, &body).0, 201);
}

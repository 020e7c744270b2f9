//! How strict the simulated YouTube is.

mod consenting;

use crate::port::Auth;
use crate::rig::{Rig, form};
use crate::sim::http::field;
use crate::sim::{Control, Inbound};
use crate::youtube::YouTube;
use crate::youtube::tests::{GRAIN, connected};
use http::header::{AUTHORIZATION, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Value, json};

const OPEN: &str = "/upload/youtube/v3/videos?uploadType=resumable&part=snippet%2Cstatus";
const JSON: (&str, &str) = ("content-type", "application/json; charset=UTF-8");
const FILM: (&str, &str) = ("x-upload-content-type", "video/mp4");
const NARROW: &str = "https://www.googleapis.com/auth/youtube.upload \
                      https://www.googleapis.com/auth/youtube.readonly";
const MANAGE: &str = "https://www.googleapis.com/auth/youtube";

type Headers<'a> = &'a [(&'a str, &'a str)];

fn request(rig: &Rig, [method, path]: [&str; 2], headers: Headers<'_>, body: &[u8]) -> Inbound {
    let mut all = HeaderMap::new();
    if let Some(grant) = &rig.grant {
        let bearer = format!("Bearer {}", grant.access_token.expose());
        all.insert(AUTHORIZATION, HeaderValue::from_str(&bearer).unwrap());
    }
    for (name, value) in headers {
        let name: HeaderName = name.parse().unwrap();
        all.insert(name, HeaderValue::from_str(value).unwrap());
    }
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    Inbound {
        base: "http://127.0.0.1:8090/youtube".into(),
        method: method.parse().unwrap(),
        path: path.into(),
        query: query.into(),
        headers: all,
        body: body.to_vec(),
    }
}

/// The status, the headers, and the first reason or the JSON.
fn send(
    rig: &mut Rig,
    line: [&str; 2],
    headers: Headers<'_>,
    body: &[u8],
) -> (u16, HeaderMap, Value) {
    let request = request(rig, line, headers, body);
    let (parts, body) = rig.send(request).response.into_parts();
    let json: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let reason = &json["error"]["errors"][0]["reason"];
    let told = if reason.is_null() { json.clone() } else { reason.clone() };
    (parts.status.as_u16(), parts.headers, told)
}

/// A session for so many bytes.
fn session(rig: &mut Rig, size: usize) -> String {
    let size = size.to_string();
    let headers = [JSON, FILM, ("x-upload-content-length", size.as_str())];
    let body = json!({ "snippet": { "title": "A film" } }).to_string();
    let (status, headers, _) = send(rig, ["POST", OPEN], &headers, body.as_bytes());
    assert_eq!(status, 200);
    let address = headers[LOCATION].to_str().unwrap();
    address.strip_prefix("http://127.0.0.1:8090/youtube").unwrap().to_owned()
}

fn put(rig: &mut Rig, session: &str, range: &str, body: &[u8]) -> (u16, Option<String>, Value) {
    let (status, headers, told) = send(rig, ["PUT", session], &[("content-range", range)], body);
    (status, headers.get("range").map(|range| range.to_str().unwrap().to_owned()), told)
}

#[test]
fn a_session_is_opened_only_as_documented() {
    let mut rig = connected("acme");
    let size = ("x-upload-content-length", "10");
    let good = json!({ "snippet": { "title": "A film" }, "status": {} });
    let headers = [JSON, FILM, size];
    let mut refused = |path: &str, headers: Headers<'_>, body: &Value, reason: &str| {
        let body = body.to_string();
        let (status, _, told) = send(&mut rig, ["POST", path], headers, body.as_bytes());
        assert_eq!((status, told.as_str()), (400, Some(reason)), "{path} {body}");
    };
    refused(
        "/upload/youtube/v3/videos?uploadType=media&part=snippet",
        &headers,
        &good,
        "invalidParameter",
    );
    refused(&format!("{OPEN}&colour=red"), &headers, &good, "unknownParameter");
    refused(
        "/upload/youtube/v3/videos?uploadType=resumable",
        &headers,
        &good,
        "missingRequiredParameter",
    );
    refused(
        "/upload/youtube/v3/videos?uploadType=resumable&part=snippet,colour",
        &headers,
        &good,
        "unknownPart",
    );
    refused(
        "/upload/youtube/v3/videos?uploadType=resumable&part=snippet",
        &headers,
        &good,
        "unexpectedPart",
    );
    refused(OPEN, &[FILM, size], &good, "badRequest");
    refused(OPEN, &[JSON, size], &good, "mediaBodyRequired");
    refused(OPEN, &[JSON, FILM], &good, "mediaBodyRequired");
    refused(
        OPEN,
        &[JSON, ("x-upload-content-type", "image/png"), size],
        &good,
        "mediaBodyRequired",
    );
    let with = |part: &str, name: &str, value: Value| {
        let mut body = good.clone();
        body[part][name] = value;
        body
    };
    let cases = [
        (with("snippet", "colour", json!("red")), "badRequest"),
        (with("status", "madeForKids", json!(true)), "badRequest"),
        (with("status", "privacyStatus", json!("friends")), "badRequest"),
        (with("snippet", "title", json!("a".repeat(101))), "invalidTitle"),
        (with("snippet", "title", json!(" ")), "invalidTitle"),
        (with("snippet", "description", json!("é".repeat(2_501))), "invalidDescription"),
        (with("snippet", "description", json!("a > b")), "invalidDescription"),
        // Two quotes and a comma make it 501.
        (with("snippet", "tags", json!(["a b", "c".repeat(495)])), "invalidTags"),
        (with("snippet", "categoryId", json!("18")), "invalidCategoryId"),
        (with("status", "publishAt", json!("2027-01-01T00:00:00Z")), "invalidPublishAt"),
    ];
    for (body, reason) in cases {
        refused(OPEN, &headers, &body, reason);
    }
    let tags = with("snippet", "tags", json!(["a b", "c".repeat(494)])).to_string();
    assert_eq!(send(&mut rig, ["POST", OPEN], &headers, tags.as_bytes()).0, 200);
}

#[test]
fn pieces_are_taken_only_as_documented() {
    let mut rig = connected("acme");
    let total = 2 * GRAIN + 10;
    let session = session(&mut rig, total);
    let bytes = vec![7; total];
    let whole = |range: &str, bytes: &[u8], rig: &mut Rig| put(rig, &session, range, bytes);
    assert_eq!(whole(&format!("bytes */{total}"), b"", &mut rig), (308, None, Value::Null));
    let odd = [
        (format!("bytes 0-99/{total}"), &bytes[..100]),
        (format!("bytes {GRAIN}-{}/{total}", 2 * GRAIN - 1), &bytes[..GRAIN]),
        (format!("bytes 0-{}/{total}", GRAIN - 1), &bytes[..GRAIN - 1]),
        (format!("bytes 0-{}/{}", GRAIN - 1, total + 1), &bytes[..GRAIN]),
        (format!("bytes 5-4/{total}"), &bytes[..0]),
        (format!("bytes */{}", total + 1), &bytes[..0]),
        (format!("bytes */{total}"), &bytes[..1]),
        ("0-1".into(), &bytes[..2]),
    ];
    for (range, piece) in odd {
        assert_eq!(whole(&range, piece, &mut rig).0, 400, "{range}");
    }
    let first = format!("bytes 0-{}/{total}", GRAIN - 1);
    let kept = Some(format!("bytes=0-{}", GRAIN - 1));
    for _ in 0..2 {
        // The same piece again is passed over.
        assert_eq!(whole(&first, &bytes[..GRAIN], &mut rig), (308, kept.clone(), Value::Null));
    }
    let rest = format!("bytes {GRAIN}-{}/{total}", total - 1);
    let (status, _, video) = whole(&rest, &bytes[GRAIN..], &mut rig);
    assert_eq!((status, video["kind"].as_str()), (200, Some("youtube#video")));
    assert_eq!(video["status"]["uploadStatus"], "uploaded");
    let (status, _, again) = whole(&format!("bytes */{total}"), b"", &mut rig);
    assert_eq!((status, &again["id"]), (200, &video["id"]));
    assert_eq!(rig.sim.accepted().len(), 1);
    let unknown = "/upload/youtube/v3/videos?upload_id=no";
    assert_eq!(put(&mut rig, unknown, "bytes */10", b"").0, 404);
    assert_eq!(put(&mut rig, "/upload/youtube/v3/videos", "bytes */10", b"").0, 404);
}

#[test]
fn a_session_belongs_to_its_channel() {
    let mut rig = connected("acme");
    let session = session(&mut rig, 10);
    let beta = rig.connect("beta").ok().unwrap().remove(0);
    rig.grant = Some(beta.grant);
    assert_eq!(put(&mut rig, &session, "bytes 0-9/10", &[1; 10]).0, 404);
    rig.grant = None;
    let (status, _, reason) = put(&mut rig, &session, "bytes 0-9/10", &[1; 10]);
    assert_eq!((status, reason), (401, json!("authError")));
}

fn upload(rig: &mut Rig, bytes: &[u8]) -> String {
    let session = session(rig, bytes.len());
    let range = format!("bytes 0-{}/{}", bytes.len() - 1, bytes.len());
    let (_, _, video) = put(rig, &session, &range, bytes);
    video["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_video_is_processed_over_time() {
    let mut rig = connected("acme");
    let (fine, broken) = (upload(&mut rig, &[1; 50]), upload(&mut rig, b"UNSUPPORTED film"));
    let look = |rig: &mut Rig| {
        let path =
            format!("/youtube/v3/videos?part=status,processingDetails&id={fine},{broken},none");
        send(rig, ["GET", &path], &[], b"").2
    };
    let progress = &look(&mut rig)["items"][0]["processingDetails"];
    assert_eq!(progress["processingProgress"]["timeLeftMs"], "10000");
    rig.wait(11);
    let shown = look(&mut rig);
    assert_eq!(shown["items"].as_array().unwrap().len(), 2);
    assert_eq!(shown["items"][0]["status"]["uploadStatus"], "processed");
    assert_eq!(shown["items"][1]["status"]["failureReason"], "codec");
    rig.sim.control(&Control::StuckProcessing { s: 60 }, rig.now);
    assert_eq!(look(&mut rig)["items"][0]["status"]["uploadStatus"], "uploaded");
}

#[test]
fn a_video_is_rejected_with_its_reason() {
    let mut rig = connected("unverified-acme");
    let films = [b"one".as_slice(), b"one", b"OVERLONG film", b"two"];
    let ids: Vec<String> = films.iter().map(|film| upload(&mut rig, film)).collect();
    rig.wait(11);
    let path = format!("/youtube/v3/videos?part=status&id={}", ids.join(","));
    let shown = send(&mut rig, ["GET", &path], &[], b"").2;
    let told = |at: usize, name: &str| shown["items"][at]["status"][name].clone();
    assert_eq!(told(0, "uploadStatus"), "processed");
    assert_eq!(
        (told(1, "uploadStatus"), told(1, "rejectionReason")),
        (json!("rejected"), json!("duplicate"))
    );
    assert_eq!(told(2, "rejectionReason"), "length");
    assert_eq!(told(3, "rejectionReason"), Value::Null);
}

#[test]
fn a_session_that_has_ended_is_gone_and_one_that_moves_answers_only_there() {
    let mut rig = connected("acme");
    let old = session(&mut rig, 2 * GRAIN);
    rig.sim.control(&Control::Limits { limits: json!({ "movesSessions": true }) }, rig.now);
    let size = 2 * GRAIN;
    let range = format!("bytes 0-{}/{size}", GRAIN - 1);
    let line = ["PUT", old.as_str()];
    let (status, headers, _) = send(&mut rig, line, &[("content-range", &range)], &[7; GRAIN]);
    assert_eq!(status, 308);
    let moved = headers[LOCATION].to_str().unwrap();
    let moved = moved.strip_prefix("http://127.0.0.1:8090/youtube").unwrap().to_owned();
    let ask = format!("bytes */{size}");
    assert_eq!(put(&mut rig, &old, &ask, b"").0, 404);
    rig.sim.control(&Control::Limits { limits: json!({ "movesSessions": false }) }, rig.now);
    assert_eq!(put(&mut rig, &moved, &ask, b"").1, Some(format!("bytes=0-{}", GRAIN - 1)));
    rig.wait(7 * 86_400);
    rig.refresh().unwrap();
    assert_eq!(put(&mut rig, &moved, &ask, b"").0, 410);
}

#[test]
fn only_a_wider_scope_deletes() {
    let mut rig = connected("acme");
    agree(&mut rig, "acme", NARROW);
    let id = upload(&mut rig, &[1; 50]);
    let path = format!("/youtube/v3/videos?id={id}");
    let (status, _, reason) = send(&mut rig, ["DELETE", &path], &[], b"");
    assert_eq!((status, reason), (403, json!("insufficientPermissions")));
    agree(&mut rig, "acme", MANAGE);
    assert_eq!(send(&mut rig, ["DELETE", &path], &[], b"").0, 204);
    let (status, _, reason) = send(&mut rig, ["DELETE", &path], &[], b"");
    assert_eq!((status, reason), (404, json!("videoNotFound")));
    let listed = send(&mut rig, ["GET", &format!("{path}&part=id")], &[], b"").2;
    assert_eq!(listed["items"], json!([]));
}

/// Consents once more; the scopes from before stay where the wider one is asked for.
fn agree(rig: &mut Rig, handle: &str, scope: &str) {
    let query = consent(&[
        ("scope", scope),
        ("include_granted_scopes", if scope == MANAGE { "true" } else { "false" }),
        ("access_type", "offline"),
        ("prompt", "consent"),
        ("account", handle),
    ]);
    let (_, headers, _) = send(rig, ["POST", "/o/oauth2/v2/auth"], &[], query.as_bytes());
    let target = headers[LOCATION].to_str().unwrap().to_owned();
    let code = field(target.split_once('?').unwrap().1, "code").unwrap();
    let reply = rig.carry_ready(&YouTube.exchange(&rig.app.clone(), &code, None));
    rig.grant = YouTube.read_grant(&reply, None).ok();
    assert!(rig.grant.is_some());
}

fn consent(more: &[(&str, &str)]) -> String {
    let mut asked = vec![
        ("response_type", "code"),
        ("client_id", "client-1"),
        ("redirect_uri", "https://app.example/oauth/youtube/callback"),
    ];
    asked.extend(more);
    form(&asked)
}

#[test]
fn thumbnails_are_taken_only_as_documented() {
    let mut rig = connected("acme");
    let id = upload(&mut rig, &[1; 50]);
    let path = format!("/upload/youtube/v3/thumbnails/set?videoId={id}");
    let png = [("content-type", "image/png")];
    let mut told = |path: &str, headers: Headers<'_>, body: &[u8]| {
        let (status, _, told) = send(&mut rig, ["POST", path], headers, body);
        (status, told)
    };
    assert_eq!(told(&path, &png, b""), (400, json!("mediaBodyRequired")));
    assert_eq!(told(&path, &[("content-type", "image/gif")], b"GIF"), (400, json!("invalidImage")));
    let large = vec![1; 50 * 1024 * 1024 + 1];
    assert_eq!(told(&path, &png, &large).0, 413);
    let nobody = "/upload/youtube/v3/thumbnails/set?videoId=none";
    assert_eq!(told(nobody, &png, b"PNG"), (404, json!("videoNotFound")));
    assert_eq!(told(&path, &png, b"PNG").1["kind"], "youtube#thumbnailSetResponse");
}

#[test]
fn lists_are_paged_and_hide_what_is_private_or_too_new() {
    let mut rig = connected("acme");
    for _ in 0..7 {
        upload(&mut rig, &[1; 50]);
    }
    let uploads = rig.facts.remote_id.replacen("UC", "UU", 1);
    let path = format!("/youtube/v3/playlistItems?part=snippet&playlistId={uploads}");
    let (_, _, first) = send(&mut rig, ["GET", &path], &[], b"");
    assert_eq!(first["items"].as_array().unwrap().len(), 5);
    let next = format!("{path}&pageToken={}", first["nextPageToken"].as_str().unwrap());
    let (_, _, second) = send(&mut rig, ["GET", &next], &[], b"");
    assert_eq!(second["items"].as_array().unwrap().len(), 2);
    assert!(second["nextPageToken"].is_null());
    let refused = ["maxResults=51", "pageToken=odd", "part=colour"];
    for query in refused {
        let path = format!("/youtube/v3/playlistItems?{query}&part=snippet&playlistId={uploads}");
        assert_eq!(send(&mut rig, ["GET", &path], &[], b"").0, 400, "{query}");
    }
    let other = "/youtube/v3/playlistItems?part=snippet&playlistId=UUnone";
    assert_eq!(send(&mut rig, ["GET", other], &[], b"").2, json!("playlistNotFound"));
    let limits = json!({ "visibilityDelayMs": 1_000 });
    rig.sim.control(&Control::Limits { limits }, rig.now);
    assert_eq!(send(&mut rig, ["GET", &path], &[], b"").2["items"], json!([]));
}

#[test]
fn the_pages_show_what_is_out_and_escape_it() {
    let mut rig = connected("acme");
    let size = ("x-upload-content-length", "3");
    let body = json!({ "snippet": { "title": "Q&A", "description": "R&D", "tags": ["one"] } });
    let (_, headers, _) =
        send(&mut rig, ["POST", OPEN], &[JSON, FILM, size], body.to_string().as_bytes());
    let address = headers[LOCATION].to_str().unwrap();
    let path = address.strip_prefix("http://127.0.0.1:8090/youtube").unwrap().to_owned();
    let (_, _, video) = put(&mut rig, &path, "bytes 0-2/3", b"abc");
    let id = video["id"].as_str().unwrap();
    for page in ["/feed".to_owned(), format!("/watch?v={id}")] {
        let html = rig.page(&page);
        let source = format!("<video controls src=\"media/{id}\"");
        for wanted in ["Q&amp;A", "R&amp;D", "Who sees it: public", "Tags: one", &source] {
            assert!(html.contains(wanted), "{wanted} is not in {html}");
        }
    }
    assert_eq!(rig.page(&format!("/media/{id}")), "abc");
    let nowhere = send(&mut rig, ["GET", "/watch?v=none"], &[], b"");
    assert_eq!(nowhere.0, 404);
    let request = request(&rig, ["GET", "/nowhere"], &[], b"");
    assert_eq!((rig.sim.route(&request), request.method), (None, Method::GET));
}

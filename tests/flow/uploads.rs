//! Large files come in parts, go on where they broke off, and are a file once the last one is there.

use crate::support::api::{Api, send};
use crate::support::wait::eventually;
use crate::support::{Fleet, files};
use base::digest::sha256_hex;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::join_all;
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

fn tus(api: &Api, method: Method, path: &str) -> RequestBuilder {
    api.request(method, path).header("Tus-Resumable", "1.0.0")
}

async fn headers(request: RequestBuilder) -> (u16, HeaderMap) {
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.headers().clone())
}

/// Begins an upload; its path.
async fn begin(api: &Api, size_bytes: usize) -> String {
    let request = tus(api, Method::POST, "/v1/uploads").header("Upload-Length", size_bytes);
    let (status, headers) = headers(request.header("Upload-Metadata", "filename YS5tcDQ=")).await;
    assert_eq!(status, 201);
    let place = headers["location"].to_str().unwrap();
    place[place.find("/v1/").unwrap()..].to_owned()
}

fn more(api: &Api, path: &str, from: usize, bytes: &[u8]) -> RequestBuilder {
    let request = tus(api, Method::PATCH, path).header("Upload-Offset", from);
    request.header("Content-Type", "application/offset+octet-stream").body(bytes.to_vec())
}

async fn offset(api: &Api, path: &str) -> usize {
    let (status, headers) = headers(tus(api, Method::HEAD, path)).await;
    assert_eq!((status, headers["tus-resumable"].to_str().unwrap()), (200, "1.0.0"));
    assert_eq!(headers["upload-metadata"], "filename YS5tcDQ=");
    headers["upload-offset"].to_str().unwrap().parse().unwrap()
}

/// Sends the beginning of a part and hangs up.
async fn break_off(fleet: &Fleet, path: &str, (whole, sent): (usize, &[u8])) {
    let place = fleet.place();
    let mut line = TcpStream::connect(place.api_url.trim_start_matches("http://")).await.unwrap();
    let head = format!(
        "PATCH {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ntus-resumable: 1.0.0\r\n\
         upload-offset: 0\r\ncontent-type: application/offset+octet-stream\r\n\
         content-length: {whole}\r\n\r\n",
        place.api_key
    );
    line.write_all(head.as_bytes()).await.unwrap();
    line.write_all(sent).await.unwrap();
    line.shutdown().await.unwrap();
}

// case: M-resume
#[tokio::test]
async fn an_upload_goes_on_where_it_broke_off_in_another_process_too() {
    let mut fleet = Fleet::start_kept(&[]).await;
    let film = files::large_film(10_000_000);
    let api = fleet.api();
    let (status, able) = headers(api.request(Method::OPTIONS, "/v1/uploads")).await;
    assert_eq!((status, &able["tus-version"]), (204, &"1.0.0".parse().unwrap()));
    assert_eq!(able["tus-extension"], "creation,termination,checksum");
    let path = begin(&api, film.len()).await;

    let sent = 6_000_000;
    break_off(&fleet, &path, (film.len(), &film[..sent])).await;
    let at = eventually("what was sent counts", Duration::from_secs(20), async || {
        let at = offset(&api, &path).await;
        if at == sent { Ok(at) } else { Err(at.to_string()) }
    })
    .await;
    fleet.kill();
    fleet.restart(&[]).await;
    let api = fleet.api();
    assert_eq!(offset(&api, &path).await, at);

    let next = &film[at..at + 1_000_000];
    let wrong = format!("sha256 {}", STANDARD.encode([7; 32]));
    let refused = more(&api, &path, at, next).header("Upload-Checksum", wrong);
    assert_eq!(send(refused).await.status, 460);
    assert_eq!(send(more(&api, &path, at + 1, next)).await.status, 409);
    assert_eq!(offset(&api, &path).await, at, "nothing of it counts");
    let digest = base::digest::sha256(next);
    let right = format!("sha256 {}", STANDARD.encode(digest));
    let (status, told) =
        headers(more(&api, &path, at, next).header("Upload-Checksum", right)).await;
    let at = at + next.len();
    assert_eq!((status, told["upload-offset"].to_str().unwrap()), (204, &*at.to_string()));
    assert_eq!(
        send(more(&api, &path, at, &[film[at..].to_vec(), vec![0]].concat())).await.status,
        413
    );

    // Whoever sends the rest twice at once has sent it once.
    let ended = join_all((0..4).map(|_| send(more(&api, &path, at, &film[at..])))).await;
    let statuses: Vec<u16> = ended.iter().map(|answer| answer.status).collect();
    assert!(statuses.contains(&204), "{statuses:?}");
    assert!(statuses.iter().all(|status| [204, 409].contains(status)), "{statuses:?}");
    assert_eq!(offset(&api, &path).await, film.len());
    let id = path.rsplit('/').next().unwrap();
    let shown = api.get(&format!("/v1/media/{id}")).await;
    assert_eq!(shown.data()["sha256"], sha256_hex(&film));
    assert_eq!(send(more(&api, &path, film.len(), &[])).await.status, 204, "it is asked again");
    let kept = std::fs::read_dir(fleet.data().join("media")).unwrap().flatten();
    let kept = kept.flat_map(|tenant| std::fs::read_dir(tenant.path()).unwrap()).count();
    assert_eq!(kept, 1, "its parts are gone");
    assert!(fleet.stop().await.success());
}

// case: M-uploads
#[tokio::test]
async fn what_is_no_upload_is_refused_in_words_and_one_that_is_given_up_is_gone() {
    let api = Fleet::shared().await.api();
    let post = |name: &'static str, value: &'static str| {
        tus(&api, Method::POST, "/v1/uploads").header(name, value)
    };
    assert_eq!(send(post("Upload-Length", "0")).await.status, 422);
    assert_eq!(send(post("Upload-Length", "9000000000")).await.status, 413);
    assert_eq!(send(post("Upload-Defer-Length", "1")).await.status, 400);
    let bare = api.request(Method::POST, "/v1/uploads").header("Upload-Length", "5");
    assert_eq!(send(bare).await.details(412)[0]["limit"], "1.0.0");

    let words = b"no film at all";
    let path = begin(&api, words.len()).await;
    let wrong = tus(&api, Method::PATCH, &path).header("Upload-Offset", 0).body(&words[..]);
    assert_eq!(send(wrong).await.status, 415);
    let odd = more(&api, &path, 0, words).header("Upload-Checksum", "md5 abcd");
    assert_eq!(send(odd).await.details(400)[0]["limit"], json!(["sha1", "sha256"]));
    // What it comes to is refused as any file is, and with it the upload goes.
    let refused = send(more(&api, &path, 0, words)).await;
    assert_eq!(refused.details(422)[0]["type"], "PlatformMediaError");
    assert_eq!(send(tus(&api, Method::GET, &path)).await.status, 404);

    let path = begin(&api, 1_000).await;
    assert_eq!(send(more(&api, &path, 0, &[1; 10])).await.status, 204);
    let shown = send(tus(&api, Method::GET, &path)).await;
    assert_eq!((&shown.data()["offset"], &shown.data()["length"]), (&json!(10), &json!(1_000)));
    // Another tenant, and a key that sees its own alone, are told that there is none.
    let other = Fleet::shared().await.another_tenant("spec").await;
    for (method, status) in [(Method::HEAD, 404), (Method::PATCH, 404), (Method::DELETE, 404)] {
        assert_eq!(send(tus(&other, method, &path)).await.status, status);
    }
    assert_eq!(send(tus(&api, Method::DELETE, &path)).await.status, 204);
    assert_eq!(send(tus(&api, Method::DELETE, &path)).await.status, 404);
    let mine: Vec<Value> = api.get("/v1/media?limit=1").await.data().as_array().unwrap().clone();
    assert!(mine.len() <= 1);
}

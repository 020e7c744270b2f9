//! Every name that the adapter sends, against the lists in the code generator of Meta's own SDK.
//!
//! The lists are found through `POSTFLEET_SPECS`; without them the comparison is skipped, and says
//! so. They hold edges, parameters and fields, no limits and no errors.

use super::with_files;
use crate::instagram::Instagram;
use crate::instagram::sim::containers::PARAMETERS;
use crate::instagram::sim::posts::FIELDS;
use crate::port::Auth;
use crate::rig::Rig;
use crate::sim::Inbound;
use domain::content::MediaKind;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use url::form_urlencoded;

/// What every edge of the Graph API takes, docs: graph-api/results.
const GENERAL: [&str; 4] = ["access_token", "fields", "limit", "after"];

/// The folder of the lists; none where there is none, with a word about it.
fn folder(test: &str) -> Option<PathBuf> {
    let Ok(folder) = std::env::var("POSTFLEET_SPECS") else {
        eprintln!("SKIPPED: {test} needs POSTFLEET_SPECS, the folder of official documents");
        return None;
    };
    Some(Path::new(&folder).join("meta/ig"))
}

/// What a list says of one kind of thing.
fn list(folder: &Path, name: &str) -> Value {
    let path = folder.join(format!("{name}.json"));
    let text = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_slice(&text).unwrap()
}

fn names(of: &Value) -> BTreeSet<String> {
    let all = of.as_array().unwrap_or_else(|| panic!("{of} is a list"));
    all.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
}

fn fields(folder: &Path, name: &str) -> BTreeSet<String> {
    names(&list(folder, name)["fields"])
}

/// The parameters of an edge; without a name, of the thing itself.
fn parameters(folder: &Path, name: &str, method: &str, edge: Option<&str>) -> BTreeSet<String> {
    let whole = list(folder, name);
    let apis = whole["apis"].as_array().unwrap();
    let plain = |text: &str| text.trim_start_matches('/').replace('_', "");
    let is_it = |api: &&Value| {
        let endpoint = api["endpoint"].as_str().map(plain).filter(|text| !text.is_empty());
        api["method"] == method && endpoint == edge.map(plain)
    };
    let found = apis.iter().find(is_it);
    names(&found.unwrap_or_else(|| panic!("{name}: {method} {edge:?}"))["params"])
}

/// The names in query and form, and those in `fields`.
fn sent(request: &Inbound) -> (BTreeSet<String>, BTreeSet<String>) {
    let form = String::from_utf8_lossy(&request.body);
    let whole = format!("{}&{form}", request.query);
    let pairs: Vec<(String, String)> =
        form_urlencoded::parse(whole.as_bytes()).into_owned().collect();
    let asked = pairs.iter().filter(|(name, _)| name == "fields");
    let asked = asked.flat_map(|(_, value)| value.split(',').map(str::to_owned)).collect();
    (pairs.into_iter().map(|(name, _)| name).collect(), asked)
}

/// A reel with all its options, a carousel of images and films, and what became of a publication
/// that nobody answered, by one of our registrations.
fn everything(app: &str) -> Rig {
    let mut rig = Rig::connected(&Instagram, app, "acme");
    rig.wait(8 * 86_400);
    if app != "default" {
        rig.refresh().unwrap();
    }
    let mut content = with_files(&mut rig, "Watch", &[MediaKind::Video]);
    let cover = rig.file(MediaKind::Image, vec![9; 500], None);
    for own in [json!({ "coverMediaId": cover.id }), json!({ "thumbOffsetMs": 1_500 })] {
        content.options = own.as_object().cloned().unwrap();
        content.options.insert("shareToFeed".into(), json!(true));
        content.options.insert("collaborators".into(), json!(["beta"]));
        rig.publish(&content).unwrap();
    }
    (rig.files, rig.assets, rig.asset_urls) = (vec![], vec![], vec![]);
    let content = with_files(&mut rig, "Look", &[MediaKind::Image, MediaKind::Video]);
    rig.publish(&content).unwrap();
    let at = rig.until("media.publish", &content);
    rig.lose(&at, &content);
    rig.wait(60);
    rig.ask(&at, &content);
    rig
}

// case: C-document-instagram
#[test]
fn every_name_that_is_sent_is_one_of_the_official_lists() {
    let Some(folder) = folder("C-document-instagram") else { return };
    let general: BTreeSet<String> = GENERAL.map(ToOwned::to_owned).into();
    let tables = [
        ("default", "IGUser", "IGMedia"),
        ("instagram_login", "IGUserForIGOnlyAPI", "IGMediaForIGOnlyAPI"),
    ];
    for (app, user, media) in tables {
        assert!(Instagram.apps().contains(&app));
        let rig = everything(app);
        let mut seen = BTreeSet::new();
        for (request, endpoint) in rig.requests.iter().zip(&rig.calls) {
            let edge = |method, edge| parameters(&folder, user, method, Some(edge));
            let (known, known_fields) = match *endpoint {
                "media.create" => (edge("POST", "media"), BTreeSet::new()),
                "media.publish" => (edge("POST", "media_publish"), BTreeSet::new()),
                "media.list" => (edge("GET", "media"), fields(&folder, media)),
                "media.get" => (BTreeSet::new(), fields(&folder, media)),
                "media.status" => (BTreeSet::new(), fields(&folder, "ShadowIGMediaBuilder")),
                "publishing_limit" => (
                    edge("GET", "content_publishing_limit"),
                    fields(&folder, "ContentPublishingLimitResponse"),
                ),
                "me" => (BTreeSet::new(), fields(&folder, user)),
                "oauth.lengthen" if app != "default" => {
                    let name = "IGAccessTokenForIGOnlyAPI";
                    (parameters(&folder, name, "GET", None), BTreeSet::new())
                }
                "oauth.refresh" => {
                    let name = "IGRefreshAccessTokenForIGOnlyAPI";
                    (parameters(&folder, name, "GET", None), BTreeSet::new())
                }
                // Tokens and Pages of Facebook, and the host for uploads, are in no list.
                _ => continue,
            };
            seen.insert(*endpoint);
            let (names, asked) = sent(request);
            let odd: Vec<_> =
                names.iter().filter(|n| !known.contains(*n) && !general.contains(*n)).collect();
            assert!(odd.is_empty(), "{app} {endpoint}: {odd:?}");
            let odd: Vec<_> = asked.difference(&known_fields).collect();
            assert!(odd.is_empty(), "{app} {endpoint}: {odd:?}");
        }
        let least = if app == "default" { 6 } else { 9 };
        assert!(seen.len() >= least, "{app}: {seen:?}");
    }
}

// case: C-document-instagram
#[test]
fn what_is_read_of_an_upload_is_in_the_official_lists() {
    let Some(folder) = folder("C-document-instagram") else { return };
    assert!(fields(&folder, "IGResumableVideoUploadStatus").contains("uploading_phase"));
    let phase = fields(&folder, "VideoStatusUploadingPhase");
    assert!(["status", "bytes_transferred"].iter().all(|name| phase.contains(*name)), "{phase:?}");
    let posts = fields(&folder, "IGMediaForIGOnlyAPI");
    assert!(FIELDS.iter().all(|name| posts.contains(*name)), "the simulator shows {FIELDS:?}");
}

// case: C-strict-instagram
#[test]
fn the_simulator_takes_the_documented_parameters_and_no_others() {
    let Some(folder) = folder("C-strict-instagram") else { return };
    let ours: BTreeSet<String> = PARAMETERS.map(ToOwned::to_owned).into();
    let documented = parameters(&folder, "IGUserForIGOnlyAPI", "POST", Some("media"));
    let missing: Vec<_> = documented.difference(&ours).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let more: Vec<_> = ours.difference(&documented).map(String::as_str).collect();
    assert!(more.iter().all(|name| GENERAL.contains(name)), "{more:?}");
}

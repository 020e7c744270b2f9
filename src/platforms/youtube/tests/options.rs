//! What a post may say to YouTube in the wider profile, at its limits and one beyond; and that
//! metadata travel as they are given.

use super::{connected, film, kept};
use crate::port::Platform;
use crate::youtube::YouTube;
use crate::youtube::options::Options;
use domain::capability::Profile;
use domain::content::Content;
use domain::rejection::{Rejection, Rule};
use domain::request;
use domain::time::Timestamp;
use serde_json::{Value, json};

fn read(profile: Profile, own: &Value) -> (Content, Vec<Rejection>) {
    let mut body = json!({
        "brandSlug": "acme", "text": "Look", "platforms": ["youtube"], "youtube": {"title": "Live"},
        "scheduledAt": "2026-12-01T09:00:00Z",
    });
    for (name, value) in own.as_object().unwrap() {
        body["youtube"][name] = value.clone();
    }
    let now = Timestamp::parse("2026-11-23T12:00:00Z").unwrap();
    let draft = request::parse(&body, &crate::names(), now).unwrap();
    let mut problems = Vec::new();
    (YouTube.content(profile, &draft, &mut problems), problems)
}

// case: Y-extended
#[test]
fn the_wider_profile_takes_a_timer_and_playlists_up_to_their_limits() {
    let ids: Vec<String> = (0..10).map(|n| format!("PL{}{n}", "a-_".repeat(20))).collect();
    let own = json!({
        "privacyStatus": "private", "publishAt": "2026-12-01T10:00:00.001+01:00",
        "playlistIds": ids,
    });
    let (content, problems) = read(Profile::Extended, &own);
    assert_eq!(problems, []);
    let options = Options::read(&content);
    assert_eq!(options.publish_at.as_deref(), Some("2026-12-01T09:00:00.001Z"));
    assert_eq!(options.playlist_ids, ids);
    let (_, problems) = read(Profile::Spec, &own);
    let told: Vec<_> = problems.iter().map(|p| (p.field.as_str(), p.rule)).collect();
    let expected = ["youtube.publishAt", "youtube.playlistIds"];
    assert_eq!(told, expected.map(|field| (field, Rule::NotSupported)));
}

#[test]
fn what_is_beyond_the_wider_profile_is_told_with_field_and_way_out() {
    let eleven: Vec<String> = (0..11).map(|n| format!("PL{n}")).collect();
    let at = "2026-12-01T09:00:00.001Z";
    let table = [
        (json!({"publishAt": at}), "youtube.publishAt", Rule::Conflict),
        (
            json!({"publishAt": at, "privacyStatus": "unlisted"}),
            "youtube.publishAt",
            Rule::Conflict,
        ),
        (
            json!({"publishAt": "2026-12-01T09:00:00Z", "privacyStatus": "private"}),
            "youtube.publishAt",
            Rule::OutOfRange,
        ),
        (
            json!({"publishAt": "tomorrow", "privacyStatus": "private"}),
            "youtube.publishAt",
            Rule::OutOfRange,
        ),
        (json!({"playlistIds": eleven}), "youtube.playlistIds", Rule::TooMuch),
        (json!({"playlistIds": ["a".repeat(65)]}), "youtube.playlistIds[0]", Rule::OutOfRange),
        (json!({"playlistIds": ["PLa", "PL a"]}), "youtube.playlistIds[1]", Rule::OutOfRange),
        (json!({"playlistIds": ["PLa", "PLa"]}), "youtube.playlistIds[1]", Rule::Conflict),
    ];
    for (own, field, rule) in table {
        let (_, problems) = read(Profile::Extended, &own);
        let [one] = problems.as_slice() else { panic!("{own}: {problems:?}") };
        assert_eq!((one.field.as_str(), one.rule), (field, rule), "{own}");
        assert!(one.message.ends_with('.') && !one.resolution.is_empty(), "{one:?}");
    }
}

#[test]
fn a_stored_draft_reads_alike_in_the_wider_profile() {
    let owns = [
        json!({}),
        json!({"tags": ["a", "b c"], "madeForKids": true, "privacyStatus": "unlisted"}),
        json!({"description": "é".repeat(2_500), "categoryId": "10"}),
    ];
    for own in owns {
        assert_eq!(read(Profile::Spec, &own), read(Profile::Extended, &own), "{own}");
    }
}

#[test]
fn words_of_all_kinds_travel_as_they_were_given() {
    let words = "Zeile\n\n\ttwo — “é日本” 👩‍👩‍👧 \"q\" \\ & %26 \u{202e}x";
    let mut rig = connected("acme");
    let mut content = film(&mut rig, 100);
    content.segments[0].text = words.into();
    content.options.insert("title".into(), json!("Né “日” 👩‍👧 & 50%"));
    content.options.insert("tags".into(), json!(["a, b", "日本", "two words", "#x&y"]));
    content.options.insert("privacyStatus".into(), json!("private"));
    content.options.insert("publishAt".into(), json!("2026-12-24T18:00:00.000Z"));
    rig.publish(&content).unwrap();
    let requests = kept(&rig);
    let opened = requests.iter().find(|request| request.query.starts_with("uploadType")).unwrap();
    let body: Value = serde_json::from_slice(&opened.body).unwrap();
    let expected = json!({
        "snippet": {
            "title": "Né “日” 👩‍👧 & 50%", "description": words,
            "tags": ["a, b", "日本", "two words", "#x&y"], "categoryId": "22",
        },
        "status": {
            "privacyStatus": "private", "selfDeclaredMadeForKids": false,
            "publishAt": "2026-12-24T18:00:00.000Z",
        },
    });
    assert_eq!(body, expected);
    assert_eq!(rig.sim.accepted()[0].text, words);
}

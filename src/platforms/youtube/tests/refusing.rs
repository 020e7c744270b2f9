//! Limits and refusals of the simulated platform, as the adapter reads them.

use super::{connected, film, set_limits};
use crate::rig::Rig;
use domain::content::Content;
use domain::failure::{Failure, Scope};
use domain::time::Timestamp;
use serde_json::json;

fn limited(rig: &mut Rig, content: &Content) -> (Scope, Timestamp) {
    match rig.publish(content) {
        Err(Failure::RateLimit { scope, retry_at, .. }) => (scope, retry_at),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_projects_uploads_of_a_day_begin_anew_at_midnight_pacific() {
    let mut rig = connected("acme");
    set_limits(&mut rig, json!({ "insertsMax": 1 }));
    let content = film(&mut rig, 100);
    rig.publish(&content).unwrap();
    let (scope, retry_at) = limited(&mut rig, &content);
    assert_eq!((scope, retry_at.to_string().as_str()), (Scope::App, "2026-11-25T08:00:00.000Z"));
    rig.now = retry_at;
    rig.refresh().unwrap();
    rig.publish(&content).unwrap();
}

#[test]
fn a_channel_that_has_uploaded_too_much_rests_for_a_day() {
    let mut rig = connected("acme");
    set_limits(&mut rig, json!({ "channelVideosMax": 1 }));
    let content = film(&mut rig, 100);
    rig.publish(&content).unwrap();
    let (scope, retry_at) = limited(&mut rig, &content);
    assert_eq!((scope, retry_at.since(rig.now).as_secs()), (Scope::Account, 86_400));
    rig.now = retry_at;
    rig.refresh().unwrap();
    rig.publish(&content).unwrap();
}

#[test]
fn an_upload_under_way_costs_no_quota() {
    let mut rig = connected("acme");
    let content = film(&mut rig, 20 * 1024 * 1024);
    let at = rig.until("videos.chunk", &content);
    set_limits(&mut rig, json!({ "insertsMax": 0, "unitsMax": 0 }));
    rig.publish_from(at, &content).unwrap();
}

#[test]
fn refused_metadata_names_its_field() {
    let refused = |name: &str, value: serde_json::Value| {
        let mut rig = connected("acme");
        let mut content = film(&mut rig, 100);
        content.options.insert(name.into(), value);
        match rig.publish(&content) {
            Err(Failure::Content { field, .. }) => field,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(refused("title", json!("")).as_deref(), Some("title"));
    assert_eq!(refused("title", json!("a < b")).as_deref(), Some("title"));
    assert_eq!(refused("tags", json!(["a".repeat(501)])).as_deref(), Some("tags"));
    assert_eq!(refused("categoryId", json!("999")).as_deref(), Some("categoryId"));
    let mut rig = connected("acme");
    let mut content = film(&mut rig, 100);
    content.segments[0].text = "é".repeat(2_501);
    let failure = rig.publish(&content).unwrap_err();
    assert!(matches!(&failure, Failure::Content { field: Some(f), .. } if f == "description"));
    content.segments[0].text = "é".repeat(2_500);
    rig.publish(&content).unwrap();
}

#[test]
fn options_that_do_not_read_publish_nothing() {
    let mut rig = connected("acme");
    let mut content = film(&mut rig, 100);
    content.options.insert("privacyStatus".into(), json!("friends"));
    let failure = rig.publish(&content).unwrap_err();
    assert!(matches!(failure, Failure::Content { .. }), "{failure:?}");
    assert!(rig.sim.accepted().is_empty());
}

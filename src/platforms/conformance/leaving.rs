//! What is counted of publishing, and how a consent ends.

use super::{connected, each, ways};

// case: A-forecast
#[test]
fn a_post_is_one_call_of_its_publishing_endpoints_for_each_part() {
    each(|name, rig, content| {
        rig.publish(content).unwrap();
        let [first, further] = rig.adapter.publishing();
        let parts: Vec<&str> =
            rig.calls.iter().copied().filter(|call| [first, further].contains(call)).collect();
        let mut expected = vec![further; content.segments.len()];
        expected[0] = first;
        assert_eq!(parts, expected, "{name}: {:?}", rig.calls);
    });
}

// case: A-revoke
#[test]
fn a_consent_that_is_revoked_renews_nothing() {
    let mut seen = 0;
    for way in ways() {
        let mut rig = connected(&way);
        let grant = rig.grant.clone().unwrap();
        let auth = rig.adapter.auth();
        let Some(call) = auth.revoke(&rig.app, &grant) else { continue };
        let name = format!("{} {}", way.0.name(), way.1);
        assert_eq!(call.endpoint, "oauth.revoke", "{name}");
        let host = call.request.uri().host().unwrap().to_owned();
        assert!(rig.adapter.hosts().contains(&host.as_str()), "{name}: {host}");
        let reply = rig.carry_ready(&call);
        assert!(rig.adapter.classify(call.effect, &reply).is_none(), "{name}: {}", reply.status);
        assert!(rig.refresh().is_err(), "{name}: a dead consent was renewed");
        seen += 1;
    }
    assert!(seen >= 4, "{seen} ways have such a call");
}

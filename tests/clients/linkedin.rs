//! LinkedIn's own client for Python.

use super::{Python, told};
use crate::support::Alone;
use serde_json::{Value, json};

// case: C-client-linkedin
#[tokio::test]
async fn linkedins_own_client_signs_in_and_posts_for_a_person_and_a_page() {
    let Some(python) = Python::find() else { return };
    let sim = Alone::start(&["--only", "linkedin,x"]).await;
    let page = json!({"platform": "linkedin", "account": "acme", "app": "organization"});
    let page = sim.grant(&page).await;
    let (base, place) = (sim.platforms["linkedin"].as_str(), told(&page, "accountId"));
    let shown = python.run("linkedin.py", &[base, told(&page, "accessToken"), place]);

    // The one that was chosen on the consent page.
    let person = sim.grant(&json!({"platform": "linkedin", "account": "ann"})).await;
    let who = told(&person, "accountId");

    let by = |route: &str, account: &str, text: &str| [route, account, text].map(str::to_owned);
    let accepted =
        [by("posts.create", who, "A walk"), by("posts.create", place, "By the sea (at noon)")];
    assert_eq!(sim.accepted("linkedin").await, accepted);
    let creates: Vec<Value> = sim
        .requests("linkedin")
        .into_iter()
        .filter(|request| request["method"] == "POST" && request["path"] == "/rest/posts")
        .collect();
    let body = |request: &Value| -> Value {
        serde_json::from_str(request["body"].as_str().unwrap()).unwrap()
    };
    assert_eq!(body(&creates[0])["author"], who);
    assert_eq!(body(&creates[2])["commentary"], "By the sea \\(at noon\\)");
    assert_eq!(creates[0]["headers"]["linkedin-version"], "202607");
    assert_eq!(creates[0]["headers"]["x-restli-protocol-version"], "2.0.0");

    let (first, second) = (&shown["first"]["id"], &shown["second"]["id"]);
    assert_eq!(shown["first"]["status"], 201);
    assert_eq!(shown["again"]["status"], 422);
    let refusal = shown["again"]["body"]["message"].as_str().unwrap();
    assert!(refusal.ends_with(first.as_str().unwrap()), "{refusal}");
    assert_eq!(format!("urn:li:person:{}", shown["me"]["sub"].as_str().unwrap()), who);
    assert_eq!(&shown["found"][0]["id"], second);
    assert_eq!(shown["one"]["commentary"], "By the sea \\(at noon\\)");
    assert_eq!(shown["deleted"], 204);
    let feed = String::from_utf8(sim.bytes("/linkedin/feed").await).unwrap();
    assert!(feed.contains("A walk") && !feed.contains("By the sea"), "{feed}");
}

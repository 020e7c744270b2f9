//! The dialogs of the simulated platforms: who, what it may do, yes or no.

use super::look;
use crate::support::{Alone, Browser};
use url::Url;

/// Where a consent leads; nobody listens there.
const BACK: &str = "http://127.0.0.1:9/callback";

/// A platform's dialog, as its adapter asks for it.
fn dialog(sim: &Alone, platform: &str, app: &str) -> String {
    let adapter = platforms::find(platform).unwrap().adapter().unwrap();
    let profile = adapter.auth().profile(app);
    let page = Url::parse(profile.authorize_url).unwrap();
    let mut url = Url::parse(&format!("{}{}", sim.platforms[platform], page.path())).unwrap();
    let scopes = profile.scopes.join(&profile.scope_separator.to_string());
    let asked = [
        ("response_type", "code"),
        ("client_id", "acme-publisher"),
        ("redirect_uri", BACK),
        ("scope", &scopes),
        ("state", "state-1"),
    ];
    url.query_pairs_mut().extend_pairs(asked);
    if profile.uses_pkce {
        let challenge = [("code_challenge", "c"), ("code_challenge_method", "plain")];
        url.query_pairs_mut().extend_pairs(challenge);
    }
    url.query_pairs_mut().extend_pairs(profile.extra);
    url.into()
}

/// What the platform sent the browser back with.
async fn brought(browser: &Browser, name: &str) -> Option<String> {
    browser.comes_to(BACK).await;
    let url = Url::parse(&browser.url().await).unwrap();
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

// case: B-consent
#[tokio::test]
async fn every_dialog_says_who_and_what_and_takes_a_no() {
    let Some(browser) = Browser::open("consent").await else { return };
    let sim = Alone::start(&[]).await;
    for (platform, app) in crate::support::scene::WAYS {
        let adapter = platforms::find(platform).unwrap().adapter().unwrap();
        let app = app.unwrap_or(adapter.auth().apps()[0]);
        browser.go(&dialog(&sim, platform, app)).await;
        browser.click("What exactly it may do").await;
        let text = browser.text().await;
        for scope in adapter.auth().profile(app).scopes {
            assert!(text.contains(scope), "{platform}: {scope} is not in {text}");
        }
        assert!(text.contains("acme-publisher asks for your consent"), "{text}");
        look(&browser, &format!("{platform}-{app}")).await;
        browser.click("Deny").await;
        let error = brought(&browser, "error").await.expect("a no is told");
        assert!(error.contains("denied") || error.contains("cancelled"), "{error}");
        assert_eq!(brought(&browser, "state").await.as_deref(), Some("state-1"));

        browser.go(&dialog(&sim, platform, app)).await;
        let is_several = browser.text().await.contains("One more");
        let label = if is_several { "One more" } else { "Somebody else" };
        browser.fill(label, "zeta").await;
        browser.click("Allow").await;
        assert!(brought(&browser, "code").await.is_some());
        let known = sim.get(&format!("/_sim/accounts?platform={platform}")).await;
        let is_there = known.as_array().unwrap().iter().any(|one| one["handle"] == "zeta");
        assert!(is_there, "{platform}: {known}");
    }
}

// case: B-consent
#[tokio::test]
async fn where_several_can_be_shared_at_least_one_is() {
    let Some(browser) = Browser::open("several").await else { return };
    let sim = Alone::start(&[]).await;
    browser.go(&dialog(&sim, "linkedin", "organization")).await;
    browser.click("Allow").await;
    browser.sees("Choose 1 to 50 accounts, or say no.").await;
    look(&browser, "none").await;
    browser.back().await;
    browser.click("@beta").await;
    browser.click("@gamma").await;
    browser.click("Allow").await;
    assert!(brought(&browser, "code").await.is_some());
}

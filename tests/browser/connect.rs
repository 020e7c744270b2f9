//! A person connects accounts on our pages, in a real browser.

use super::look;
use crate::support::Browser;
use crate::support::browser::DESK;
use crate::support::fleet::RETURN_URLS;
use crate::support::scene::{Scene, WAYS, Way, X};
use base::rng;
use serde_json::{Value, json};

/// Everything that the lobby offers.
fn ways() -> impl Iterator<Item = Way> {
    WAYS.into_iter().chain([("instagram", Some("instagram_login"))])
}

/// A name that nobody else has.
fn handle(name: &str) -> String {
    format!("{name}-{}", &rng::uuid().simple().to_string()[..8])
}

/// What the lobby calls a way.
fn title((platform, app): Way) -> &'static str {
    let auth = platforms::find(platform).unwrap().adapter().unwrap().auth();
    auth.profile(app.unwrap_or(auth.apps()[0])).title
}

/// Opens a link with these wishes, up to the page behind its button.
async fn enter(scene: &Scene<'_>, browser: &Browser, wish: Value) {
    let link = scene.api.client.connect_link(&scene.brand, &wish).await.unwrap();
    browser.go(link.as_str()).await;
    browser.click("Continue").await;
}

/// Says at the platform who it is, and yes.
async fn allow(browser: &Browser, handles: &[&str]) {
    browser.sees("asks for your consent").await;
    let takes_several = browser.text().await.contains("One more");
    for handle in handles {
        if browser.text().await.contains(&format!("@{handle}")) {
            browser.click(&format!("@{handle}")).await;
        } else if takes_several {
            browser.fill("One more", handle).await;
        } else {
            browser.fill("Somebody else", handle).await;
        }
    }
    browser.click("Allow").await;
}

/// The page stands at an address that holds no secret, and the platform's is left behind.
async fn landed(browser: &Browser, scene: &Scene<'_>, path: &str) {
    let url = browser.url().await;
    // Browsers hand the mark on that Instagram puts behind a code.
    let url = url.trim_end_matches("#_");
    assert_eq!(url, format!("{}{path}", scene.fleet.place().api_url));
}

// case: B-connect
#[tokio::test]
async fn every_platform_is_connected_through_the_pages() {
    let Some(browser) = Browser::open("connect").await else { return };
    let scene = Scene::open("browser").await;
    for (at, way) in ways().enumerate() {
        let link = scene.api.client.connect_link(&scene.brand, &json!({})).await.unwrap();
        browser.go(link.as_str()).await;
        browser.sees("Connect an account to browser").await;
        if at == 0 {
            look(&browser, "link").await;
            // The policy lets the one style of ours in.
            let width = "return getComputedStyle(document.querySelector('main')).maxWidth";
            assert_eq!(browser.run(width, json!([])).await, "512px");
        }
        browser.click("Continue").await;
        browser.sees("Choose where.").await;
        landed(&browser, &scene, "/connect").await;
        if at == 0 {
            look(&browser, "ways").await;
        }
        browser.click(title(way)).await;
        let handle = handle("browser");
        allow(&browser, &[&handle]).await;
        browser.sees("is connected").await;
        landed(&browser, &scene, "/connect/result").await;
        let text = browser.text().await;
        assert!(text.contains(&handle) && text.contains(title(way)), "{way:?}: {text}");
        look(&browser, &format!("done-{}-{}", way.0, way.1.unwrap_or("default"))).await;

        let accounts = scene.connected().await;
        let account = accounts.iter().find(|account| account.handle.contains(&handle)).unwrap();
        assert_eq!((account.platform.as_str(), account.status.as_str()), (way.0, "connected"));
        assert!(way.1.is_none_or(|app| account.app == app), "{account:?}");
        assert_eq!(accounts.len(), at + 1);
    }
    let been = browser.history().await;
    assert!(been.iter().any(|url| url.contains("state=")), "the platforms are among {been:?}");
    assert!(!been.iter().any(|url| url.contains("code=") || url.contains("callback?")), "{been:?}");
}

// case: B-connect
#[tokio::test]
async fn of_the_accounts_of_one_consent_those_that_are_ticked_are_connected() {
    let Some(browser) = Browser::open("choose").await else { return };
    let scene = Scene::open("choosing").await;
    for (platform, app) in [("linkedin", Some("organization")), ("instagram", None)] {
        let before = scene.connected().await.len();
        let [mine, other] = [handle("mine"), handle("other")];
        for handle in [&mine, &other] {
            scene.sim.grant_to(platform, app, handle, "somebody").await;
        }
        let wish = json!({ "returnUrl": RETURN_URLS[0] });
        enter(&scene, &browser, wish).await;
        browser.click(title((platform, app))).await;
        allow(&browser, &[&mine, &other]).await;
        browser.sees("Which ones belong to choosing?").await;
        landed(&browser, &scene, "/connect/choose").await;
        look(&browser, &format!("which-{platform}")).await;
        browser.click("Connect").await;
        browser.sees("Tick at least one account.").await;
        look(&browser, &format!("none-{platform}")).await;
        browser.click(&mine).await;
        browser.click("Connect").await;
        browser.sees("is connected").await;
        browser.sees("Back to app.example").await;
        look(&browser, &format!("one-{platform}")).await;
        let accounts = scene.connected().await;
        assert_eq!(accounts.len(), before + 1, "{accounts:?}");
        let account = accounts.iter().find(|account| account.handle.contains(&mine)).unwrap();
        if platform == "linkedin" {
            // The grant of a person serves each page that was chosen, not the first one alone.
            let text = format!("Chosen, {}", scene.brand);
            scene
                .published(&scene.post(json!({ "text": text, "accounts": [account.id] })).await)
                .await;
        }
        // What was left to choose is gone, also for whoever goes back.
        browser.go(&format!("{}/connect/choose", scene.fleet.place().api_url)).await;
        browser.sees("There is nothing to choose from any more").await;
    }
}

// case: B-refused
#[tokio::test]
async fn a_no_at_the_platform_is_told_and_can_be_thought_over() {
    let Some(browser) = Browser::open("denied").await else { return };
    let scene = Scene::open("denied").await;
    enter(&scene, &browser, json!({ "returnUrl": RETURN_URLS[0] })).await;
    browser.sees("Back to app.example").await;
    browser.click(title(X)).await;
    browser.click("Deny").await;
    browser.sees("You did not give your consent").await;
    landed(&browser, &scene, "/connect/result").await;
    look(&browser, "denied").await;
    let back = browser.run("return document.querySelector('a[href^=http]').href", json!([])).await;
    let told = format!("{}?status=refused&error=consent_declined", RETURN_URLS[0]);
    assert_eq!(back, told.as_str());
    assert!(scene.connected().await.is_empty());
    browser.click("Try again").await;
    browser.click(title(X)).await;
    allow(&browser, &[&handle("after")]).await;
    browser.sees("is connected").await;
    assert_eq!(scene.connected().await.len(), 1);
}

// case: B-refused
#[tokio::test]
async fn a_personal_account_is_refused_and_told_what_it_takes() {
    let Some(browser) = Browser::open("personal").await else { return };
    let scene = Scene::open("personal").await;
    for way in [("instagram", Some("default")), ("instagram", Some("instagram_login"))] {
        enter(&scene, &browser, json!({})).await;
        browser.click(title(way)).await;
        allow(&browser, &["personal"]).await;
        browser.sees("This account cannot be connected").await;
        let text = browser.text().await;
        for words in ["personal account", "Business and Creator", "professional account"] {
            assert!(text.contains(words), "{text}");
        }
        look(&browser, way.1.unwrap()).await;
    }
    assert!(scene.connected().await.is_empty());
}

// case: B-refused
#[tokio::test]
async fn a_reconnect_names_the_account_it_is_for_and_takes_no_other() {
    let Some(browser) = Browser::open("reconnect").await else { return };
    let (scene, account) = Scene::with_account("again").await;
    scene.fault(&account, json!({ "kind": "revoke" })).await;
    let link = json!({ "accountId": account.id });
    let link = scene.api.client.connect_link(&scene.brand, &link).await.unwrap();
    browser.go(link.as_str()).await;
    browser.sees(&format!("Connect @{} again", account.handle)).await;
    look(&browser, "link").await;
    // There is one way, so the button leads straight to the platform.
    browser.click("Continue").await;
    let other = handle("other");
    allow(&browser, &[&other]).await;
    browser.sees("This is another account").await;
    let text = browser.text().await;
    for name in [&account.handle, &other] {
        assert!(text.contains(&format!("@{name}")), "{text}");
    }
    look(&browser, "wrong").await;
    assert_eq!(scene.connected().await.len(), 1);
    browser.click("Try again").await;
    browser.sees("another one is not taken").await;
    look(&browser, "ways").await;
    browser.click(title(X)).await;
    allow(&browser, &[&account.handle]).await;
    browser.sees(&format!("@{} is connected", account.handle)).await;
    let [stored] = &scene.connected().await[..] else { panic!("it is the same account") };
    assert_eq!((stored.id.as_str(), stored.status.as_str()), (&*account.id, "connected"));
}

// case: B-refused
#[tokio::test]
async fn a_consent_that_took_too_long_or_began_elsewhere_connects_nothing() {
    let Some(browser) = Browser::open("late").await else { return };
    let scene = Scene::open("late").await;
    enter(&scene, &browser, json!({})).await;
    browser.click(title(X)).await;
    browser.sees("asks for your consent").await;
    let sql = "UPDATE oauth_states SET expires_at = clock_timestamp() WHERE brand_id =
                   (SELECT id FROM brands WHERE slug = $1)";
    let mut db = scene.fleet.postgres().await;
    sqlx::query(sql).bind(&scene.brand).execute(&mut db).await.unwrap();
    allow(&browser, &[&handle("late")]).await;
    browser.sees("This took too long").await;
    landed(&browser, &scene, "/connect/refused?why=state_expired").await;
    look(&browser, "expired").await;

    browser.click("Begin again").await;
    browser.click(title(X)).await;
    browser.sees("asks for your consent").await;
    browser.forget_cookies().await;
    allow(&browser, &[&handle("elsewhere")]).await;
    browser.sees("This was begun in another browser").await;
    look(&browser, "elsewhere").await;
    assert!(scene.connected().await.is_empty());

    browser.go(&format!("{}/connect", scene.fleet.place().api_url)).await;
    browser.sees("Open your link first").await;
    look(&browser, "no-link").await;
}

// case: B-refused
#[tokio::test]
async fn a_platform_that_is_away_is_told_and_tried_again() {
    let Some(browser) = Browser::open("away").await else { return };
    let scene = Scene::open("away").await;
    enter(&scene, &browser, json!({ "platform": "threads" })).await;
    let person = handle("away");
    let fault = json!({ "kind": "serverError", "status": 503, "count": 1 });
    scene.sim.fault_on("threads", &person, fault).await;
    allow(&browser, &[&person]).await;
    browser.sees("Try again").await;
    look(&browser, "away").await;
    assert!(scene.connected().await.is_empty());
    browser.click("Try again").await;
    browser.click(title(("threads", None))).await;
    allow(&browser, &[&person]).await;
    browser.sees("is connected").await;
}

// case: B-link
#[tokio::test]
async fn a_link_is_used_up_by_its_button_and_by_nothing_else() {
    let Some(browser) = Browser::open("link").await else { return };
    let scene = Scene::open("link").await;
    // A name is text, whatever stands in it.
    let name = "<script>document.title='evil'</script>\"&";
    scene.api.client.ensure_brand(&scene.brand, name).await.unwrap();
    let link = scene.api.client.connect_link(&scene.brand, &json!({})).await.unwrap();
    for method in [reqwest::Method::GET, reqwest::Method::HEAD] {
        let preview = scene.api.open(method, link.path()).send().await.unwrap();
        assert_eq!(preview.status(), 200);
        assert!(!preview.headers().contains_key("set-cookie"), "{preview:?}");
    }
    browser.go(link.as_str()).await;
    browser.sees(name).await;
    look(&browser, "name").await;
    // Everything can be done with the keyboard alone.
    browser.press(&['\u{e004}', '\u{e007}']).await;
    browser.sees("Choose where.").await;
    browser.press(&['\u{e004}', '\u{e007}']).await;
    browser.sees("asks for your consent").await;

    let cookies = browser.cookies_of(link.as_str()).await;
    let [cookie] = &cookies[..] else { panic!("one cookie: {cookies:?}") };
    assert_eq!((&cookie["httpOnly"], &cookie["sameSite"]), (&json!(true), &json!("Lax")));
    assert_eq!(cookie["session"], json!(true), "it ends with the window");

    browser.go(link.as_str()).await;
    browser.sees("This link was opened before").await;
    look(&browser, "used").await;
    browser.go(&format!("{}/connect/{}", scene.fleet.place().api_url, "0".repeat(64))).await;
    browser.sees("There is nothing here").await;
    look(&browser, "unknown").await;
    browser.look_on(DESK).await;
}

// case: B-link
#[tokio::test]
async fn a_form_of_another_site_opens_no_link() {
    let Some(browser) = Browser::open("forged").await else { return };
    let scene = Scene::open("forged").await;
    let link = scene.api.client.connect_link(&scene.brand, &json!({})).await.unwrap();
    let form = format!(
        "data:text/html,<title>a</title><form method=post action='{link}'><button>Win</button></form>"
    );
    browser.go(&form).await;
    browser.click("Win").await;
    browser.sees("This came from somewhere else").await;
    browser.go(link.as_str()).await;
    browser.sees("Connect an account to forged").await;
}

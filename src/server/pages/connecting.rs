//! The words of the story: the link, the ways, the platform, the choice, the end.
//!
//! Invariant: knows no platform; what one is called and what it asks for comes with the verbs.

use super::{Markup, Page};
use http::StatusCode;

const GOOD: &str = "<div class=\"sign good\"><svg viewBox=\"0 0 24 24\" aria-hidden=\"true\">\
                    <path d=\"M5 12.5l4.5 4.5L19 7.5\" fill=\"none\" stroke=\"currentColor\" \
                    stroke-width=\"2.4\" stroke-linecap=\"round\" stroke-linejoin=\"round\"/>\
                    </svg></div>";
const BAD: &str = "<div class=\"sign bad\"><svg viewBox=\"0 0 24 24\" aria-hidden=\"true\">\
                   <path d=\"M12 6v7.5M12 17.4v.2\" fill=\"none\" stroke=\"currentColor\" \
                   stroke-width=\"2.6\" stroke-linecap=\"round\"/></svg></div>";
const ONWARD: &str = "<svg viewBox=\"0 0 24 24\" aria-hidden=\"true\"><path d=\"M9 5l7 7-7 7\" \
                      fill=\"none\" stroke=\"currentColor\" stroke-width=\"2.2\" \
                      stroke-linecap=\"round\" stroke-linejoin=\"round\"/></svg>";

/// One way to connect, as the page offers it.
#[derive(Debug, Clone)]
pub(crate) struct Way {
    /// What the form sends back.
    pub value: String,
    pub title: String,
    pub note: String,
    /// The operator is registered with the platform.
    pub is_configured: bool,
}

/// One account, as the pages show it.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    /// What the form sends back.
    pub id: String,
    pub handle: String,
    /// Platform and kind, in words.
    pub kind: String,
    pub is_connected: bool,
}

/// Where a page can lead.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ways {
    /// The address that whoever made the link allowed to return to.
    pub back: Option<String>,
    /// The person may begin again in this browser.
    pub again: Option<&'static str>,
}

/// The page behind a link. It needs a click, because programs follow links too.
pub(crate) fn entrance(brand: &str, way: Option<&str>, reconnecting: Option<&str>) -> Page {
    let title = match reconnecting {
        Some(handle) => format!("Connect {handle} again"),
        None => format!("Connect an account to {brand}"),
    };
    let story = match (reconnecting, way) {
        (Some(_), _) => Markup::of(
            "<p>You are asked to give the permission to publish with this account of <b>{}</b> \
             once more.</p>",
            &[brand],
        ),
        (None, Some(way)) => Markup::of(
            "<p>You are asked to let postfleet publish posts for <b>{}</b> with an account of \
             yours: <b>{}</b>.</p>",
            &[brand, way],
        ),
        (None, None) => Markup::of(
            "<p>You are asked to let postfleet publish posts for <b>{}</b> with an account of \
             yours.</p>",
            &[brand],
        ),
    };
    let body = story
        .with(
            "<p class=\"quiet\">The link works once, and from then on in this browser alone.</p>\
             <form method=\"post\"><div class=\"actions\">",
            &[],
        )
        .with("<button class=\"button\">Continue</button></div></form>", &[]);
    Page::new(StatusCode::OK, &title, &body)
}

/// The choice of platform and flavour.
pub(crate) fn lobby(brand: &str, ways: &[Way], reconnecting: Option<&str>, back: &Ways) -> Page {
    let title = match reconnecting {
        Some(handle) => format!("Connect {handle} again"),
        None => format!("Connect an account to {brand}"),
    };
    let story = match reconnecting {
        Some(_) => "Sign in with the same account as before; another one is not taken.",
        None => "Choose where. You will be asked for your consent there, and come back here.",
    };
    let list = Markup::all(ways.iter().map(|way| {
        let letter: String = way.title.chars().take(1).collect();
        let note = match (way.is_configured, way.note.as_str()) {
            (false, _) => "Not set up here yet: the operator has to register with the platform.",
            (true, note) => note,
        };
        let face = Markup::of("<span class=\"tile\" aria-hidden=\"true\">{}</span>", &[&letter])
            .with("<span><b>{}</b>", &[&way.title]);
        let face = if note.is_empty() { face } else { face.with("<small>{}</small>", &[note]) };
        if way.is_configured {
            Markup::of("<li><button class=\"row\" name=\"way\" value=\"{}\">", &[&way.value])
                .then(&face)
                .with("</span>", &[])
                .with(ONWARD, &[])
                .with("</button></li>", &[])
        } else {
            Markup::of("<li><div class=\"row off\">", &[])
                .then(&face)
                .with("</span></div></li>", &[])
        }
    }));
    let body = Markup::of("<p class=\"quiet\">{}</p>", &[story])
        .with("<form method=\"post\" action=\"/connect\"><ul>", &[])
        .then(&list)
        .with("</ul></form>", &[])
        .then(&actions(buttons(back, ["button plain", "button"])));
    Page::new(StatusCode::OK, &title, &body)
}

/// The page between us and the platform. A browser holds a form to where the form may lead, so
/// the way there is none of the form's.
pub(crate) fn away(url: &str) -> Page {
    let platform = host(url);
    let body = Markup::of(
        "<p class=\"quiet\">You are taken to {} to sign in and to give your consent.</p>",
        &[platform],
    )
    .with(
        "<div class=\"actions\"><a class=\"button\" href=\"{}\">Continue to {}</a>",
        &[url, platform],
    )
    .with("</div>", &[]);
    let mut page = Page::new(StatusCode::OK, "One moment", &body);
    page.onward = Some(url.to_owned());
    page
}

/// The accounts that a consent covers, to choose from.
pub(crate) fn choices(brand: &str, accounts: &[Shown], problem: Option<&str>) -> Page {
    let count = accounts.len().to_string();
    let list = Markup::all(accounts.iter().map(|account| {
        let values = [account.id.as_str()];
        let field = if account.is_connected {
            Markup::of("<input type=\"checkbox\" name=\"id\" value=\"{}\" checked>", &values)
        } else {
            Markup::of("<input type=\"checkbox\" name=\"id\" value=\"{}\">", &values)
        };
        let tag = if account.is_connected { "<span class=\"tag\">connected</span>" } else { "" };
        Markup::of("<li><label class=\"row\">", &[])
            .then(&field)
            .with("<span><b>{}</b>", &[&account.handle])
            .with(tag, &[])
            .with("<small>{}</small></span></label></li>", &[&account.kind])
    }));
    let alert = problem.map_or_else(Markup::default, |problem| {
        Markup::of("<p class=\"alert\" role=\"alert\">{}</p>", &[problem])
    });
    let body = Markup::of(
        "<p class=\"quiet\">Your consent covers {} accounts. Those that you tick are connected; of \
         the others nothing is kept.</p>",
        &[&count],
    )
    .then(&alert)
    .with(
        "<form method=\"post\" action=\"/connect/choose\"><fieldset><legend>Accounts</legend>",
        &[],
    )
    .with("<ul>", &[])
    .then(&list)
    .with("</ul></fieldset><div class=\"actions\">", &[])
    .with("<button class=\"button\">Connect</button></div></form>", &[]);
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Page::new(status, &format!("Which ones belong to {brand}?"), &body)
}

/// It is done.
pub(crate) fn connected(accounts: &[Shown], notes: &[String], ways: &Ways) -> Page {
    let title = match accounts {
        [one] => format!("{} is connected", one.handle),
        many => format!("{} accounts are connected", many.len()),
    };
    let list = Markup::all(accounts.iter().map(|account| {
        let bare = account.handle.trim_start_matches('@');
        let letter: String = bare.chars().take(1).flat_map(char::to_uppercase).collect();
        Markup::of(
            "<li><div class=\"row\"><span class=\"tile\" aria-hidden=\"true\">{}",
            &[&letter],
        )
        .with("</span><span><b>{}</b>", &[&account.handle])
        .with("<small>{}</small></span></div></li>", &[&account.kind])
    }));
    let told = notes.iter().map(|note| Markup::of("<p class=\"note\">{}</p>", &[note]));
    let end = if ways.back.is_some() { "" } else { "<p>You can close this window.</p>" };
    let buttons = buttons(ways, ["button", "button plain"]);
    let body =
        Markup::of("<p class=\"quiet\">From now on posts can be published there.</p><ul>", &[])
            .then(&list)
            .with("</ul>", &[])
            .then(&Markup::all(told))
            .with(end, &[])
            .then(&actions(buttons));
    signed(Page::new(StatusCode::OK, &title, &body), GOOD)
}

/// It did not come to a connection: what happened, and what to do.
pub(crate) fn refused(status: StatusCode, title: &str, story: &str, ways: &Ways) -> Page {
    let body = Markup::of("<p>{}</p>", &[story]).then(&retry(ways));
    signed(Page::new(status, title, &body), BAD)
}

fn signed(page: Page, sign: &'static str) -> Page {
    Page { body: Markup::of(sign, &[]).then(&page.body), ..page }
}

/// The buttons that lead back and that lead to another try, each in its look.
fn buttons(ways: &Ways, [back_look, again_look]: [&str; 2]) -> [Option<Markup>; 2] {
    let back = ways.back.as_deref().map(|url| {
        let values = [back_look, url, host(url)];
        Markup::of("<a class=\"{}\" href=\"{}\">Back to {}</a>", &values)
    });
    let again = ways
        .again
        .map(|words| Markup::of("<a class=\"{}\" href=\"/connect\">{}</a>", &[again_look, words]));
    [back, again]
}

/// Buttons at the end of a page.
fn actions(buttons: [Option<Markup>; 2]) -> Markup {
    let all = Markup::all(buttons.into_iter().flatten());
    if all == Markup::default() {
        return all;
    }
    Markup::of("<div class=\"actions\">", &[]).then(&all).with("</div>", &[])
}

/// The way on after a refusal: another try, or back.
fn retry(ways: &Ways) -> Markup {
    let back = if ways.again.is_some() { "button plain" } else { "button" };
    let [back, again] = buttons(ways, [back, "button"]);
    actions([again, back])
}

/// The host of an address, as a person knows it.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::super::shown;
    use super::*;

    fn account(handle: &str, is_connected: bool) -> Shown {
        let (id, kind) = (format!("id-{handle}"), "A page".to_owned());
        Shown { id, handle: handle.to_owned(), kind, is_connected }
    }

    #[tokio::test]
    async fn what_the_operator_has_not_set_up_is_shown_and_cannot_be_chosen() {
        let way = |title: &str, is_configured| Way {
            value: format!("p:{title}"),
            title: title.to_owned(),
            note: "For people".to_owned(),
            is_configured,
        };
        let ways = [way("Ready", true), way("Missing", false)];
        let (_, html) = shown(lobby("Acme", &ways, None, &Ways::default())).await;
        assert_eq!(html.matches("name=\"way\"").count(), 1);
        assert!(html.contains("value=\"p:Ready\"") && html.contains("Missing"), "{html}");
    }

    #[tokio::test]
    async fn the_way_to_a_platform_is_no_form() {
        let (_, html) = shown(away("https://platform.example/consent?state=s&a=b")).await;
        assert!(!html.contains("<form"), "{html}");
        assert!(html.contains("href=\"https://platform.example/consent?state=s&amp;a=b\""));
        assert!(html.contains("Continue to platform.example"));
    }

    #[tokio::test]
    async fn what_is_connected_is_ticked_already() {
        let accounts = [account("a", true), account("b", false)];
        let (_, html) = shown(choices("Acme", &accounts, Some("Tick one."))).await;
        assert!(html.contains("value=\"id-a\" checked>") && html.contains("value=\"id-b\">"));
        assert!(html.contains("role=\"alert\">Tick one."), "{html}");
    }

    #[tokio::test]
    async fn every_end_shows_where_to_go() {
        let back = Some("https://app.example/done?status=connected".to_owned());
        let ways = Ways { back, again: Some("Connect another account") };
        let page = connected(&[account("@a", true)], &["Mind this.".to_owned()], &ways);
        let (_, html) = shown(page).await;
        assert!(html.contains("<h1>@a is connected</h1>") && html.contains("Mind this."), "{html}");
        assert!(
            html.contains("href=\"https://app.example/done?status=connected\">Back to app.example")
        );
        let (_, html) = shown(refused(StatusCode::CONFLICT, "No", "Why.", &Ways::default())).await;
        assert!(html.contains("Why.") && !html.contains("class=\"actions\""), "{html}");
    }
}

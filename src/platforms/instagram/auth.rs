//! Connecting, signing and refreshing, by Facebook Login and by Instagram Login. The only file
//! here that sees a grant.
//!
//! Sources: developers.facebook.com/docs, instagram-platform (business login) and facebook-login,
//! 2026. A code brings a token of an hour, which is lengthened to one of sixty days before
//! anything is kept. Facebook Login then hands out a token for each Page, and those are kept.

use super::options::ACCOUNT_KIND;
use super::version::VERSION;
use super::wire::{Page, Pages, Profile, Token, Tokens};
use super::{Instagram, errors};
use crate::grant::Grant;
use crate::meta;
use crate::port::{
    AccountFacts, App, Auth, Body, Call, ClientAuth, Identifying, Identity, OAuthProfile, Reply,
};
use domain::failure::{Effect, Failure};
use domain::renewal::Rule;
use domain::time::Timestamp;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request};
use std::time::Duration;

/// The registration for Instagram Login; `default` is the one for Facebook Login.
pub(super) const INSTAGRAM_LOGIN: &str = "instagram_login";

/// docs: the token of a code lives an hour, and its answer may leave that out.
const SHORT_LIFE: Duration = Duration::from_secs(3_600);
/// docs: a long-lived token lives sixty days.
const LONG_LIFE: Duration = Duration::from_secs(60 * 86_400);
/// docs: a Page's token has no end of its own, but data access ends 90 days after consent.
const PAGE_TOKEN_LIFE: Duration = Duration::from_secs(90 * 86_400);
/// Pages of Pages that are read, a hundred in each; assumed to be more than anybody manages.
const PAGES_MAX: usize = 10;

/// What a person is told whose Pages have no professional account behind them.
const NO_PAGE: &str = "None of the Facebook Pages that were shared has a professional account \
behind it. Only Business and Creator accounts linked to a Page can publish; a personal account \
cannot. Switch it to a professional account, link it to a Page, share that Page in the dialog, \
then connect again.";

/// What differs between the two ways to connect.
#[derive(Debug)]
pub(super) struct Flavour {
    /// Where publishing calls go.
    pub api: &'static str,
    /// docs 2026-03: films can be sent only under Facebook Login; elsewhere they are fetched.
    pub sends_films: bool,
    profile: OAuthProfile,
}

static FACEBOOK: Flavour = Flavour {
    api: "https://graph.facebook.com",
    sends_films: true,
    profile: OAuthProfile {
        title: "Instagram – through a Facebook Page",
        note: "Business and Creator accounts that are linked to a Page; you choose among them \
               afterwards.",
        authorize_url: "https://www.facebook.com/v25.0/dialog/oauth",
        scopes: &[
            "instagram_basic",
            "instagram_content_publish",
            "pages_show_list",
            "pages_read_engagement",
        ],
        needed: &["instagram_basic", "instagram_content_publish", "pages_show_list"],
        ..SHARED
    },
};

static INSTAGRAM: Flavour = Flavour {
    api: "https://graph.instagram.com",
    sends_films: false,
    profile: OAuthProfile {
        title: "Instagram – directly",
        note: "The Business or Creator account you are signed in with; no Page is needed.",
        authorize_url: "https://www.instagram.com/oauth/authorize",
        scopes: &["instagram_business_basic", "instagram_business_content_publish"],
        needed: &["instagram_business_basic", "instagram_business_content_publish"],
        ..SHARED
    },
};

/// Both: no PKCE, for Facebook's dialog drops the challenge and then refuses the verifier.
const SHARED: OAuthProfile = OAuthProfile {
    title: "",
    note: "",
    authorize_url: "",
    uses_pkce: false,
    scope_separator: ',',
    scopes: &[],
    needed: &[],
    extra: &[],
    client_auth: ClientAuth::Body,
    rotates_refresh_token: false,
    // From the seventh day on: an expired token cannot be renewed, so there is much room. Nothing
    // renews a Page's token; its owner is told in time.
    renewal: Rule::After(meta::WEEK),
};

/// The flavour of one of our registrations.
pub(super) fn flavour(app: &str) -> &'static Flavour {
    if app == INSTAGRAM_LOGIN { &INSTAGRAM } else { &FACEBOOK }
}

impl Auth for Instagram {
    fn apps(&self) -> &'static [&'static str] {
        &["default", INSTAGRAM_LOGIN]
    }

    fn profile(&self, app: &str) -> &'static OAuthProfile {
        &flavour(app).profile
    }

    fn sign(&self, request: &mut Request<Body>, grant: &Grant) {
        // Only an upload tells the length of a file, and it has its token in a header.
        if !request.headers().contains_key("file_size") {
            return meta::sign(request, grant);
        }
        let words = format!("OAuth {}", grant.access_token.expose());
        // A token with an odd character goes out unsigned, and is refused.
        if let Ok(mut value) = HeaderValue::from_str(&words) {
            value.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, value);
        }
    }

    fn exchange(&self, app: &App, code: &str, _verifier: Option<&str>) -> Call {
        // Instagram writes `#_` behind the code, and some browsers hand it on with it.
        let code = code.trim_end_matches("#_");
        let mut pairs = vec![
            ("client_id", app.client_id.as_str()),
            ("client_secret", app.client_secret.expose()),
            ("redirect_uri", &app.redirect_uri),
            ("code", code),
        ];
        // A code works once.
        let effect = Effect::Irreversible;
        if app.name == INSTAGRAM_LOGIN {
            pairs.push(("grant_type", "authorization_code"));
            let url = "https://api.instagram.com/oauth/access_token";
            return meta::post("oauth.token", effect, url, &pairs);
        }
        Call { effect, ..meta::get("oauth.token", &facebook_token_url(), &pairs) }
    }

    fn identify(&self, app: &App, grant: &Grant, replies: &[Reply]) -> Identifying {
        let Some((first, rest)) = replies.split_first() else {
            return Identifying::ask(lengthening(app, grant));
        };
        match self.read_grant(first, Some(grant)) {
            Ok(long) => self.find(app, &long, first.at, rest),
            Err(failure) => Identifying::Refused(failure),
        }
    }

    fn identify_imported(&self, app: &App, grant: &Grant, replies: &[Reply]) -> Identifying {
        // Pages have tokens of their own, and those count from when they were handed out.
        let begun_at = replies.first().map_or(grant.expires_at, |reply| reply.at);
        self.find(app, grant, begun_at, replies)
    }

    fn refresh(&self, app: &App, grant: &Grant) -> Option<Call> {
        if app.name != INSTAGRAM_LOGIN {
            return None;
        }
        let url = format!("{}/refresh_access_token", INSTAGRAM.api);
        let pairs =
            [("grant_type", "ig_refresh_token"), ("access_token", grant.access_token.expose())];
        Some(meta::get("oauth.refresh", &url, &pairs))
    }

    fn read_grant(&self, reply: &Reply, previous: Option<&Grant>) -> Result<Grant, Failure> {
        // With a token in hand, this is its renewal, which can be asked for again; without one, it
        // is the exchange of a code.
        let (effect, life) = match previous {
            Some(_) => (Effect::Repeatable, LONG_LIFE),
            None => (Effect::Irreversible, SHORT_LIFE),
        };
        match errors::classify(effect, reply) {
            None => {}
            // A token is renewed only when it is a day old. A younger one is refused, and lives.
            Some(Failure::Content { detail, .. }) if previous.is_some() => {
                return Err(Failure::Transient { detail });
            }
            // A code that is spent or too old: whatever the number, only a new consent helps.
            Some(Failure::Content { detail, .. }) => {
                return Err(Failure::Auth { revoked: true, detail });
            }
            Some(failure) => return Err(failure),
        }
        let (Tokens::Flat(token) | Tokens::Wrapped { data: [token] }) =
            serde_json::from_slice(&reply.body).map_err(|_| meta::unreadable(effect, reply))?;
        let Token { access_token, expires_in } = token;
        // An empty token signs nothing, and must never overwrite one that does.
        if access_token.is_empty() {
            return Err(meta::unreadable(effect, reply));
        }
        let expires_at = reply.at + expires_in.map_or(life, Duration::from_secs);
        Ok(Grant { access_token, refresh_token: None, expires_at, scopes: None })
    }
}

impl Instagram {
    /// Who is behind a token of sixty days that was there at `consent_at`.
    fn find(
        &self,
        app: &App,
        long: &Grant,
        consent_at: Timestamp,
        replies: &[Reply],
    ) -> Identifying {
        let found = if app.name == INSTAGRAM_LOGIN {
            read_profile(long, replies)
        } else {
            read_pages(consent_at, replies)
        };
        match found {
            Ok(Found::Ask(mut call)) => {
                self.sign(&mut call.request, long);
                Identifying::Ask { after: Duration::ZERO, call }
            }
            Ok(Found::Identities(identities)) => Identifying::Done(identities),
            Err(failure) => Identifying::Refused(failure),
        }
    }
}

/// What the replies after the lengthening lead to.
enum Found {
    Ask(Box<Call>),
    Identities(Vec<Identity>),
}

/// The call that makes sixty days of an hour.
fn lengthening(app: &App, grant: &Grant) -> Call {
    let (secret, token) = (app.client_secret.expose(), grant.access_token.expose());
    if app.name == INSTAGRAM_LOGIN {
        let kind = ("grant_type", "ig_exchange_token");
        let pairs = [kind, ("client_secret", secret), ("access_token", token)];
        return meta::get("oauth.lengthen", &format!("{}/access_token", INSTAGRAM.api), &pairs);
    }
    let pairs = [
        ("grant_type", "fb_exchange_token"),
        ("client_id", &app.client_id),
        ("client_secret", secret),
        ("fb_exchange_token", token),
    ];
    meta::get("oauth.lengthen", &facebook_token_url(), &pairs)
}

fn facebook_token_url() -> String {
    format!("{}/{VERSION}/oauth/access_token", FACEBOOK.api)
}

/// Instagram Login: the account itself.
fn read_profile(long: &Grant, replies: &[Reply]) -> Result<Found, Failure> {
    let Some(reply) = replies.first() else {
        let url = format!("{}/{VERSION}/me", INSTAGRAM.api);
        let call = meta::get("me", &url, &[("fields", "user_id,username,account_type")]);
        return Ok(Found::Ask(Box::new(call)));
    };
    let profile: Profile = body(reply)?;
    // docs: these two are the professional accounts.
    if !["BUSINESS", "MEDIA_CREATOR"].contains(&profile.account_type.as_str()) {
        let detail = format!(
            "@{} is a personal account, and only Business and Creator accounts can publish. Switch \
             it to a professional account in the app's settings, then connect it again.",
            profile.username
        );
        return Err(Failure::Auth { revoked: true, detail });
    }
    let facts = facts(profile.user_id, &profile.username);
    Ok(Found::Identities(vec![Identity { facts, grant: long.clone() }]))
}

/// Facebook Login: every Page with a professional account behind it, each with its own token.
fn read_pages(consent_at: Timestamp, replies: &[Reply]) -> Result<Found, Failure> {
    let mut identities = Vec::new();
    let mut after = None;
    for reply in replies {
        let pages: Pages = body(reply)?;
        let grant = |access_token| Grant {
            access_token,
            refresh_token: None,
            expires_at: consent_at + PAGE_TOKEN_LIFE,
            scopes: None,
        };
        let linked = pages.data.into_iter().filter_map(|page| {
            let Page { access_token, instagram_business_account: account } = page;
            let account = account?;
            let facts = facts(account.id, &account.username);
            Some(Identity { facts, grant: grant(access_token?) })
        });
        identities.extend(linked);
        after = pages.paging.after();
    }
    if replies.is_empty() || (after.is_some() && replies.len() < PAGES_MAX) {
        return Ok(Found::Ask(Box::new(pages_call(after.as_deref()))));
    }
    if identities.is_empty() {
        return Err(Failure::Auth { revoked: true, detail: NO_PAGE.into() });
    }
    Ok(Found::Identities(identities))
}

fn pages_call(after: Option<&str>) -> Call {
    let fields = "id,name,access_token,instagram_business_account{id,username}";
    let mut pairs = vec![("fields", fields), ("limit", "100")];
    pairs.extend(after.map(|after| ("after", after)));
    meta::get("me.accounts", &format!("{}/{VERSION}/me/accounts", FACEBOOK.api), &pairs)
}

fn body<T: serde::de::DeserializeOwned>(reply: &Reply) -> Result<T, Failure> {
    match errors::classify(Effect::Repeatable, reply) {
        Some(failure) => Err(failure),
        None => serde_json::from_slice(&reply.body)
            .map_err(|_| meta::unreadable(Effect::Repeatable, reply)),
    }
}

fn facts(remote_id: String, username: &str) -> AccountFacts {
    AccountFacts { remote_id, handle: format!("@{username}"), kind: ACCOUNT_KIND.into() }
}

//! Brands, accounts, registrations, events, endpoints, keys and the audit.

use super::{count, cursor, text};
use crate::limits::Whole as WholeLimits;
use crate::reference::operation::{Operation, delete, get, patch, post, put};
use crate::reference::shapes::owners::{
    AuthorizeRequest, BrandRequest, ChooseRequest, ExchangeRequest, GuardRequest, ImportRequest,
    KeyRequest, LimitsRequest, LinkRequest, Nothing, OAuthAppRequest, PauseRequest, PlatformRow,
    RedeliverRequest, Redelivered, RehearseRequest, RotateRequest, SlotsRequest,
    TenantLimitsRequest, Tested, WebhookChange, WebhookRequest,
};
use app::accounts::AccountPage;
use app::amends::AmendsView;
use app::api_keys::KeyView;
use app::audits::EntryView;
use app::connect::exchanges::Exchanged;
use app::connect::links::Link;
use app::connect::own_apps::OwnApp;
use app::disconnect::DisconnectedView;
use app::erase::ErasureView;
use app::limits::{BrandGuard, TenantView};
use app::pauses::PausedView;
use app::show::{AccountView, BrandView};
use app::slots::SlotsView;
use app::webhooks::{EventView, MessageView, SecretView, WebhookView};
use serde_json::json;

pub(super) fn brands() -> Vec<Operation> {
    let slots = json!({"slots": [{"day": "mon", "time": "09:30"}], "revision": 0});
    let counts = json!({"type": "object", "additionalProperties": {"type": "integer"},
        "description": "How many accounts are how."});
    vec![
        post("/v1/brands", "ensureBrand", "Makes a brand, or renames the one with this slug.")
            .takes::<BrandRequest>(json!({"slug": "acme", "name": "Acme"}))
            .gives::<BrandView>(200, "The brand.")
            .conflicts(),
        get("/v1/brands", "listBrands", "Lists the brands.")
            .lists::<BrandView>("All of them.", json!({})),
        delete("/v1/brands/{slug}", "eraseBrand", "Erases a brand with all it has.")
            .more("What waits is taken back first, and calls under way are waited for.")
            .gives::<ErasureView>(202, "It is owed; asked again, the one under way.")
            .conflicts(),
        post("/v1/brands/{slug}/pause", "pauseBrand", "Lets nothing out on any of its accounts.")
            .more("Those that are connected later rest too.")
            .takes::<PauseRequest>(json!({"reason": "A crisis elsewhere."}))
            .gives::<BrandView>(200, "The brand, as it stands now."),
        post("/v1/brands/{slug}/resume", "resumeBrand", "Ends its pause.")
            .more("Accounts that were paused for themselves rest on.")
            .gives::<BrandView>(200, "The brand, as it stands now."),
        get("/v1/pauses", "listPauses", "Lists what is paused: since when, by whom and why.")
            .more("Platforms, apps and queues are paused by the operator of the fleet.")
            .lists::<PausedView>("The widest first, 1,000 at most.", json!({})),
        get("/v1/erasures", "listErasures", "Lists the erasures, the newest first.")
            .lists::<ErasureView>("All of them.", json!({})),
        get("/v1/erasures/{id}", "showErasure", "Shows how far an erasure is.")
            .gives::<ErasureView>(200, "It, as it stands now."),
        get("/v1/brands/{slug}/accounts", "listBrandAccounts", "Lists the accounts of a brand.")
            .lists::<AccountPage>("All of them.", json!({"summary": counts})),
        get("/v1/brands/{slug}/slots", "showBrandSlots", "Shows the slots of a brand.")
            .gives::<SlotsView>(200, "The slots, and the next ones that are free."),
        get("/v1/brands/{slug}/duplicates", "showDuplicates", "Shows what equal posts come to.")
            .gives::<BrandGuard>(200, "What the brand says; `null` is what the tenant says."),
        put("/v1/brands/{slug}/duplicates", "setDuplicates", "Sets what equal posts come to.")
            .takes::<GuardRequest>(json!({"duplicateContent": "refuse"}))
            .gives::<BrandGuard>(200, "What the brand says now."),
        put("/v1/brands/{slug}/slots", "setBrandSlots", "Sets the slots of a brand.")
            .takes::<SlotsRequest>(slots)
            .gives::<SlotsView>(200, "The slots, and the next ones that are free.")
            .conflicts(),
        post("/v1/brands/{slug}/connect-links", "createConnectLink", "Makes a link for a person.")
            .more("It works once, and leads whoever opens it through connecting an account.")
            .takes::<LinkRequest>(json!({}))
            .gives::<Link>(201, "Where to send the person.")
            .conflicts(),
    ]
}

pub(super) fn accounts() -> Vec<Operation> {
    let shown = |operation: Operation| {
        operation.gives::<AccountPage>(200, "The account, as it stands now.")
    };
    let statuses = json!({"enum": ["connected", "needs_reconnect", "disconnected", "damaged"]});
    let slots = json!({"slots": [{"day": "fri", "time": "17:00"}]});
    let owed = "It is owed; the account shows when it was done.";
    vec![
        get("/v1/accounts", "listAccounts", "Lists accounts, the newest first.")
            .asks("brand", text(), "Those of this brand.")
            .asks("platform", text(), "Those of this platform.")
            .asks("status", statuses, "Those that stand so.")
            .asks("before", text(), "The `nextCursor` of a page.")
            .asks("limit", count(100), "Accounts of a page; 50 without it.")
            .lists::<AccountPage>("A page.", cursor()),
        shown(get("/v1/accounts/{id}", "showAccount", "Shows an account, and how it is.")),
        delete("/v1/accounts/{id}", "disconnectAccount", "Takes an account from us.")
            .gives::<DisconnectedView>(200, "What became of it and of its deliveries.")
            .conflicts(),
        post("/v1/accounts/{id}/refresh", "refreshAccount", "Has its token renewed now.")
            .gives::<AccountPage>(202, owed)
            .conflicts(),
        shown(post("/v1/accounts/{id}/pause", "pauseAccount", "Lets nothing out on it."))
            .takes::<PauseRequest>(json!({"reason": "A crisis elsewhere."}))
            .conflicts(),
        shown(post("/v1/accounts/{id}/resume", "resumeAccount", "Ends its pause.")).conflicts(),
        shown(put("/v1/accounts/{id}/limits", "limitAccount", "Sets its owner's own limits."))
            .takes::<LimitsRequest>(json!({"postsPerDay": 10, "minGapS": 600}))
            .conflicts(),
        get("/v1/accounts/{id}/slots", "showAccountSlots", "Shows the slots of an account.")
            .gives::<SlotsView>(200, "The slots, and the next ones that are free."),
        put("/v1/accounts/{id}/slots", "setAccountSlots", "Sets the slots of an account.")
            .takes::<SlotsRequest>(slots)
            .gives::<SlotsView>(200, "The slots, and the next ones that are free.")
            .conflicts(),
        post("/v1/accounts/{id}/retry", "retryAccount", "Sends again what failed for it.")
            .asks("preview", json!({"type": "boolean"}), "Only count them.")
            .asks("before", text(), "What failed before: the `asOf` of a preview.")
            .gives::<AmendsView>(200, "What goes out again.")
            .conflicts(),
        post("/v1/accounts/import", "importAccount", "Brings tokens obtained elsewhere.")
            .takes::<ImportRequest>(
                json!({"brandSlug": "acme", "platform": "x", "accessToken": "…"}),
            )
            .gives::<Exchanged>(200, "The account, or what there is to choose from.")
            .conflicts(),
        post("/v1/accounts/test", "makeTestAccount", "Makes an account of test mode.")
            .more("It keeps the rules of its platform and reaches none; for keys in test mode.")
            .takes::<RehearseRequest>(
                json!({"brandSlug": "acme", "platform": "x", "handle": "acme"}),
            )
            .gives::<AccountView>(201, "The account.")
            .conflicts(),
        get("/v1/platforms", "listPlatforms", "Lists what each platform takes, as data.")
            .lists::<PlatformRow>("A row for each platform and kind of account.", json!({})),
    ]
}

pub(super) fn oauth() -> Vec<Operation> {
    vec![
        post("/v1/oauth/{platform}/authorize", "beginConsent", "Begins a consent.")
            .takes::<AuthorizeRequest>(json!({"brandSlug": "acme"}))
            .gives::<Link>(200, "Where to send the person.")
            .conflicts(),
        post("/v1/oauth/exchange", "finishConsent", "Brings the code of a consent.")
            .takes::<ExchangeRequest>(json!({"platform": "x", "state": "…", "code": "…"}))
            .gives::<Exchanged>(200, "The accounts, or what there is to choose from.")
            .conflicts(),
        post("/v1/oauth/choose", "chooseAccounts", "Chooses among the accounts of a consent.")
            .takes::<ChooseRequest>(json!({"exchange": "…", "ids": ["1"]}))
            .gives::<Exchanged>(200, "The accounts.")
            .conflicts(),
        get("/v1/oauth-apps", "listOAuthApps", "Lists your own registrations with platforms.")
            .lists::<OwnApp>("All of them.", json!({})),
        get("/v1/oauth-apps/{platform}/{app}", "showOAuthApp", "Shows one.")
            .gives::<OwnApp>(200, "It, without its secret."),
        put("/v1/oauth-apps/{platform}/{app}", "setOAuthApp", "Brings one, or its new secret.")
            .takes::<OAuthAppRequest>(json!({"clientId": "…", "clientSecret": "…"}))
            .gives::<OwnApp>(200, "It, without its secret.")
            .conflicts(),
        delete("/v1/oauth-apps/{platform}/{app}", "deleteOAuthApp", "Takes one away.")
            .gives::<Nothing>(200, "It is gone.")
            .conflicts(),
    ]
}

pub(super) fn events() -> Vec<Operation> {
    let beside = json!({
        "nextCursor": {"type": "string",
            "description": "What `after` is for what happens next; good for ever."},
        "hasMore": {"type": "boolean", "description": "There is more at once."},
    });
    vec![
        get("/v1/events", "listEvents", "Lists what happened, in order.")
            .asks("after", text(), "A `nextCursor`, or the id of an event.")
            .asks("type", text(), "A kind, as `post.published`, or a family, as `post.*`.")
            .asks("subject", text(), "What it is about.")
            .asks("limit", count(500), "Events of a page; 100 without it.")
            .lists::<EventView>("A page.", beside),
        get("/v1/events/{id}", "showEvent", "Shows an event, under the id that webhooks bring.")
            .gives::<EventView>(200, "The event."),
    ]
}

pub(super) fn webhooks() -> Vec<Operation> {
    let endpoint = json!({"url": "https://example.com/hooks", "events": ["post.*"]});
    let statuses = json!({"enum": ["waiting", "delivered", "failed"]});
    vec![
        post("/v1/webhooks", "createWebhook", "Names an endpoint that is told of events.")
            .takes::<WebhookRequest>(endpoint)
            .gives::<WebhookView>(201, "The endpoint, with its secret: shown once.")
            .conflicts(),
        get("/v1/webhooks", "listWebhooks", "Lists the endpoints.")
            .lists::<WebhookView>("All of them.", json!({})),
        get("/v1/webhooks/{id}", "showWebhook", "Shows an endpoint.")
            .gives::<WebhookView>(200, "It, without its secret."),
        patch("/v1/webhooks/{id}", "editWebhook", "Changes an endpoint, or switches it on.")
            .takes::<WebhookChange>(json!({"enabled": true}))
            .gives::<WebhookView>(200, "It, without its secret.")
            .conflicts(),
        delete("/v1/webhooks/{id}", "deleteWebhook", "Takes an endpoint away.")
            .gives::<Nothing>(200, "It is gone."),
        get("/v1/webhooks/{id}/messages", "listMessages", "Lists what it was sent.")
            .asks("status", statuses, "Those that stand so.")
            .asks("before", text(), "The `nextCursor` of a page.")
            .asks("limit", count(100), "Messages of a page; 50 without it.")
            .lists::<MessageView>("A page, the newest event first.", cursor()),
        post("/v1/webhooks/{id}/redeliver", "redeliver", "Sends messages once more.")
            .takes::<RedeliverRequest>(json!({"status": "failed"}))
            .gives::<Redelivered>(202, "They are owed.")
            .conflicts(),
        post("/v1/webhooks/{id}/secret", "renewWebhookSecret", "Gives it another secret.")
            .gives::<SecretView>(201, "The secret, shown once; the old one signs for a day more.")
            .conflicts(),
        post("/v1/webhooks/{id}/test", "testWebhook", "Sends it an event to try it out.")
            .gives::<Tested>(202, "It is owed.")
            .conflicts(),
    ]
}

pub(super) fn tenant() -> Vec<Operation> {
    let key = json!({"label": "billing app", "brands": {"acme": "editor"}});
    let spend = json!({"postsPerDay": 500, "spendCentsPerMonth": {"x": 20_000}});
    vec![
        get("/v1/limits", "listLimits", "Shows every limit, and what is left of it.")
            .asks("brand", text(), "Accounts of this brand.")
            .asks("account", text(), "This account alone.")
            .asks("held", json!({"type": "boolean"}), "Those alone that a limit or a pause holds.")
            .asks("before", text(), "The `nextCursor` of a page.")
            .asks("limit", count(100), "Accounts of a page; 20 without it.")
            .gives_with::<WholeLimits>(200, "The limits, and a page of accounts.", cursor()),
        put("/v1/limits", "setLimits", "Sets what the tenant may use up.")
            .takes::<TenantLimitsRequest>(spend)
            .gives::<TenantView>(200, "What it may use up now."),
        get("/v1/keys", "listKeys", "Lists the keys.").lists::<KeyView>("All of them.", json!({})),
        post("/v1/keys", "createKey", "Gives out a key.")
            .takes::<KeyRequest>(key)
            .gives::<KeyView>(201, "The key, shown once.")
            .conflicts(),
        post("/v1/keys/{id}/rotate", "rotateKey", "Replaces a key; both serve for a while.")
            .may_take::<RotateRequest>(json!({"graceSeconds": 3600}))
            .gives::<KeyView>(201, "The new key, shown once.")
            .conflicts(),
        delete("/v1/keys/{id}", "revokeKey", "Ends a key at once.")
            .gives::<KeyView>(200, "It, without itself.")
            .conflicts(),
        get("/v1/audit", "listAudit", "Lists who did what, the newest first.")
            .asks("before", json!({"type": "integer", "minimum": 0}), "The `nextCursor` of a page.")
            .asks("limit", count(100), "Entries of a page; 50 without it.")
            .lists::<EntryView>("A page.", cursor()),
    ]
}

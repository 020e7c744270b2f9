//! Posts, deliveries and the calendar.

use super::{count, cursor, text};
use crate::reference::operation::{Operation, delete, get, patch, post};
use crate::reference::shapes::posts::{
    CauseRequest, HoldRequest, PostChange, PostRequest, ReviewRequest, ValidPost,
};
use app::amends::CauseView;
use app::bulk::Report;
use app::calendar::Entry;
use app::lists::ListedDelivery;
use app::show::PostView;
use app::why::DeliveryPage;
use domain::delivery;
use domain::failure::PUBLIC_TYPES;
use domain::post::Status;
use serde_json::{Value, json};

fn written() -> Value {
    json!({
        "brandSlug": "acme", "text": "We are live", "platforms": ["x", "threads"],
        "scheduledAt": "2099-12-01T09:00:00Z", "clientRef": "launch-1",
    })
}

fn shown(operation: Operation) -> Operation {
    operation.gives::<PostView>(200, "The post, as it stands now.")
}

pub(super) fn posts() -> Vec<Operation> {
    let one = |path, id, summary| shown(post(path, id, summary)).conflicts();
    vec![
        post("/v1/posts", "createPost", "Accepts a post.")
            .more("It is checked against the capabilities of every account before it is stored.")
            .once()
            .takes::<PostRequest>(written())
            .gives::<PostView>(201, "The post is stored.")
            .gives::<PostView>(200, "It was accepted before, under this key or reference.")
            .conflicts(),
        sought(get("/v1/posts", "listPosts", "Lists posts, the newest first."))
            .asks("status", json!({"enum": statuses()}), "Those that stand so.")
            .asks("dueFrom", instant(), "Those that are due from then on.")
            .asks("dueTo", instant(), "Those that are due before then.")
            .asks("createdFrom", instant(), "Those that came from then on.")
            .asks("createdTo", instant(), "Those that came before then.")
            .asks("q", json!({"type": "string", "maxLength": 200}), "Those with these words.")
            .asks("clientRef", text(), "The one post that you call so.")
            .lists::<PostView>("A page.", cursor()),
        post("/v1/posts/bulk", "createPosts", "Accepts up to 5,000 posts at once.")
            .more(
                "A line of JSON for each, as `createPost` takes it, or a row of a table with a \
                 column for each field. With `mode=all` one bad row refuses all.",
            )
            .once()
            .asks("mode", json!({"enum": ["all", "valid"]}), "What becomes of the good rows.")
            .asks("dryRun", json!({"type": "boolean"}), "They are checked, and that is all.")
            .takes_text(&["application/x-ndjson", "text/csv"])
            .gives::<Report>(201, "What became of each row.")
            .gives::<Report>(200, "What would become of each, or became of it before.")
            .turned_away_as(422, "None is accepted; each violation has its line.", by_line())
            .turned_away(415, "The body is neither lines of JSON nor a table.")
            .conflicts(),
        post("/v1/posts/validate", "validatePost", "Tells what would become of a post.")
            .more("Nothing is stored. What is wrong is told as `createPost` would.")
            .takes::<PostRequest>(written())
            .gives::<ValidPost>(200, "It would be taken.")
            .conflicts(),
        shown(get("/v1/posts/{id}", "showPost", "Shows a post with its deliveries.")),
        one_change(),
        one("/v1/posts/{id}/archive", "archivePost", "Puts a post away that is over."),
        one("/v1/posts/{id}/cancel", "cancelPost", "Takes back what has not left yet."),
        one("/v1/posts/{id}/copies/cancel", "cancelCopies", "Cancels the copies to come."),
        post("/v1/posts/{id}/duplicate", "duplicatePost", "Makes a draft of the same wording.")
            .once()
            .gives::<PostView>(201, "The draft.")
            .gives::<PostView>(200, "It was made before, under this key.")
            .conflicts(),
        one("/v1/posts/{id}/hold", "holdPost", "Holds a post until it is released.")
            .takes::<HoldRequest>(json!({"reason": "approval"})),
        one("/v1/posts/{id}/release", "releasePost", "Lets a draft or a held post go."),
        one("/v1/posts/{id}/retry", "retryPost", "Sends again what failed, and nothing else.")
            .more("With a change in the body, what is sent is the new wording.")
            .may_take::<PostChange>(json!({"text": "We are live again", "revision": 1})),
        one("/v1/posts/{id}/unschedule", "unschedulePost", "Makes a planned post a draft."),
        get("/v1/calendar", "showCalendar", "Shows what a brand plans, and its free slots.")
            .needs("brand", text(), "The brand, by its slug.")
            .needs("from", text(), "A day or a time.")
            .needs("to", text(), "A day or a time, at most 62 days later; not shown itself.")
            .asks("after", text(), "The `nextCursor` of a page.")
            .asks("limit", count(100), "Entries of a page; 50 without it.")
            .lists::<Entry>("A page, the earliest first.", in_zone()),
    ]
}

/// What posts and deliveries are sought by alike.
fn sought(operation: Operation) -> Operation {
    operation
        .asks("before", text(), "The `nextCursor` of a page.")
        .asks("limit", count(100), "Entries of a page; 20 without it.")
        .asks("brand", text(), "Those of this brand.")
        .asks("platform", text(), "Those for this platform.")
        .asks("account", text(), "Those for this account.")
}

fn statuses() -> Vec<&'static str> {
    Status::ALL.iter().map(|status| status.as_str()).collect()
}

fn instant() -> Value {
    json!({"type": "string", "format": "date-time"})
}

/// The refusal of rows: the usual one, with lines and with what became of each row.
fn by_line() -> Value {
    let line = json!({"type": "object", "properties": {
        "line": {"type": "integer", "minimum": 1, "description": "Where the row begins."},
    }});
    let violation = json!({"allOf": [{"$ref": "#/components/schemas/Violation"}, line]});
    json!({
        "type": "object",
        "required": ["success", "error", "message", "details"],
        "properties": {
            "success": {"const": false},
            "error": text(),
            "message": text(),
            "details": {"type": "array", "items": violation},
            "data": {"$ref": "#/components/schemas/BulkReport"},
        },
    })
}

fn in_zone() -> Value {
    let mut beside = cursor();
    beside["timeZone"] = json!({"type": "string", "description": "The zone of the brand."});
    beside
}

fn one_change() -> Operation {
    let change = json!({"text": "We are live, finally", "revision": 1});
    shown(patch("/v1/posts/{id}", "editPost", "Changes a post: a JSON Merge Patch."))
        .takes::<PostChange>(change)
        .conflicts()
}

pub(super) fn deliveries() -> Vec<Operation> {
    let whole = |operation: Operation| {
        operation.gives::<DeliveryPage>(200, "The delivery, as it stands now.")
    };
    let statement = json!({
        "outcome": "published", "permalink": "https://x.com/acme/status/1",
        "reason": "I see it on the profile.",
    });
    let standing = delivery::Status::ALL.iter().map(|status| status.as_str());
    let standing: Vec<_> = standing.chain(["parked"]).collect();
    vec![
        sought(get("/v1/deliveries", "listDeliveries", "Lists deliveries, the newest first."))
            .asks("status", json!({"enum": standing}), "Those that stand so.")
            .asks("errorType", json!({"enum": PUBLIC_TYPES}), "Those that failed of it.")
            .lists::<ListedDelivery>("A page.", cursor()),
        whole(get("/v1/deliveries/{id}", "showDelivery", "Shows a delivery, and why it is so.")),
        whole(post("/v1/deliveries/{id}/review", "reviewDelivery", "Settles one by hand."))
            .takes::<ReviewRequest>(statement)
            .conflicts(),
        post("/v1/deliveries/retry", "retryByCause", "Sends again what failed of one cause.")
            .takes::<CauseRequest>(json!({"errorType": "PlatformAuthError", "preview": true}))
            .gives::<CauseView>(200, "What was found, and what goes out again.")
            .conflicts(),
        delete("/v1/deliveries/{id}/remote", "removeRemote", "Deletes it on the platform.")
            .gives::<DeliveryPage>(202, "It is owed; the delivery shows when it was done.")
            .gives::<DeliveryPage>(200, "It was asked for before.")
            .conflicts(),
        whole(post(
            "/v1/deliveries/{id}/reposts/cancel",
            "cancelReposts",
            "Cancels the reposts to come.",
        ))
        .conflicts(),
    ]
}

//! What is asked to be changed of a post: a JSON Merge Patch (RFC 7396) of what was written.

use super::{Draft, Fields};
use crate::lateness::Late;
use crate::post::Hold;
use crate::rejection::{Rejection, RejectionType, Rule};
use crate::time::Timestamp;
use serde_json::{Map, Value, json};

/// A change that is asked for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Change {
    /// The revision of the post that whoever asks has seen.
    pub revision: Option<i32>,
    /// What has left keeps what was written, instead of standing against the change.
    pub is_rest: bool,
    /// The fields that change: `null` takes one away, an object is merged, all else replaces.
    pub patch: Map<String, Value>,
}

impl Change {
    /// A field of the post is in it, whatever its value.
    pub fn has(&self, name: &str) -> bool {
        self.patch.contains_key(name)
    }
}

/// Reads the JSON of `PATCH /v1/posts/{id}`, or of a retry with other content.
///
/// # Errors
/// Every violation that shows without looking at the post.
pub fn parse_change(body: &Value) -> Result<Change, Vec<Rejection>> {
    let mut fields = Fields::new(body.as_object(), "", None);
    if !body.is_object() {
        fields.wrong_type("body".to_owned(), "an object", body);
        return Err(fields.finish());
    }
    let revision = fields.number("revision");
    let scope = fields.choice("scope", &[("all", false), ("remaining", true)]);
    fields.refuse(
        "brandSlug",
        "A post stays with its brand.",
        "Duplicate it by hand on the other brand, or leave the field out.",
    );
    fields.refuse(
        "clientRef",
        "A post keeps the reference that it came with.",
        "Leave the field out; duplicate the post to give it another one.",
    );
    fields.refuse(
        "draft",
        "Whether a post is a draft is no part of what was written.",
        "Use POST /v1/posts/{id}/release to let it go, /unschedule to make it a draft.",
    );
    fields.refuse(
        "hold",
        "Whether a post is held is no part of what was written.",
        "Use POST /v1/posts/{id}/hold and /release.",
    );
    let (patch, problems) = fields.rest();
    if revision.is_none() && !patch.is_empty() && problems.is_empty() {
        let message = "`revision` is required, so that nobody's change is overwritten unseen.";
        let rejection = Rejection::request(Rule::Required, "revision", message)
            .bounds("the revision that you have seen", Value::Null)
            .resolve("Send the `revision` that GET /v1/posts/{id} shows.");
        return Err(vec![rejection]);
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let revision = revision.map(|number| i32::try_from(number).unwrap_or(i32::MAX));
    Ok(Change { revision, is_rest: scope.unwrap_or(false), patch })
}

/// Reads the JSON of `POST /v1/posts/{id}/hold`.
///
/// # Errors
/// What is wrong with it.
pub fn hold(body: &Value) -> Result<Hold, Vec<Rejection>> {
    let mut fields = Fields::new(body.as_object(), "", None);
    if !body.is_object() {
        fields.wrong_type("body".to_owned(), "an object", body);
        return Err(fields.finish());
    }
    let hold = fields.choice("reason", &Hold::words());
    if fields.value("reason").is_none() {
        let words = Hold::ALL.map(Hold::as_str).join(", ");
        fields.missing("reason", &format!("Say what it waits for: {words}."));
    }
    let problems = fields.finish();
    hold.filter(|_| problems.is_empty()).ok_or(problems)
}

/// Applies a merge patch (RFC 7396).
pub fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else { return };
    for (name, value) in patch {
        if value.is_null() {
            target.remove(name);
        } else {
            merge(target.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}

/// The JSON that a draft was read from, but for its times, see [`written`].
pub fn body(draft: &Draft) -> Value {
    // Whole, so that no field that is added later is forgotten here.
    let Draft {
        brand_slug,
        client_ref,
        text,
        media,
        platforms,
        accounts,
        scheduled_at,
        not_after: _,
        late,
        schedule,
        scheduled_local: _,
        texts,
        medias,
        options,
        republish,
        duplicate_content,
        copy_of: _,
        begin: _,
    } = draft;
    let mut body = json!({
        "brandSlug": brand_slug, "text": text, "media": media, "platforms": platforms,
        "accounts": accounts,
    });
    if let Some(client_ref) = client_ref {
        body["clientRef"] = json!(client_ref);
    }
    if *late != Late::default() {
        body["late"] = json!(late);
    }
    if let (Some(schedule), None) = (schedule, scheduled_at) {
        body["schedule"] = json!(schedule);
    }
    if let Some(republish) = republish {
        body["republish"] = json!(republish);
    }
    if let Some(policy) = duplicate_content {
        body["duplicateContent"] = json!(policy);
    }
    for (platform, options) in options {
        let mut object = options.clone();
        if let Some(text) = texts.get(platform) {
            object.insert("text".to_owned(), json!(text));
        }
        if let Some(media) = medias.get(platform) {
            object.insert("media".to_owned(), json!(media));
        }
        body[platform] = Value::Object(object);
    }
    body
}

/// The JSON of a post after a change, ready to be read anew at `now`. A time that the change does
/// not name is in it only while it is to come: one that has passed is no reason to refuse a new
/// wording, and is put back by [`Draft::keep_times`].
pub fn written(draft: &Draft, patch: &Map<String, Value>, now: Timestamp) -> Value {
    let mut body = body(draft);
    for (name, at) in [("scheduledAt", draft.scheduled_at), ("notAfter", draft.not_after)] {
        if let Some(at) = at.filter(|at| *at > now) {
            body[name] = json!(at);
        }
    }
    if patch.get("schedule").is_some_and(|schedule| !schedule.is_null())
        && let Some(body) = body.as_object_mut()
    {
        body.remove("scheduledAt");
    }
    // A time of a zone stays one, so that it can be moved to another zone.
    if let Some(local) = &draft.scheduled_local
        && !patch.contains_key("scheduledAt")
        && body.get("scheduledAt").is_some()
    {
        body["scheduledAt"] = json!(local.time);
        body["timeZone"] = json!(local.time_zone);
    }
    merge(&mut body, &Value::Object(patch.clone()));
    body
}

impl Draft {
    /// Takes over the times of `old` that `patch` does not name.
    pub fn keep_times(&mut self, old: &Self, patch: &Map<String, Value>) {
        let is_named = ["scheduledAt", "schedule"].iter().any(|name| patch.contains_key(*name));
        let is_moved = patch.contains_key("timeZone") && self.scheduled_at.is_some();
        if !is_named && !is_moved {
            self.scheduled_at = old.scheduled_at;
            self.schedule = old.schedule;
            self.scheduled_local.clone_from(&old.scheduled_local);
        }
        if !patch.contains_key("notAfter") {
            self.not_after = old.not_after;
        }
        // A copy stays one, whatever it says.
        self.copy_of = old.copy_of;
    }
}

/// The violation is one that a draft may have: something is missing yet, or a platform's rule is
/// broken. What cannot be read, or contradicts itself, is refused of a draft too.
pub fn is_incomplete(problem: &Rejection) -> bool {
    match problem.kind {
        RejectionType::PlatformContentError
        | RejectionType::PlatformMediaError
        | RejectionType::PlatformAuthError => problem.rule != Rule::WrongType,
        RejectionType::ValidationError => match problem.rule {
            Rule::Required => problem.field != "brandSlug",
            Rule::NotFound => problem.field.starts_with("platforms"),
            Rule::WrongType
            | Rule::UnknownField
            | Rule::OutOfRange
            | Rule::TooMuch
            | Rule::NotSupported
            | Rule::Conflict => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_000);
    const NAMES: [&str; 2] = ["x", "threads"];

    fn whole() -> Value {
        json!({
            "brandSlug": "acme", "text": "Hello", "platforms": ["x"],
            "accounts": ["acc_00000000000000000000000000000001"],
            "media": [{"id": "med_00000000000000000000000000000001", "altText": "A cat"}],
            "scheduledAt": "2026-12-01T09:00:00Z", "notAfter": "2026-12-01T10:00:00Z",
            "x": {"thread": ["second"], "text": "Own", "media": []},
            "threads": {},
        })
    }

    // case: T-edit-merge
    #[test]
    fn what_is_written_of_a_draft_reads_back_as_that_draft() {
        let draft = parse(&whole(), &NAMES, NOW).unwrap();
        let again = parse(&written(&draft, &Map::new(), NOW), &NAMES, NOW).unwrap();
        assert_eq!(again, draft);
    }

    // case: T-edit-merge
    #[test]
    fn a_change_replaces_merges_and_takes_away() {
        let draft = parse(&whole(), &NAMES, NOW).unwrap();
        let patch = json!({
            "text": "Bye", "media": null, "notAfter": null, "threads": null,
            "x": {"text": null, "replySettings": "following"},
        });
        let Value::Object(patch) = patch else { panic!() };
        let mut after = parse(&written(&draft, &patch, NOW), &NAMES, NOW).unwrap();
        after.keep_times(&draft, &patch);
        assert_eq!((after.text.as_str(), after.media.len()), ("Bye", 0));
        assert_eq!((after.scheduled_at, after.not_after), (draft.scheduled_at, None));
        assert!(!after.texts.contains_key("x") && !after.options.contains_key("threads"));
        let options = json!({"thread": ["second"], "replySettings": "following"});
        assert_eq!(json!(after.options["x"]), options);
        assert_eq!(after.accounts, draft.accounts);
    }

    // case: T-edit-merge
    #[test]
    fn a_time_that_has_passed_stands_against_no_new_wording() {
        let draft = parse(&whole(), &NAMES, NOW).unwrap();
        let late = draft.not_after.unwrap() + std::time::Duration::from_secs(86_400);
        let patch = Map::from_iter([("text".to_owned(), json!("Bye"))]);
        let mut after = parse(&written(&draft, &patch, late), &NAMES, late).unwrap();
        after.keep_times(&draft, &patch);
        assert_eq!(after.scheduled_at, draft.scheduled_at);
        let early = Map::from_iter([("scheduledAt".to_owned(), json!("2026-12-02T09:00:00Z"))]);
        let problems = parse(&written(&draft, &early, NOW), &NAMES, NOW).unwrap_err();
        assert_eq!(problems[0].field, "notAfter");
    }

    #[test]
    fn a_change_names_the_revision_and_leaves_brand_and_stage_alone() {
        let change = parse_change(&json!({"revision": 3, "scope": "remaining", "text": "a"}));
        let change = change.unwrap();
        assert_eq!((change.revision, change.is_rest, change.has("text")), (Some(3), true, true));
        assert_eq!(parse_change(&json!({})).unwrap(), Change::default());
        let fields = |body: Value| -> Vec<String> {
            parse_change(&body).unwrap_err().into_iter().map(|problem| problem.field).collect()
        };
        assert_eq!(fields(json!({"text": "a"})), ["revision"]);
        let all = json!({"revision": "3", "scope": "some", "brandSlug": "b", "draft": true});
        assert_eq!(fields(all), ["revision", "scope", "brandSlug", "draft"]);
        assert_eq!(hold(&json!({"reason": "approval"})), Ok(Hold::Approval));
        assert_eq!(hold(&json!({})).unwrap_err()[0].field, "reason");
        assert_eq!(hold(&json!({"reason": "lunch"})).unwrap_err()[0].field, "reason");
    }

    #[test]
    fn a_draft_may_lack_something_but_not_be_malformed() {
        let body = json!({"brandSlug": "acme", "draft": true});
        let problems = parse(&body, &NAMES, NOW).unwrap_err();
        assert!(problems.iter().all(is_incomplete), "{problems:?}");
        for bad in [
            json!({"draft": true, "platforms": ["x"]}),
            json!({"draft": "yes", "brandSlug": "a", "platforms": ["x"]}),
            json!({"draft": true, "brandSlug": "a", "platforms": ["y"]}),
            json!({"draft": true, "brandSlug": "a", "platforms": ["x"], "txt": "b"}),
            json!({"draft": true, "hold": "approval", "brandSlug": "a", "platforms": ["x"]}),
        ] {
            let problems = parse(&bad, &NAMES, NOW).unwrap_err();
            assert!(!problems.iter().all(is_incomplete), "{bad}");
        }
    }
}

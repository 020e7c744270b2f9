//! Auto-reposts: how often and when a post is shown anew, read alike for every platform that
//! can repost.

use domain::repost::{Bounds, GAP_MAX, GAP_MIN, Rule, TIMES_MAX, read};
use domain::request::{Draft, Fields};

const BOUNDS: Bounds = Bounds {
    name: "An auto-repost",
    one: "repost",
    shortest: (GAP_MIN, "PT15M"),
    longest: (GAP_MAX, "P30D"),
    told: "15 minutes to 30 days",
    times_max: TIMES_MAX,
    times_unsaid: 1,
    can_undo: true,
};

/// The rule under `autoRepost`, if there is one; what is wrong with it is noted in `fields`.
pub(crate) fn read_reposts(draft: &Draft, fields: &mut Fields<'_>) -> Option<Rule> {
    let mut rule = fields.object("autoRepost")?;
    let read = read(&mut rule, draft.scheduled_at, &BOUNDS);
    fields.absorb(rule);
    read
}

/// Refuses the rule where the platform lets no program repost.
pub(super) fn refuse_reposts(platform: &str, fields: &mut Fields<'_>) {
    fields.refuse(
        "autoRepost",
        &format!("{platform} has no programmatic repost here, by its capabilities."),
        "Leave `autoRepost` out, or write a post of its own.",
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::rejection::{Rejection, Rule as Broken};
    use domain::repost::Beat;
    use domain::time::Timestamp;
    use serde_json::{Value, json};

    fn read(rule: Value, scheduled_at: Option<&str>) -> (Option<Rule>, Vec<Rejection>) {
        let options = json!({ "autoRepost": rule });
        let scheduled_at = scheduled_at.and_then(Timestamp::parse);
        let draft = Draft { scheduled_at, ..Draft::default() };
        let mut fields = Fields::new(options.as_object(), "x", Some("x"));
        let read = read_reposts(&draft, &mut fields);
        (read, fields.finish())
    }

    // case: S-repost-refused
    #[test]
    fn every_flaw_of_a_rule_is_named() {
        let due = Some("2026-12-01T09:00:00Z");
        let table = [
            (json!({}), "x.autoRepost.after", Broken::Required),
            (json!({"after": "PT8H", "every": "P1D"}), "x.autoRepost.every", Broken::Conflict),
            (json!({"after": "PT14M59S"}), "x.autoRepost.after", Broken::OutOfRange),
            (json!({"after": "P30DT1S"}), "x.autoRepost.after", Broken::OutOfRange),
            (json!({"after": "8 hours"}), "x.autoRepost.after", Broken::OutOfRange),
            (json!({"after": "PT8H", "times": 11}), "x.autoRepost.times", Broken::OutOfRange),
            (json!({"after": "PT8H", "times": 0}), "x.autoRepost.times", Broken::OutOfRange),
            (json!({"after": "PT8H", "minGap": "PT9H"}), "x.autoRepost.minGap", Broken::Conflict),
            (
                json!({"after": "PT8H", "undoAfter": "PT1M"}),
                "x.autoRepost.undoAfter",
                Broken::OutOfRange,
            ),
            (
                json!({"after": "PT8H", "until": "2026-12-01T16:59:59Z"}),
                "x.autoRepost.until",
                Broken::Conflict,
            ),
            (
                json!({"after": "PT8H", "until": "tomorrow"}),
                "x.autoRepost.until",
                Broken::OutOfRange,
            ),
            (json!({"every": "P1D"}), "x.autoRepost.times", Broken::Required),
            (json!({"at": []}), "x.autoRepost.at", Broken::Required),
            (json!({"at": ["soon"]}), "x.autoRepost.at[0]", Broken::OutOfRange),
            (json!({"at": ["2026-12-01T09:14:59Z"]}), "x.autoRepost.at[0]", Broken::OutOfRange),
            (
                json!({"at": ["2026-12-02T09:00:00Z", "2026-12-02T09:00:00Z"]}),
                "x.autoRepost.at[1]",
                Broken::OutOfRange,
            ),
            (
                json!({"at": ["2026-12-02T09:00:00Z"], "times": 2}),
                "x.autoRepost.times",
                Broken::Conflict,
            ),
            (json!({"at": vec!["2026-12-02T09:00:00Z"; 11]}), "x.autoRepost.at", Broken::TooMuch),
            (
                json!({"after": "PT8H", "quietHours": {"from": "22:00", "to": "07:00"}}),
                "x.autoRepost.quietHours.timeZone",
                Broken::Required,
            ),
            (
                json!({"after": "PT8H", "quietHours":
                {"from": "22", "to": "07:00", "timeZone": "UTC"}}),
                "x.autoRepost.quietHours.from",
                Broken::OutOfRange,
            ),
            (
                json!({"after": "PT8H", "quietHours":
                {"from": "22:00", "to": "07:00", "timeZone": "Berlin"}}),
                "x.autoRepost.quietHours.timeZone",
                Broken::OutOfRange,
            ),
            (json!({"after": "PT8H", "often": true}), "x.autoRepost.often", Broken::UnknownField),
        ];
        for (rule, field, broken) in table {
            let (_, found) = read(rule.clone(), due);
            let is_it = |one: &&Rejection| one.field == field && one.rule == broken;
            let named = found.iter().find(is_it).unwrap_or_else(|| panic!("{rule}: {found:?}"));
            assert!(!named.message.is_empty() && !named.resolution.is_empty(), "{named:?}");
        }
    }

    #[test]
    fn a_whole_rule_is_read() {
        let (rule, found) = read(
            json!({
                "every": "P1D", "until": "2026-12-24T00:00:00Z", "minGap": "PT2H",
                "undoAfter": "PT6H",
                "quietHours": {"from": "22:00", "to": "07:30", "timeZone": "Europe/Berlin"},
            }),
            None,
        );
        assert_eq!(found, []);
        let rule = rule.unwrap();
        assert_eq!((&rule.beat, rule.times), (&Beat::EveryS(86_400), TIMES_MAX));
        assert_eq!((rule.undo_after_s, rule.min_gap_s), (Some(21_600), 7_200));
        // It is stored and read again as it is.
        let stored = serde_json::to_value(&rule).unwrap();
        assert_eq!(serde_json::from_value::<Rule>(stored).unwrap(), rule);
        let (rule, found) = read(json!({"after": "PT8H"}), None);
        assert_eq!((rule.unwrap().times, found), (1, vec![]));
    }
}

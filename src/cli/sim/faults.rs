//! The fault script: which requests meet which misfortune, and how often.
//!
//! A script lives in memory: a restart of the simulators ends it. What it changed in a simulator
//! (`expireToken`, `limit` …) is in that simulator's log and stays.

use platforms::sim::Control;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

const FAULTS_MAX: usize = 1_000;
const COMMON: [&str; 5] = ["platform", "route", "account", "after", "count"];

/// What a fault does to a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Misfortune {
    /// The limit of the route is used up.
    Limit {
        /// Seconds until the window opens again.
        reset_in_s: u64,
    },
    /// The platform answers with an error of its own.
    ServerError {
        /// The HTTP status.
        #[serde(default = "internal_error")]
        status: u16,
        /// The body: text as it is, anything else as JSON.
        #[serde(default)]
        body: Value,
        /// The request takes effect nevertheless.
        #[serde(default)]
        accept: bool,
    },
    /// The platform answers that all is well, with a body that is not its own, and does nothing.
    Garbage {
        /// The body: text as it is, anything else as JSON.
        body: Value,
    },
    /// The request takes effect, the connection is reset without an answer.
    AcceptThenReset {},
    /// The connection is reset, and nothing happened.
    ResetBeforeAccept {},
    /// The request takes effect, the answer breaks off after so many bytes of its body.
    Truncate {
        /// How many.
        bytes: usize,
    },
    /// The request takes effect, the answer is late.
    Delay {
        /// By how much.
        ms: u64,
    },
    /// The access token of the account is expired.
    ExpireToken {},
    /// The grant of the account is revoked.
    Revoke {},
    /// Every token is refused, as in an outage.
    UnauthorizedAll {
        /// Seconds; 0 ends an outage.
        s: u64,
    },
    /// Media stay in processing.
    StuckProcessing {
        /// Seconds.
        s: u64,
    },
}

const fn internal_error() -> u16 {
    500
}

/// Which requests a fault concerns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Aim {
    /// The platform.
    pub platform: String,
    /// The endpoint's name; all endpoints without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// The remote id or handle of the account; all accounts without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// So many of them pass first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// So many of them are hit then: one, or for `delay` all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

/// One fault of the script.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// Which requests.
    pub aim: Aim,
    /// What happens to them.
    pub misfortune: Misfortune,
    seen: u64,
}

impl Planned {
    /// Reads one element of the list that `POST /_sim/faults` takes.
    ///
    /// # Errors
    /// A sentence that names what is wrong.
    pub fn parse(value: &Value) -> Result<Self, String> {
        let Value::Object(fields) = value else { return Err("a fault is an object".into()) };
        let (aim, rest): (Map<_, _>, Map<_, _>) =
            fields.clone().into_iter().partition(|(name, _)| COMMON.contains(&name.as_str()));
        let aim = Aim::deserialize(Value::Object(aim)).map_err(|error| error.to_string())?;
        let misfortune = Misfortune::deserialize(Value::Object(rest))
            .map_err(|error| format!("{error}; every fault also takes {}", COMMON.join(", ")))?;
        if let Misfortune::ServerError { status, .. } = &misfortune
            && !(400..600).contains(status)
        {
            return Err(format!("status {status} is not an error; it has to be 400 to 599"));
        }
        Ok(Self { aim, misfortune, seen: 0 })
    }

    /// The change of state to carry out, for the kinds that are one.
    pub fn control(&self) -> Option<Control> {
        let account = self.aim.account.clone();
        match self.misfortune {
            Misfortune::Limit { reset_in_s } => {
                Some(Control::Limit { account, route: self.aim.route.clone(), reset_in_s })
            }
            Misfortune::ExpireToken {} => Some(Control::ExpireToken { account }),
            Misfortune::Revoke {} => Some(Control::Revoke { account }),
            Misfortune::StuckProcessing { s } => Some(Control::StuckProcessing { s }),
            Misfortune::UnauthorizedAll { s } => Some(Control::UnauthorizedAll { s }),
            Misfortune::ServerError { .. }
            | Misfortune::Garbage { .. }
            | Misfortune::AcceptThenReset {}
            | Misfortune::ResetBeforeAccept {}
            | Misfortune::Truncate { .. }
            | Misfortune::Delay { .. } => None,
        }
    }

    /// It is to be carried out at once, not when a request comes.
    pub fn is_immediate(&self) -> bool {
        self.aim.after.is_none() && self.aim.count.is_none() && self.control().is_some()
    }

    fn concerns(&self, met: &Met<'_>) -> bool {
        self.aim.platform == met.platform
            && self.aim.route.as_deref().is_none_or(|route| route == met.route)
            && self.aim.account.as_deref().is_none_or(|account| met.names.is(account))
    }

    fn count(&self) -> u64 {
        let is_lasting = matches!(self.misfortune, Misfortune::Delay { .. });
        self.aim.count.unwrap_or(if is_lasting { u64::MAX } else { 1 })
    }

    /// The fault as `GET /_sim/faults` shows it.
    fn show(&self) -> Value {
        let mut shown = Map::new();
        for part in [serde_json::to_value(&self.aim), serde_json::to_value(&self.misfortune)] {
            if let Ok(Value::Object(fields)) = part {
                shown.extend(fields);
            }
        }
        let hits = self.seen.saturating_sub(self.aim.after.unwrap_or(0)).min(self.count());
        shown.insert("hits".into(), hits.into());
        Value::Object(shown)
    }
}

/// A request as the script looks at it.
#[derive(Debug)]
pub struct Met<'a> {
    /// The platform it came to.
    pub platform: &'a str,
    /// The endpoint's name.
    pub route: &'a str,
    /// Whom it was made for.
    pub names: &'a Names,
}

/// The names that one account goes by: its remote id and its handle.
#[derive(Debug, Default)]
pub struct Names(Vec<String>);

impl Names {
    /// The names of the account with this remote id, read off what the simulator tells of its
    /// accounts.
    pub fn of(remote_id: Option<String>, accounts: &Value) -> Self {
        let Some(remote_id) = remote_id else { return Self::default() };
        let mut names = texts_beside(accounts, &remote_id);
        names.push(remote_id);
        Self(names)
    }

    fn is(&self, name: &str) -> bool {
        let bare = |name: &str| name.trim_start_matches('@').to_owned();
        self.0.iter().any(|own| bare(own) == bare(name))
    }
}

/// The texts of the object, anywhere in `value`, that holds `wanted` as one of its values or is
/// filed under it.
fn texts_beside(value: &Value, wanted: &str) -> Vec<String> {
    let texts = |fields: &Map<String, Value>| {
        fields.values().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
    };
    match value {
        Value::Array(items) => items.iter().flat_map(|item| texts_beside(item, wanted)).collect(),
        Value::Object(fields) if fields.values().any(|value| value.as_str() == Some(wanted)) => {
            texts(fields)
        }
        Value::Object(fields) => match fields.get(wanted) {
            Some(Value::Object(filed)) => texts(filed),
            _ => fields.values().flat_map(|value| texts_beside(value, wanted)).collect(),
        },
        _ => Vec::new(),
    }
}

/// The script in force.
#[derive(Debug, Default)]
pub struct Faults(Vec<Planned>);

impl Faults {
    /// Adds a fault.
    ///
    /// # Errors
    /// The script is full.
    pub fn add(&mut self, planned: Planned) -> Result<(), String> {
        self.0.retain(|planned| planned.show()["hits"] != planned.count());
        if self.0.len() >= FAULTS_MAX {
            return Err(format!("there are {FAULTS_MAX} faults already"));
        }
        self.0.push(planned);
        Ok(())
    }

    /// Forgets the faults of one platform, or all.
    pub fn clear(&mut self, platform: Option<&str>) {
        self.0.retain(|planned| platform.is_some_and(|name| planned.aim.platform != name));
    }

    /// The script with what it did so far.
    pub fn show(&self) -> Value {
        self.0.iter().map(Planned::show).collect()
    }

    /// There is a fault that names an account of this platform.
    pub fn names_accounts(&self, platform: &str) -> bool {
        self.0
            .iter()
            .any(|planned| planned.aim.platform == platform && planned.aim.account.is_some())
    }

    /// Counts a request and returns what hits it.
    pub fn meet(&mut self, met: &Met<'_>) -> Vec<Planned> {
        let mut hits = Vec::new();
        for planned in self.0.iter_mut().filter(|planned| planned.concerns(met)) {
            let hit = planned.seen.checked_sub(planned.aim.after.unwrap_or(0));
            planned.seen += 1;
            if hit.is_some_and(|hit| hit < planned.count()) {
                hits.push(planned.clone());
            }
        }
        hits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_fault_passes_after_requests_and_hits_count() {
        let text = json!({"platform": "x", "kind": "serverError", "status": 503, "route": "a",
            "account": "@acme", "after": 1, "count": 2});
        let mut faults = Faults::default();
        faults.add(Planned::parse(&text).unwrap()).unwrap();
        let accounts = json!([{"id": "7", "handle": "acme"}, {"id": "8", "handle": "other"}]);
        let hits = |faults: &mut Faults, route: &str, id: &str| {
            let names = Names::of(Some(id.into()), &accounts);
            faults.meet(&Met { platform: "x", route, names: &names }).len()
        };
        assert_eq!(hits(&mut faults, "b", "7"), 0);
        assert_eq!(hits(&mut faults, "a", "8"), 0);
        let four: Vec<usize> = (0..4).map(|_| hits(&mut faults, "a", "7")).collect();
        assert_eq!(four, [0, 1, 1, 0]);
        assert_eq!(faults.show()[0]["hits"], 2);
    }

    #[test]
    fn what_is_not_known_is_refused_by_name() {
        let refused = |text: Value| Planned::parse(&text).unwrap_err();
        let error = refused(json!({"platform": "x", "kind": "acceptThenReset", "bytes": 3}));
        assert!(error.contains("bytes"), "{error}");
        let error = refused(json!({"platform": "x", "kind": "earthquake"}));
        assert!(error.contains("earthquake") && error.contains("truncate"), "{error}");
        let error = refused(json!({"platform": "x", "kind": "serverError", "status": 200}));
        assert!(error.contains("200"), "{error}");
        assert!(refused(json!({"kind": "revoke"})).contains("platform"));
    }

    #[test]
    fn changes_of_state_happen_at_once_unless_they_wait_for_requests() {
        let parse = |text: Value| Planned::parse(&text).unwrap();
        let revoke = json!({"platform": "x", "kind": "revoke", "account": "acme"});
        assert!(parse(revoke.clone()).is_immediate());
        let expected = Control::Revoke { account: Some("acme".into()) };
        assert_eq!(parse(revoke).control(), Some(expected));
        assert!(!parse(json!({"platform": "x", "kind": "revoke", "after": 3})).is_immediate());
        assert!(!parse(json!({"platform": "x", "kind": "delay", "ms": 3})).is_immediate());
    }
}

//! How the URL of a Redis is spelled, whichever kind of place it names.
//!
//! Invariant: nothing of a URL is shown from here, for it may hold a password.

use crate::place::Kind;

/// Sentinels listen here, unless told otherwise.
const SENTINEL_PORT: u16 = 26_379;

/// A URL taken apart; each address is a URL of one server.
pub(crate) struct Spelled {
    /// What it names.
    pub(crate) kind: Kind,
    /// Whom to ask.
    pub(crate) doors: Vec<String>,
    /// A server with data, or a stand-in for it.
    pub(crate) inside: String,
}

/// Takes a URL apart: `scheme://user:password@host:port,…/path?query`.
pub(crate) fn spell(url: &str) -> Option<Spelled> {
    let (scheme, rest) = url.split_once("://")?;
    let (base, form) = scheme.split_once('+').unwrap_or((scheme, ""));
    if form.is_empty() || base == "unix" || form == "unix" {
        let kind = Kind::Single;
        return Some(Spelled { kind, doors: Vec::new(), inside: url.to_owned() });
    }
    let (rest, query) = rest.split_once('?').map_or((rest, ""), |(rest, query)| (rest, query));
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
    let at = |user: &str, host: &str, path: &str| {
        let at = if user.is_empty() { "" } else { "@" };
        format!("{base}://{user}{at}{host}/{path}")
    };
    let hosts: Vec<&str> = hosts.split(',').collect();
    match form {
        // A Cluster has one database.
        "cluster" if matches!(path, "" | "0") && query.is_empty() => Some(Spelled {
            kind: Kind::Cluster,
            doors: hosts.iter().map(|host| at(user, host, "")).collect(),
            inside: at(user, hosts.first()?, ""),
        }),
        "sentinel" => {
            let (master, database) = path.split_once('/').unwrap_or((path, ""));
            let value = |name: &str| {
                let of =
                    |part: &'_ str| part.strip_prefix(name)?.strip_prefix('=').map(str::to_owned);
                query.split('&').find_map(of).unwrap_or_default()
            };
            let (name, password) = (value("sentinel_user"), value("sentinel_password"));
            let known = ["sentinel_user=", "sentinel_password="];
            let is_known = |part: &str| known.iter().any(|known| part.starts_with(known));
            if master.is_empty() || !(query.is_empty() || query.split('&').all(is_known)) {
                return None;
            }
            let own =
                if password.is_empty() { String::new() } else { format!("{name}:{password}") };
            let door = |host: &&str| {
                // An address of the sixth version stands in brackets.
                let has_port = host.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'));
                let host =
                    if has_port { (*host).to_owned() } else { format!("{host}:{SENTINEL_PORT}") };
                at(&own, &host, "")
            };
            Some(Spelled {
                kind: Kind::Sentinel(master.to_owned()),
                doors: hosts.iter().map(door).collect(),
                // Its host is a stand-in: the Sentinels name it.
                inside: at(user, "localhost", database),
            })
        }
        _ => None,
    }
}

//! Addresses that a browser may be sent back to: those on the operator's list, and no look-alikes.

use base::Fault;
use domain::rejection::{Rejection, Rule};
use url::{Host, Url};

/// Reads an entry of `[server] return_urls`.
///
/// # Errors
/// When it is no address that a browser may be sent to.
pub(crate) fn read_entry(text: &str) -> Result<Url, Fault> {
    let refused = |why: &str| Fault::new(format!("server.return_urls holds {text:?}: {why}"));
    let url = canonical(text).ok_or_else(|| refused("write it as browsers do, without a query"))?;
    if url.query().is_some() {
        return Err(refused("leave the query out; any may follow"));
    }
    let is_ours = matches!(url.host(), Some(Host::Ipv4(ip)) if ip.is_loopback())
        || matches!(url.host(), Some(Host::Ipv6(ip)) if ip.is_loopback())
        || url.host_str() == Some("localhost");
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_ours => Ok(url),
        _ => Err(refused("it has to be https, or http on this machine")),
    }
}

/// The address, if it is on the list: scheme, host, port and path are those of an entry, letter by
/// letter; the query is the caller's.
///
/// # Errors
/// The violation of `field`.
pub(super) fn check(list: &[Url], field: &str, text: &str) -> Result<Url, Box<Rejection>> {
    let found = canonical(text).filter(|url| list.iter().any(|entry| is_same(entry, url)));
    found.ok_or_else(|| {
        let listed: Vec<&str> = list.iter().map(Url::as_str).collect();
        let message = format!("`{field}` is not on the operator's list of addresses.");
        let resolution = "Use one of them, with any query, or have the operator add yours to \
                          `return_urls` in the section [server].";
        let rejection = Rejection::request(Rule::OutOfRange, field, message);
        Box::new(rejection.bounds(listed, text).resolve(resolution))
    })
}

fn is_same(entry: &Url, url: &Url) -> bool {
    entry.scheme() == url.scheme()
        && entry.host() == url.host()
        && entry.port_or_known_default() == url.port_or_known_default()
        && entry.path() == url.path()
}

/// An address that reads as it is written. What a browser would straighten (`..`, a backslash, an
/// upper-case host, a blank) could be read differently by somebody else on the way.
fn canonical(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let is_bare = url.path() == "/" && url.query().is_none();
    let is_as_written = url.as_str() == text || (is_bare && url.as_str() == format!("{text}/"));
    let has_user = !url.username().is_empty() || url.password().is_some();
    (is_as_written && !has_user && url.fragment().is_none() && url.has_host()).then_some(url)
}

/// The address with an answer behind its own query.
pub(super) fn with_answer(url: &str, answer: &[(&str, &str)]) -> Option<String> {
    let mut url = Url::parse(url).ok()?;
    url.query_pairs_mut().extend_pairs(answer);
    Some(url.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    // case: S-06
    #[test]
    fn look_alikes_of_an_address_on_the_list_are_refused() {
        let list = ["https://app.example/done", "http://127.0.0.1:3000/back"];
        let list: Vec<Url> = list.iter().map(|entry| read_entry(entry).unwrap()).collect();
        for good in [
            "https://app.example/done",
            "https://app.example/done?brand=acme&next=%2Fhome",
            "http://127.0.0.1:3000/back",
        ] {
            assert!(check(&list, "returnUrl", good).is_ok(), "{good}");
        }
        for evil in [
            "http://app.example/done",
            "https://app.example:8443/done",
            "https://app.example:443/done",
            "https://APP.example/done",
            "https://app.example./done",
            "https://app.example/done/",
            "https://app.example/Done",
            "https://app.example/done/../evil",
            "https://app.example/evil/../done",
            "https://app.example/%64one",
            "https://app.example/done#token",
            "https://app.example@evil.example/done",
            "https://user@app.example/done",
            "https://app.example.evil.example/done",
            "https://evil.example/https://app.example/done",
            "https:\\\\app.example\\done",
            "https:/app.example/done",
            "//app.example/done",
            "//evil.example/done",
            "/done",
            " https://app.example/done",
            "https://app.example/done\n",
            "https://аpp.example/done",
            "javascript:alert(1)",
            "data:text/html,x",
            "http://127.0.0.1:3001/back",
            "http://localhost:3000/back",
            "",
        ] {
            let rejection = check(&list, "returnUrl", evil).unwrap_err();
            assert_eq!(rejection.field, "returnUrl", "{evil}");
            assert!(rejection.limit.as_array().unwrap().len() == 2, "{rejection:?}");
        }
    }

    #[test]
    fn an_entry_of_the_list_is_an_address_that_a_browser_may_be_sent_to() {
        for bad in [
            "http://app.example/done",
            "https://app.example/done?a=b",
            "https://app.example/a/../b",
            "ftp://app.example/",
            "app.example",
        ] {
            assert!(read_entry(bad).is_err(), "{bad}");
        }
        assert!(read_entry("https://app.example").is_ok());
        assert!(read_entry("http://localhost:3000/").is_ok());
    }

    #[test]
    fn an_answer_is_put_behind_the_callers_own_query() {
        let told = with_answer("https://app.example/done?a=b", &[("status", "connected")]);
        assert_eq!(told.as_deref(), Some("https://app.example/done?a=b&status=connected"));
    }
}

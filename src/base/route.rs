//! Sends the calls of a platform to another base URL: a simulator, a recorder, a proxy.
//!
//! Production differs only by the absence of a base. Invariant: a token never travels in clear to
//! another machine, so a base without TLS is taken on the loopback interface alone.

use crate::fault::Fault;
use ::http::header::HOST;
use ::http::{HeaderName, HeaderValue, Request, Uri};
use url::{Host, Url};

/// The header that tells the original host.
pub const PLATFORM_HOST: HeaderName = HeaderName::from_static("x-platform-host");

/// Where the calls of one platform go; by default, where they say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Base(Option<Url>);

impl Base {
    /// Reads the setting `platforms.<name>.url`.
    ///
    /// # Errors
    /// When it is not an `https` URL, nor an `http` URL of the loopback interface, or carries more
    /// than an address and a path.
    pub fn parse(setting: Option<&str>) -> Result<Self, Fault> {
        let Some(setting) = setting.filter(|setting| !setting.is_empty()) else {
            return Ok(Self(None));
        };
        let url = Url::parse(setting)
            .map_err(|error| Fault::new(format_args!("a platform's url is not a URL: {error}")))?;
        // The setting is not repeated where it may hold a password.
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Fault::new("a platform's url takes no user name and no password"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(Fault::new("a platform's url is an address and a path, without ? and #"));
        }
        match url.scheme() {
            "https" => Ok(Self(Some(url))),
            "http" if is_loopback(&url) => Ok(Self(Some(url))),
            "http" => Err(Fault::new(format_args!(
                "{url} would carry tokens in clear: use https, or http on the loopback interface"
            ))),
            other => Err(Fault::new(format_args!("a platform's url is https, not {other}"))),
        }
    }

    /// Calls stay on this machine.
    pub fn is_loopback(&self) -> bool {
        self.0.as_ref().is_some_and(is_loopback)
    }

    /// `uri` lies below the base: it was handed out by what stands there.
    pub fn covers(&self, uri: &Uri) -> bool {
        self.0.as_ref().is_some_and(|base| lies_below(base, uri))
    }

    /// The path and query below the base, where `uri` lies below it.
    pub fn rest<'u>(&self, uri: &'u Uri) -> Option<&'u str> {
        let base = self.0.as_ref().filter(|base| lies_below(base, uri))?;
        uri.path_and_query()?.as_str().strip_prefix(base.path().trim_end_matches('/'))
    }

    /// The address that `uri` is reached at: the base's address and path, then its own path and
    /// query unchanged. What lies below the base already stays as it is.
    ///
    /// # Errors
    /// When `uri` names no host.
    pub fn rewrite(&self, uri: &Uri) -> Result<Uri, Fault> {
        let Some(base) = &self.0 else { return Ok(uri.clone()) };
        if uri.host().is_none() {
            return Err(Fault::new("a call without a host cannot be sent"));
        }
        if lies_below(base, uri) {
            return Ok(uri.clone());
        }
        let rest = uri.path_and_query().map_or("/", |rest| rest.as_str());
        let address = &base[url::Position::BeforeScheme..url::Position::BeforePath];
        let path = base.path().trim_end_matches('/');
        format!("{address}{path}{rest}").parse().map_err(|_| Fault::new("rewriting a call's URL"))
    }

    /// Turns a call that names the platform's real host to the base, and tells that host in
    /// [`PLATFORM_HOST`].
    ///
    /// # Errors
    /// When its URI names no host.
    pub fn turn<B>(&self, request: &mut Request<B>) -> Result<(), Fault> {
        let target = self.rewrite(request.uri())?;
        if target == *request.uri() {
            return Ok(());
        }
        let host = request.uri().authority().map_or("", |authority| authority.as_str());
        let host = HeaderValue::from_str(host)?;
        request.headers_mut().remove(HOST);
        request.headers_mut().insert(PLATFORM_HOST, host);
        *request.uri_mut() = target;
        Ok(())
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        // RFC 6761 gives this name to the loopback interface.
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

fn lies_below(base: &Url, uri: &Uri) -> bool {
    let path = base.path().trim_end_matches('/');
    uri.scheme_str() == Some(base.scheme())
        && uri.host() == base.host_str()
        && uri.port_u16().or(default_port(uri)) == base.port_or_known_default()
        && uri
            .path()
            .strip_prefix(path)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn default_port(uri: &Uri) -> Option<u16> {
    match uri.scheme_str() {
        Some("https") => Some(443),
        Some("http") => Some(80),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turned(base: Option<&str>, uri: &str) -> Request<()> {
        let mut request = Request::get(uri).body(()).unwrap();
        Base::parse(base).unwrap().turn(&mut request).unwrap();
        request
    }

    #[test]
    fn path_and_query_stay_and_the_host_is_told() {
        let base = Some("http://127.0.0.1:8090/x");
        let request = turned(base, "https://api.x.com/2/tweets?a=b%20c&d=%2F");
        assert_eq!(request.uri(), "http://127.0.0.1:8090/x/2/tweets?a=b%20c&d=%2F");
        assert_eq!(request.headers()[PLATFORM_HOST], "api.x.com");
        let slash = turned(Some("http://127.0.0.1:8090/x/"), "https://api.x.com");
        assert_eq!(slash.uri(), "http://127.0.0.1:8090/x/");
    }

    #[test]
    fn what_lies_below_the_base_or_has_none_stays() {
        let base = Some("http://127.0.0.1:8090/x");
        let handed_out = "http://127.0.0.1:8090/x/upload?id=1";
        assert_eq!(turned(base, handed_out).uri(), handed_out);
        let neighbour = turned(base, "http://127.0.0.1:8090/xy");
        assert_eq!(neighbour.uri(), "http://127.0.0.1:8090/x/xy");
        let plain = turned(None, "https://api.x.com/2/tweets");
        assert_eq!(plain.uri(), "https://api.x.com/2/tweets");
        assert!(plain.headers().is_empty());
    }

    #[test]
    fn a_base_that_would_leak_is_refused() {
        for refused in [
            "http://10.0.0.1:8090/x",
            "http://localhost.example/x",
            "ftp://127.0.0.1/x",
            "http://me:pw@127.0.0.1/x",
            "https://sim.example/x?token=1",
            "127.0.0.1:8090",
        ] {
            let fault = Base::parse(Some(refused)).unwrap_err().to_string();
            assert!(!fault.contains("pw"), "{fault}");
        }
        for (taken, loopback) in [
            ("http://[::1]:8090/x", true),
            ("http://localhost/x", true),
            ("https://sim.example/x", false),
        ] {
            assert_eq!(Base::parse(Some(taken)).unwrap().is_loopback(), loopback, "{taken}");
        }
        assert!(!Base::default().is_loopback());
    }
}

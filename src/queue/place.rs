//! Where Redis is, as a URL says: one server, a master behind Sentinels, or a Cluster.
//!
//! Invariant: what is shown of a URL never holds a password, not even when it cannot be read.

use crate::config::Tls;
use crate::spell::spell;
use base::{Context, Fault};
use futures::FutureExt;
use futures::future::select_ok;
use redis::aio::{MultiplexedConnection, PubSub};
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, ErrorKind,
    IntoConnectionInfo, RedisError, RedisResult, TlsCertificates, Value,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// So many nodes of a Cluster are remembered.
const NODES_MAX: usize = 64;

/// What kind of place it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One server.
    Single,
    /// The master that Sentinels know by this name.
    Sentinel(String),
    /// As many masters as there are; each shard is wherever its slot is.
    Cluster,
}

/// How to reach Redis; nothing is connected yet.
pub(crate) struct Place {
    pub(crate) kind: Kind,
    /// The server, the Sentinels, or some nodes of the Cluster.
    doors: Vec<ConnectionInfo>,
    /// User, database and encryption of the servers that hold data.
    inside: ConnectionInfo,
    certificates: Option<TlsCertificates>,
    /// The nodes of the Cluster as they were told of last: those of the URL may all be gone one day.
    told: Mutex<Vec<ConnectionInfo>>,
    /// Whoever was named to lead a key last, reached or not: how operators know it.
    leaders: Mutex<BTreeMap<String, String>>,
    /// How long a connection or an answer may take.
    within: Duration,
}

impl Place {
    pub(crate) fn of(url: &str, tls: &Tls, within: Duration) -> Result<Self, Fault> {
        let wrong = || {
            Fault::new(
                "it is not a Redis URL: there are redis://host:port, \
                 redis+sentinel://host:port,…/master and redis+cluster://host:port,…, each also \
                 with rediss for TLS",
            )
        };
        let spelled = spell(url).ok_or_else(wrong)?;
        let read = |url: &String| {
            // The library's error may quote the URL.
            let info = url.as_str().into_connection_info().map_err(|_| wrong())?;
            let redis = info.redis_settings().clone().set_skip_set_lib_name();
            let tcp = TcpSettings::default().set_nodelay(true);
            Ok::<_, Fault>(info.set_redis_settings(redis).set_tcp_settings(tcp))
        };
        let doors = spelled.doors.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let inside = read(&spelled.inside)?;
        let is_encrypted = matches!(inside.addr(), ConnectionAddr::TcpTls { .. });
        if tls.is_named() && !is_encrypted {
            return Err(Fault::new(
                "tls_* is for rediss:// and its like; this URL is in the clear",
            ));
        }
        if is_encrypted {
            base::http::choose_cryptography();
        }
        let certificates = if is_encrypted { certificates(tls)? } else { None };
        let (told, leaders) = (Mutex::default(), Mutex::default());
        Ok(Self { kind: spelled.kind, doors, inside, certificates, told, leaders, within })
    }

    /// The one server.
    pub(crate) fn single(&self) -> RedisResult<Client> {
        self.client(self.inside.clone())
    }

    /// A connection to whoever leads: the master, or the node that has the slot of `key`. Its
    /// answers may take so long.
    pub(crate) async fn lead(
        &self,
        key: &str,
        within: Duration,
    ) -> RedisResult<(MultiplexedConnection, Client)> {
        // All are asked at once, for one that stands still would hold up the others.
        let mut doors = self.doors.clone();
        doors.extend(self.told().iter().cloned());
        let asked = doors.into_iter().map(|door| self.lead_by(door, key, within).boxed());
        select_ok(asked).await.map(|(found, _)| found)
    }

    /// A connection to the node at `address`, as a Cluster names it; without a host it is the one
    /// that was asked.
    pub(crate) async fn at(
        &self,
        address: &str,
        asked: &Client,
        within: Duration,
    ) -> RedisResult<(MultiplexedConnection, Client)> {
        let (host, port) = address.rsplit_once(':').ok_or_else(strange)?;
        let port = port.parse().map_err(|_| strange())?;
        let client = self.client(self.inside_at(host, port, asked.get_connection_info()))?;
        Ok((self.connect_for(&client, within).await?, client))
    }

    /// Where the leader of a key is, as far as anybody was asked.
    pub(crate) fn leader(&self, key: &str) -> Option<String> {
        match self.kind {
            Kind::Single => Some(self.inside.addr().to_string()),
            Kind::Sentinel(_) | Kind::Cluster => self.leaders().get(key).cloned(),
        }
    }

    /// It is there from now on.
    pub(crate) fn note_leader(&self, key: &str, client: &Client) {
        let address = client.get_connection_info().addr().to_string();
        self.leaders().insert(key.to_owned(), address);
    }

    /// A subscription where one of `keys` is, the first that can be reached: a Cluster carries
    /// messages to every node.
    pub(crate) async fn listen(&self, keys: &[String]) -> RedisResult<PubSub> {
        let mut last = None;
        for key in keys {
            let listening = async {
                let client = match self.kind {
                    Kind::Single => self.single()?,
                    Kind::Sentinel(_) | Kind::Cluster => self.lead(key, self.within).await?.1,
                };
                client.get_async_pubsub().await
            };
            match tokio::time::timeout(self.within, listening).await {
                Ok(Ok(there)) => return Ok(there),
                Ok(Err(error)) => last = Some(error),
                Err(_) => last = Some((ErrorKind::Io, "no subscription in time").into()),
            }
        }
        Err(last.unwrap_or_else(strange))
    }

    /// A connection whose answers may take so long.
    pub(crate) async fn connect_for(
        &self,
        client: &Client,
        within: Duration,
    ) -> RedisResult<MultiplexedConnection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.within))
            .set_response_timeout(Some(within));
        client.get_multiplexed_async_connection_with_config(&config).await
    }

    /// Asks one node or Sentinel who leads, and connects there.
    async fn lead_by(
        &self,
        door: ConnectionInfo,
        key: &str,
        within: Duration,
    ) -> RedisResult<(MultiplexedConnection, Client)> {
        let mut asked = self.connect_for(&self.client(door.clone())?, self.within).await?;
        let (host, port) = match &self.kind {
            Kind::Single => return Err(strange()),
            Kind::Sentinel(master) => master_of(&mut asked, master).await?,
            Kind::Cluster => {
                let (owner, nodes) = owner_of(&mut asked, key).await?;
                let at = |(host, port): &(String, u16)| self.inside_at(host, *port, &door);
                *self.told() = nodes.iter().take(NODES_MAX).map(at).collect();
                owner
            }
        };
        let client = self.client(self.inside_at(&host, port, &door))?;
        self.note_leader(key, &client);
        let mut connection = self.connect_for(&client, within).await?;
        if self.kind != Kind::Cluster {
            // Sentinels may name a master that has just become a replica.
            let role: Vec<Value> = redis::cmd("ROLE").query_async(&mut connection).await?;
            if role.first() != Some(&Value::BulkString(b"master".to_vec())) {
                return Err((ErrorKind::Io, "the master that a Sentinel names is none").into());
            }
        }
        Ok((connection, client))
    }

    fn inside_at(&self, host: &str, port: u16, asked: &ConnectionInfo) -> ConnectionInfo {
        let host = match asked.addr() {
            ConnectionAddr::Tcp(known, _) | ConnectionAddr::TcpTls { host: known, .. }
                if host.is_empty() =>
            {
                known.clone()
            }
            _ => host.to_owned(),
        };
        let address = match self.inside.addr() {
            ConnectionAddr::TcpTls { insecure, tls_params, .. } => ConnectionAddr::TcpTls {
                host,
                port,
                insecure: *insecure,
                tls_params: tls_params.clone(),
            },
            _ => ConnectionAddr::Tcp(host, port),
        };
        self.inside.clone().set_addr(address)
    }

    fn told(&self) -> MutexGuard<'_, Vec<ConnectionInfo>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leaders(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.leaders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn client(&self, info: ConnectionInfo) -> RedisResult<Client> {
        match &self.certificates {
            Some(certificates) => Client::build_with_tls(info, certificates.clone()),
            None => Client::open(info),
        }
    }
}

async fn master_of(sentinel: &mut MultiplexedConnection, name: &str) -> RedisResult<(String, u16)> {
    let mut ask = redis::cmd("SENTINEL");
    let told = ask.arg("GET-MASTER-ADDR-BY-NAME").arg(name).query_async(sentinel);
    let found: Option<(String, u16)> = told.await?;
    found.ok_or_else(|| (ErrorKind::InvalidClientConfig, "no Sentinel knows this master").into())
}

/// The address of a node; its host is empty where it is the node asked.
type Address = (String, u16);

/// The address of the master of a key's slot, and those of every node.
async fn owner_of(
    node: &mut MultiplexedConnection,
    key: &str,
) -> RedisResult<(Address, BTreeSet<Address>)> {
    let mut ask = redis::pipe();
    ask.cmd("CLUSTER").arg("KEYSLOT").arg(key).cmd("CLUSTER").arg("SLOTS");
    let (slot, ranges): (i64, Vec<Vec<Value>>) = ask.query_async(node).await?;
    let (mut owner, mut all) = (None, BTreeSet::new());
    for range in ranges {
        let [Value::Int(first), Value::Int(last), nodes @ ..] = range.as_slice() else {
            return Err(strange());
        };
        let nodes = nodes.iter().map(address).collect::<RedisResult<Vec<_>>>()?;
        if (*first..=*last).contains(&slot) {
            owner = nodes.first().cloned();
        }
        all.extend(nodes);
    }
    let owner = owner.ok_or((ErrorKind::Io, "no node of the Cluster has this slot"))?;
    Ok((owner, all))
}

fn address(node: &Value) -> RedisResult<Address> {
    let Value::Array(fields) = node else { return Err(strange()) };
    let [host, Value::Int(port), ..] = fields.as_slice() else { return Err(strange()) };
    let host = match host {
        Value::BulkString(host) => String::from_utf8(host.clone()).map_err(|_| strange())?,
        _ => String::new(),
    };
    Ok((host, u16::try_from(*port).map_err(|_| strange())?))
}

fn strange() -> RedisError {
    (ErrorKind::UnexpectedReturnType, "Redis named a node in a form that is not documented").into()
}

fn certificates(tls: &Tls) -> Result<Option<TlsCertificates>, Fault> {
    let read = |file: &Option<std::path::PathBuf>| {
        let read = |file: &std::path::PathBuf| {
            std::fs::read(file).context(format!("reading {}", file.display()))
        };
        file.as_ref().map(read).transpose()
    };
    let client_tls = match (read(&tls.cert_file)?, read(&tls.key_file)?) {
        (Some(client_cert), Some(client_key)) => Some(ClientTlsConfig { client_cert, client_key }),
        (None, None) => None,
        _ => return Err(Fault::new("tls_cert_file and tls_key_file belong together")),
    };
    let root_cert = read(&tls.ca_file)?;
    let is_any = client_tls.is_some() || root_cert.is_some();
    Ok(is_any.then_some(TlsCertificates { client_tls, root_cert }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(url: &str) -> Result<Place, Fault> {
        Place::of(url, &Tls::default(), Duration::from_secs(1))
    }

    fn told(info: &ConnectionInfo) -> (String, i64, Option<&str>, Option<&str>) {
        let redis = info.redis_settings();
        (info.addr().to_string(), redis.db(), redis.username(), redis.password())
    }

    #[test]
    fn a_url_says_which_kind_of_place_it_is() {
        let one = place("redis://:p%40s@h:1/3").unwrap();
        assert_eq!(
            (one.kind, told(&one.inside)),
            (Kind::Single, ("h:1".into(), 3, None, Some("p@s")))
        );

        let cluster = place("redis+cluster://u:p@a:1,b:2,[::1]:3").unwrap();
        assert_eq!(cluster.kind, Kind::Cluster);
        let doors: Vec<_> = cluster.doors.iter().map(told).collect();
        assert_eq!(doors[1], ("b:2".into(), 0, Some("u"), Some("p")));
        assert_eq!(doors.len(), 3);

        let url = "redis+sentinel://u:p@a,b:2/main/4?sentinel_user=s&sentinel_password=q";
        let sentinel = place(url).unwrap();
        assert_eq!(sentinel.kind, Kind::Sentinel("main".into()));
        assert_eq!(told(&sentinel.doors[0]), ("a:26379".into(), 0, Some("s"), Some("q")));
        assert_eq!(told(&sentinel.doors[1]).0, "b:2");
        let inside = sentinel.inside_at("m", 7, &sentinel.doors[0]);
        assert_eq!(told(&inside), ("m:7".into(), 4, Some("u"), Some("p")));
    }

    #[test]
    fn what_cannot_be_read_is_refused_without_a_word_of_it() {
        for url in [
            "nothing",
            "http://secret@h",
            "redis+cluster://u:secret@h:1/2",
            "redis+sentinel://u:secret@h:1",
            "redis+sentinel://h/main?password=secret",
            "redis+ring://secret@h",
            "redis+cluster://u:secret@:::",
        ] {
            let fault = place(url).err().unwrap_or_else(|| panic!("{url} is taken")).to_string();
            assert!(!fault.contains("secret") && fault.contains("redis+sentinel://"), "{fault}");
        }
    }

    #[test]
    fn a_node_without_a_host_is_at_the_one_that_was_asked() {
        let node = |host: Value| address(&Value::Array(vec![host, Value::Int(7), Value::Nil]));
        assert_eq!(node(Value::BulkString(b"n".to_vec())).unwrap(), ("n".to_owned(), 7));
        let place = place("redis+cluster://u:p@a:1").unwrap();
        let (host, port) = node(Value::Nil).unwrap();
        assert_eq!(told(&place.inside_at(&host, port, &place.doors[0])).0, "a:7");
        assert!(address(&Value::Int(1)).is_err());
    }

    #[test]
    fn files_for_tls_are_refused_where_nothing_is_encrypted_and_one_alone_says_nothing() {
        let tls = |cert: Option<&str>, key: Option<&str>| Tls {
            cert_file: cert.map(Into::into),
            key_file: key.map(Into::into),
            ca_file: None,
        };
        let within = Duration::from_secs(1);
        assert!(Place::of("redis://h", &tls(Some("/c"), None), within).is_err());
        let here = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let fault = Place::of("rediss://h", &tls(Some(here), None), within).err().unwrap();
        assert!(fault.to_string().contains("belong together"), "{fault}");
    }
}

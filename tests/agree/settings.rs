//! `deploy/postfleet.toml`: every key, each with its default.

#[path = "../../src/cli/config.rs"]
mod config;

use config::Config;
use serde::Deserialize;
use serde::de::value::Error;
use serde::de::{Deserializer, Visitor};
use std::path::{Path, PathBuf};

/// Learns the fields of a struct from its own `Deserialize`, and stops there.
struct Fields<'a>(&'a mut Vec<&'static str>);

impl<'de> Deserializer<'de> for Fields<'_> {
    type Error = Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Error> {
        self.0.extend(fields);
        Err(serde::de::Error::custom("that was all"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Error> {
        Err(serde::de::Error::custom("this is no struct"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

fn fields_of<'de, T: Deserialize<'de>>() -> Vec<&'static str> {
    let mut fields = Vec::new();
    assert!(T::deserialize(Fields(&mut fields)).is_err());
    fields
}

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/postfleet.toml")
}

/// The configuration in a file.
pub fn load(file: &Path) -> Config {
    Config::load(Some(file)).unwrap()
}

/// The keys of a section, those behind a `#` too: not every default can be written down.
pub fn keys_of(text: &str, section: &str) -> Vec<String> {
    let head = format!("[{section}]");
    let lines = text.lines().skip_while(|line| *line != head).skip(1);
    let key = |line: &str| {
        let (key, _) = line.trim_start_matches(['#', ' ']).split_once(" = ")?;
        (!key.contains(' ')).then(|| key.to_owned())
    };
    let is_same = |line: &&str| !line.trim_start_matches(['#', ' ']).starts_with('[');
    lines.take_while(is_same).filter_map(key).collect()
}

// case: H-settings
#[test]
fn every_key_of_the_configuration_is_shown_and_explained() {
    let text = std::fs::read_to_string(file()).unwrap();
    let platform = fields_of::<app::settings::PlatformConfig>();
    let sections = [
        ("store", fields_of::<store::Config>()),
        ("queue", fields_of::<queue::Config>()),
        ("inbox", fields_of::<queue::InboxConfig>()),
        ("vault", fields_of::<vault::Config>()),
        ("server", fields_of::<server::Config>()),
        ("media", fields_of::<media::Config>()),
        ("outbound", fields_of::<base::outbound::Config>()),
        ("mail", fields_of::<base::mail::Config>()),
        ("workers", fields_of::<workers::Config>()),
        ("shutdown", fields_of::<base::shutdown::Config>()),
        ("log", fields_of::<base::telemetry::Config>()),
        ("telemetry", fields_of::<base::trace::Config>()),
        // Given in the environment, in sections of their own where a platform has several, and with
        // the platforms whose calls name a version.
        ("platforms.x", without(platform, &["apps", "client_secret", "api_version"])),
    ];
    let mut names: Vec<&str> = sections.iter().map(|(name, _)| *name).collect();
    names.iter_mut().for_each(|name| *name = name.split('.').next().unwrap_or(name));
    names.sort_unstable();
    let mut all = fields_of::<Config>();
    all.sort_unstable();
    assert_eq!(names, all, "a section is missing in this test");
    for (section, fields) in sections {
        let mut shown = keys_of(&text, section);
        let mut fields: Vec<String> = fields.into_iter().map(str::to_owned).collect();
        shown.sort();
        fields.sort();
        assert_eq!(shown, fields, "[{section}]");
    }
}

fn without(fields: Vec<&'static str>, left_out: &[&str]) -> Vec<&'static str> {
    fields.into_iter().filter(|field| !left_out.contains(field)).collect()
}

// case: H-settings
#[test]
fn the_configuration_that_is_shown_is_the_default() {
    let (shown, own) = (Config::load(Some(&file())).unwrap(), Config::default());
    // Taken apart without `..`: a new field has to be compared too.
    let store = |config| {
        let store::Config { url, connections_max, acquire_ms } = config;
        (url, connections_max, acquire_ms)
    };
    assert_eq!(store(shown.store), store(own.store));
    let queue = |config| {
        let queue::Config {
            url,
            tls_ca_file,
            tls_cert_file,
            tls_key_file,
            shards,
            lease_ms,
            renew_every_ms,
            batch_max,
            poll_every_ms,
            response_timeout_ms,
            weights,
        } = config;
        let times = (lease_ms, renew_every_ms, poll_every_ms, response_timeout_ms);
        let tls = (tls_ca_file, tls_cert_file, tls_key_file);
        (url, tls, shards, batch_max, times, weights)
    };
    assert_eq!(queue(shown.queue), queue(own.queue));
    let inbox = |config| {
        let queue::InboxConfig { url, batch_max, reclaim_ms, results_max } = config;
        (url, batch_max, reclaim_ms, results_max)
    };
    assert_eq!(inbox(shown.inbox), inbox(own.inbox));
    let server = |config| {
        let server::Config {
            listen,
            private_listen,
            operators,
            public_url,
            return_urls,
            requests_per_minute,
        } = config;
        (listen, private_listen, operators, public_url, return_urls, requests_per_minute)
    };
    assert_eq!(server(shown.server), server(own.server));
    assert_eq!(shown.media, own.media);
    assert_eq!(shown.outbound, own.outbound);
    assert_eq!(shown.shutdown, own.shutdown);
    // What may hold keys cannot be printed.
    assert!(shown.mail == own.mail, "[mail]");
    assert!(shown.vault == own.vault, "[vault]");
    assert_eq!(format!("{:?}", shown.workers), format!("{:?}", own.workers));
    assert_eq!(format!("{:?}", shown.log), format!("{:?}", own.log));
    assert_eq!(format!("{:?}", shown.telemetry), format!("{:?}", own.telemetry));
}

//! How the simulated X shows a wording: links as t.co, three characters escaped.

use crate::sim::http::digest;
use crate::sim::page::escaped;
use domain::text;
use serde_json::{Value, json};

/// A wording as the API shows it, with the links that were shortened.
pub(super) struct Shown {
    pub text: String,
    pub urls: Vec<Value>,
}

/// The wording of a post, and a link to its page at the end for its files.
pub(super) fn show(id: u64, wording: &str, media_keys: &[String], page: &str) -> Shown {
    let mut shown = Shown { text: String::with_capacity(wording.len()), urls: Vec::new() };
    let mut rest = wording;
    // Most wordings hold no link, and looking for one costs more than all else here.
    let links = if wording.contains('.') { text::all_links(wording) } else { Vec::new() };
    for (number, link) in links.iter().enumerate() {
        let Some(at) = rest.find(link.as_str()) else {
            continue;
        };
        shown.text.push_str(&escaped(&rest[..at]));
        // X adds the scheme where the user wrote none.
        let expanded = if link.contains("://") { link.clone() } else { format!("http://{link}") };
        shown.link(&short(id, number), &expanded, None);
        rest = &rest[at + link.len()..];
    }
    shown.text.push_str(&escaped(rest));
    if !media_keys.is_empty() {
        if !shown.text.is_empty() {
            shown.text.push(' ');
        }
        let url = short(id, links.len());
        let before = shown.text.len();
        for key in media_keys {
            // One link stands for all files; X lists it once for each.
            shown.text.truncate(before);
            shown.link(&url, page, Some(key));
        }
    }
    shown
}

impl Shown {
    fn link(&mut self, url: &str, expanded: &str, media_key: Option<&str>) {
        let start = self.text.chars().count();
        self.text.push_str(url);
        let bare = expanded.split_once("://").map_or(expanded, |(_, rest)| rest);
        let mut entity = json!({
            "start": start,
            "end": start + url.len(),
            "url": url,
            "expanded_url": expanded,
            "display_url": bare.chars().take(26).collect::<String>(),
        });
        if let Some(key) = media_key {
            entity["media_key"] = key.into();
        }
        self.urls.push(entity);
    }
}

fn short(id: u64, number: usize) -> String {
    let digest = digest(format!("t.co:{id}:{number}"));
    format!("https://t.co/{}", &digest[..10])
}

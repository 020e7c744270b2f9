//! Whether a wording of the timeline is one of ours, behind shortened links and escapes.
//!
//! Invariant: a link is compared where it stood, never with X's short form of it.

use super::super::wire::Link;
use url::Url;

/// A piece of a listed wording.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Words(String),
    /// Where a link stood, as it was before X shortened it.
    Link(String),
}

/// A listed wording with its links as they were, without those that stand for files.
pub(super) fn pieces(text: &str, links: &[Link]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = text;
    loop {
        let found = links
            .iter()
            .filter(|link| !link.url.is_empty())
            .filter_map(|link| rest.find(&link.url).map(|at| (at, link)))
            .min_by_key(|(at, _)| *at);
        let Some((at, link)) = found else {
            break;
        };
        pieces.push(Piece::Words(unescaped(&rest[..at])));
        if !stands_for_file(link) {
            pieces.push(Piece::Link(link.expanded_url.clone()));
        }
        rest = &rest[at + link.url.len()..];
    }
    pieces.push(Piece::Words(unescaped(rest)));
    tidy(pieces)
}

/// Neighbouring words become one piece with even spaces, empty ones go.
fn tidy(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut joined: Vec<Piece> = Vec::new();
    for piece in pieces {
        match (joined.last_mut(), piece) {
            (Some(Piece::Words(before)), Piece::Words(words)) => before.push_str(&words),
            (_, piece) => joined.push(piece),
        }
    }
    let last = joined.len().saturating_sub(1);
    for (at, piece) in joined.iter_mut().enumerate() {
        if let Piece::Words(words) = piece {
            let mut text = single_spaced(words);
            if at == 0 {
                text = text.trim_start().into();
            }
            if at == last {
                text = text.trim_end().into();
            }
            *words = text;
        }
    }
    joined.retain(|piece| !matches!(piece, Piece::Words(words) if words.is_empty()));
    joined
}

/// X writes a link to each attached file at the end of the wording.
fn stands_for_file(link: &Link) -> bool {
    let is_page = |kind| link.expanded_url.contains(kind);
    link.media_key.is_some()
        || (link.expanded_url.contains("/status/") && (is_page("/photo/") || is_page("/video/")))
}

/// X escapes three characters of a wording.
fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// Spaces as X might even them out: at the ends none, elsewhere one.
pub(super) fn even(text: &str) -> String {
    single_spaced(text).trim().into()
}

fn single_spaced(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let c = if c.is_whitespace() { ' ' } else { c };
        if c != ' ' || !out.ends_with(' ') {
            out.push(c);
        }
    }
    out
}

/// `ours` is the pieces one after the other, links compared by `same`.
pub(super) fn matches(ours: &str, pieces: &[Piece], same: &dyn Fn(&str, &str) -> bool) -> bool {
    match pieces {
        [] => ours.is_empty(),
        [Piece::Words(words), after @ ..] => {
            ours.strip_prefix(words.as_str()).is_some_and(|rest| matches(rest, after, same))
        }
        // A link of ours ends where the next piece begins; its words may occur in the link too.
        [Piece::Link(link), after @ ..] => {
            let run = ours.find(' ').unwrap_or(ours.len());
            let ends = ours.char_indices().map(|(at, _)| at).chain([ours.len()]);
            ends.skip(1)
                .take_while(|end| *end <= run)
                .any(|end| same(&ours[..end], link) && matches(&ours[end..], after, same))
        }
    }
}

/// The same link, with or without the scheme that X adds where a user wrote none.
pub(super) fn same_link(ours: &str, theirs: &str) -> bool {
    let bare = |link: &str| parsed(link).map(|url| url.as_str().trim_end_matches('/').to_owned());
    ours == theirs || bare(ours).is_some_and(|link| Some(link) == bare(theirs))
}

/// A link to the same host.
pub(super) fn same_host(ours: &str, theirs: &str) -> bool {
    let host = |link: &str| parsed(link)?.host_str().map(str::to_owned);
    host(ours).is_some_and(|name| Some(name) == host(theirs))
}

/// The link as an URL, its scheme evened out: X adds `http` where a user wrote none.
fn parsed(link: &str) -> Option<Url> {
    let bare = link.split_once("://").map_or(link, |(_, rest)| rest);
    Url::parse(&format!("https://{bare}")).ok().filter(|url| url.has_host())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(url: &str, expanded_url: &str) -> Link {
        Link { url: url.into(), expanded_url: expanded_url.into(), media_key: None }
    }

    fn same(ours: &str, theirs: &str, links: &[Link]) -> bool {
        matches(&even(ours), &pieces(theirs, links), &same_link)
    }

    #[test]
    fn a_wording_is_recognised_behind_links_and_escapes() {
        let links = [link("https://t.co/a1", "http://example.com")];
        assert!(same("Q&A <now>: example.com.", "Q&amp;A &lt;now&gt;: https://t.co/a1.", &links));
        assert!(!same("Q&A now: example.org.", "Q&amp;A now: https://t.co/a1.", &links));

        let links = [
            link("https://t.co/a1", "https://example.com/a?b=1&c=ü"),
            link("https://t.co/b2", "https://x.com/acme/status/12/photo/1"),
        ];
        let theirs = "See https://t.co/a1, and\n\nmore https://t.co/b2";
        assert!(same("See https://example.com/a?b=1&c=ü, and\n\nmore", theirs, &links));
    }

    #[test]
    fn an_escape_that_the_user_wrote_stays() {
        assert!(same("write &amp; for &", "write &amp;amp; for &amp;", &[]));
    }

    #[test]
    fn another_link_to_the_same_host_is_only_likely() {
        let links = [link("https://t.co/a1", "https://example.com/2")];
        let theirs = pieces("New: https://t.co/a1", &links);
        assert!(!matches("New: https://example.com/1", &theirs, &same_link));
        assert!(matches("New: https://example.com/1", &theirs, &same_host));
    }

    #[test]
    fn a_wording_that_is_only_a_file_has_no_pieces() {
        let links = [link("https://t.co/b2", "https://x.com/acme/status/12/photo/1")];
        assert!(same("", "https://t.co/b2", &links));
    }
}

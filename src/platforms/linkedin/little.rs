//! Little text, the markup of LinkedIn's commentaries (learn.microsoft.com/linkedin, little text).
//!
//! A reserved character that stands for itself has a backslash before it. Without one LinkedIn
//! cuts the text at that place and still answers 201, so nothing reserved leaves here bare.
//! Two things in a user's text are markup and stay it. A hashtag: `#` with a letter or digit behind
//! it and none before it. A mention: `@[Name](urn:li:organization:123)` or
//! `@[Name](urn:li:person:abc)`, the name on one line and without square brackets. LinkedIn links
//! it when the name is the one it knows, and shows the bare name otherwise. A mention counts as it
//! is written, which is more than it shows.
//! Invariant: [`plain`] of [`escaped`] is the text, and nothing else comes through as markup.

/// The characters that mean something in little text.
const RESERVED: &str = "\\|{}@[]()<>#*_~";
/// How a hashtag begins where LinkedIn writes it out whole.
const TEMPLATE: &str = "{hashtag|";
/// Whom a mention may name (Posts API, mentions).
const ORGANIZATION: &str = "urn:li:organization:";
const PERSON: &str = "urn:li:person:";
/// No name and no URN is longer: a page's name has at most 100 characters.
const PART_BYTES_MAX: usize = 400;

/// The commentary that shows as `text`.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    let mut before = None;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(Markup { name, urn, after }) = mention(rest).filter(|markup| markup.is_whole())
        {
            out.push_str("@[");
            name.chars().for_each(|c| push(&mut out, c));
            out.push_str("](");
            out.push_str(urn);
            out.push(')');
            // Words may end here, so that a `#` behind a name would not begin a hashtag.
            before = name.chars().next_back();
            rest = after;
            continue;
        }
        rest = &rest[c.len_utf8()..];
        let is_hashtag = c == '#' && is_hashtag(before, rest.chars().next());
        if is_hashtag {
            out.push(c);
        } else {
            push(&mut out, c);
        }
        before = Some(c);
    }
    out
}

/// A character that stands for itself.
fn push(out: &mut String, c: char) {
    if RESERVED.contains(c) {
        out.push('\\');
    }
    out.push(c);
}

/// What stands where the URNs of mentions do and is none of somebody, in order.
pub(super) fn broken_mentions(text: &str) -> Vec<&str> {
    let starts = text.match_indices("@[").filter_map(|(at, _)| mention(&text[at..]));
    starts.filter(|markup| !markup.is_whole()).map(|markup| markup.urn).collect()
}

/// What is written like a mention, at the beginning of a text.
struct Markup<'a> {
    name: &'a str,
    urn: &'a str,
    after: &'a str,
}

impl Markup<'_> {
    /// It names a person or an organization.
    fn is_whole(&self) -> bool {
        let is_number = |id: &str| id.bytes().all(|b| b.is_ascii_digit());
        let is_id = |id: &str| id.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
        match (self.urn.strip_prefix(ORGANIZATION), self.urn.strip_prefix(PERSON)) {
            (Some(id), _) => !id.is_empty() && is_number(id),
            (None, Some(id)) => !id.is_empty() && is_id(id),
            (None, None) => false,
        }
    }
}

/// What stands before and behind the first such sign, where it is not far.
fn split(text: &str, sign: u8) -> Option<(&str, &str)> {
    let at = text.bytes().take(PART_BYTES_MAX).position(|byte| byte == sign)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// `@[Name](urn:…)` at the beginning of `text`. Without `urn:` it is any link of Markdown.
fn mention(text: &str) -> Option<Markup<'_>> {
    let (name, rest) = split(text.strip_prefix("@[")?, b']')?;
    let (urn, after) = split(rest.strip_prefix('(')?, b')')?;
    let is_name = !name.trim().is_empty() && !name.contains(['[', '\n', '\r']);
    let is_urn = urn.get(..4).is_some_and(|begin| begin.eq_ignore_ascii_case("urn:"));
    (is_name && is_urn && !urn.contains(char::is_whitespace)).then_some(Markup { name, urn, after })
}

/// What a commentary shows, with hashtags as a person writes them.
pub(super) fn plain(commentary: &str) -> String {
    let mut out = String::with_capacity(commentary.len());
    let mut rest = commentary;
    while let Some(c) = rest.chars().next() {
        if let Some((word, after)) = template(rest) {
            out.push('#');
            out.push_str(&plain(word));
            rest = after;
            continue;
        }
        rest = &rest[c.len_utf8()..];
        match rest.chars().next() {
            Some(next) if c == '\\' && RESERVED.contains(next) => {
                out.push(next);
                rest = &rest[next.len_utf8()..];
            }
            _ => out.push(c),
        }
    }
    out
}

/// A `#` is one where a word begins behind it and none ends before it. An underscore would need
/// its backslash there, so a word that begins with one is no hashtag.
fn is_hashtag(before: Option<char>, after: Option<char>) -> bool {
    let is_inside = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    !is_inside && after.is_some_and(char::is_alphanumeric)
}

/// The word of `{hashtag|\#|word}` at the beginning of `text`, and what follows.
fn template(text: &str) -> Option<(&str, &str)> {
    let rest = text.strip_prefix(TEMPLATE)?;
    let rest = rest.strip_prefix("\\#|").or_else(|| rest.strip_prefix("#|"))?;
    let (word, after) = rest.split_once('}')?;
    (!word.contains('{')).then_some((word, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reserved_is_escaped_and_hashtags_stay() {
        let golden = [
            ("Hello & good morning", "Hello & good morning"),
            ("50% off (today)", "50% off \\(today\\)"),
            ("#news for @acme", "#news for \\@acme"),
            ("#snake_case, c#, a#b, # 1", "#snake\\_case, c\\#, a\\#b, \\# 1"),
            ("##two #_one #", "\\##two \\#\\_one \\#"),
            ("{hashtag|\\#|x}", "\\{hashtag\\|\\\\\\#\\|x\\}"),
            ("a\\b <i> *b* ~c~ [d]", "a\\\\b \\<i\\> \\*b\\* \\~c\\~ \\[d\\]"),
            ("#größe #日本", "#größe #日本"),
            ("", ""),
        ];
        for (text, commentary) in golden {
            assert_eq!(escaped(text), commentary);
            assert_eq!(plain(commentary), text);
        }
    }

    #[test]
    fn a_mention_stays_one_and_what_is_like_one_is_told() {
        let golden = [
            ("@[Acme](urn:li:organization:12)!", "@[Acme](urn:li:organization:12)!"),
            ("By @[Ann (B)](urn:li:person:a-_9)#x", "By @[Ann \\(B\\)](urn:li:person:a-_9)#x"),
            ("@[Acme](urn:li:person:1)#x", "@[Acme](urn:li:person:1)\\#x"),
            ("@[a](https://a.co)", "\\@\\[a\\]\\(https://a.co\\)"),
            ("@[](urn:li:person:1)", "\\@\\[\\]\\(urn:li:person:1\\)"),
            ("@[a](urn:li:person:)", "\\@\\[a\\]\\(urn:li:person:\\)"),
        ];
        for (text, commentary) in golden {
            assert_eq!(escaped(text), commentary);
            assert_eq!(plain(commentary), text);
        }
        let odd =
            "@[a](urn:li:company:1) @[b](urn:li:organization:x) @[c](urn:li:person:1) @[d](x)";
        assert_eq!(broken_mentions(odd), ["urn:li:company:1", "urn:li:organization:x"]);
    }

    #[test]
    fn a_hashtag_that_linkedin_wrote_out_reads_as_one() {
        assert_eq!(plain("See {hashtag|\\#|news}!"), "See #news!");
        assert_eq!(plain("{hashtag|\\#|snake\\_case} {x}"), "#snake_case {x}");
    }
}

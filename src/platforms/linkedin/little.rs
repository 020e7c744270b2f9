//! Little text, the markup of LinkedIn's commentaries (learn.microsoft.com/linkedin, little text).
//!
//! A reserved character that stands for itself has a backslash before it. Without one LinkedIn
//! cuts the text at that place and still answers 201, so nothing reserved leaves here bare.
//! Invariant: [`plain`] of [`escaped`] is the text, and only hashtags come through as markup.

/// The characters that mean something in little text.
const RESERVED: &str = "\\|{}@[]()<>#*_~";
/// How a hashtag begins where LinkedIn writes it out whole.
const TEMPLATE: &str = "{hashtag|";

/// The commentary that shows as `text`.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    let mut before = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let is_hashtag = c == '#' && is_hashtag(before, chars.peek().copied());
        if RESERVED.contains(c) && !is_hashtag {
            out.push('\\');
        }
        out.push(c);
        before = Some(c);
    }
    out
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
    fn a_hashtag_that_linkedin_wrote_out_reads_as_one() {
        assert_eq!(plain("See {hashtag|\\#|news}!"), "See #news!");
        assert_eq!(plain("{hashtag|\\#|snake\\_case} {x}"), "#snake_case {x}");
    }
}

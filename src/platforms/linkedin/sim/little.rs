//! How the simulated LinkedIn reads little text: up to the first reserved character that stands
//! bare, where it stops without a word, as the real one does.
//!
//! Invariant: shares nothing with the adapter's escaping, so that each tests the other.

/// What a commentary shows.
pub(super) fn shown(commentary: &str) -> String {
    let mut out = String::new();
    let mut rest = commentary;
    while let Some(c) = rest.chars().next() {
        let is_inside = out.chars().next_back().is_some_and(|b| b.is_alphanumeric() || b == '_');
        let after = &rest[c.len_utf8()..];
        rest = match c {
            '\\' => match after.chars().next().filter(|next| is_reserved(*next)) {
                Some(next) => {
                    out.push(next);
                    &after[next.len_utf8()..]
                }
                None => break,
            },
            '#' if !is_inside && after.starts_with(char::is_alphanumeric) => {
                out.push('#');
                after
            }
            '{' => match template(after) {
                Some((word, after)) => {
                    out.push('#');
                    out.push_str(word);
                    after
                }
                None => break,
            },
            '@' => match mention(after) {
                Some((name, after)) => {
                    out.push_str(name);
                    after
                }
                None => break,
            },
            c if is_reserved(c) => break,
            c => {
                out.push(c);
                after
            }
        };
    }
    out
}

fn is_reserved(c: char) -> bool {
    matches!(
        c,
        '\\' | '|' | '{' | '}' | '@' | '[' | ']' | '(' | ')' | '<' | '>' | '#' | '*' | '_' | '~'
    )
}

/// The word of `hashtag|\#|word}` and what follows.
fn template(text: &str) -> Option<(&str, &str)> {
    let (word, after) = text.strip_prefix("hashtag|\\#|")?.split_once('}')?;
    (!word.is_empty() && word.chars().all(char::is_alphanumeric)).then_some((word, after))
}

/// The name of `[Name](urn:li:organization:123)` and what follows.
fn mention(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = text.strip_prefix('[')?.split_once("](")?;
    let (urn, after) = rest.split_once(')')?;
    let is_urn = urn.starts_with("urn:li:organization:") || urn.starts_with("urn:li:person:");
    (is_urn && !name.is_empty()).then_some((name, after))
}

#[cfg(test)]
mod tests {
    use super::shown;
    use crate::linkedin::little::{escaped, plain};

    #[test]
    fn a_bare_reserved_character_cuts_the_text() {
        let cut = [
            ("Open (today)", "Open "),
            ("a_b", "a"),
            ("a # b", "a "),
            ("a#b", "a"),
            ("c:\\d", "c:"),
            ("hi @acme", "hi "),
        ];
        for (commentary, text) in cut {
            assert_eq!(shown(commentary), text);
        }
    }

    #[test]
    fn markup_shows_as_what_it_stands_for() {
        let commentary = "Thanks @[Acme Inc](urn:li:organization:12) for {hashtag|\\#|news}, #too";
        assert_eq!(shown(commentary), "Thanks Acme Inc for #news, #too");
    }

    #[test]
    fn whatever_a_user_writes_is_shown_whole_and_read_back() {
        let letters = ['a', '7', 'é', ' ', '\n', '#', '\\', '_', '{', '|', '@', '(', ')', '~'];
        let mut texts = vec![String::new()];
        let mut last = texts.clone();
        for _ in 0..4 {
            let longer = last.iter().flat_map(|t| letters.iter().map(move |c| format!("{t}{c}")));
            last = longer.collect();
            texts.extend(last.iter().cloned());
        }
        for text in texts {
            let commentary = escaped(&text);
            assert_eq!(shown(&commentary), text);
            assert_eq!(plain(&commentary), text);
        }
    }
}

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
                    out.push_str(&name);
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

/// The name of `[Name](urn:li:organization:123)` and what follows. In the name too, what is
/// reserved has a backslash before it.
fn mention(text: &str) -> Option<(String, &str)> {
    let mut rest = text.strip_prefix('[')?;
    let mut name = String::new();
    loop {
        let c = rest.chars().next()?;
        rest = &rest[c.len_utf8()..];
        match c {
            ']' => break,
            '\\' => {
                let next = rest.chars().next().filter(|next| is_reserved(*next))?;
                name.push(next);
                rest = &rest[next.len_utf8()..];
            }
            c if is_reserved(c) => return None,
            c => name.push(c),
        }
    }
    let (urn, after) = rest.strip_prefix('(')?.split_once(')')?;
    let organization = urn.strip_prefix("urn:li:organization:");
    let is_page = organization.is_some_and(|id| id.parse::<u64>().is_ok());
    let is_person = urn.strip_prefix("urn:li:person:").is_some_and(|id| !id.is_empty());
    ((is_page || is_person) && !name.is_empty()).then_some((name, after))
}

#[cfg(test)]
mod tests {
    use super::shown;
    use crate::linkedin::little::{escaped, plain};
    use proptest::prelude::*;
    use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
    use std::hash::{BuildHasher, Hasher, RandomState};

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
    fn a_name_shows_as_it_is_and_an_odd_mention_cuts() {
        let shows = |commentary: &str| shown(commentary);
        assert_eq!(shows("@[Ann \\(B\\)](urn:li:person:a1), hi"), "Ann (B), hi");
        assert_eq!(shows("By @[Ann (B)](urn:li:person:a1)"), "By ");
        assert_eq!(shows("By @[Acme](urn:li:organization:x)"), "By ");
    }

    fn seed() -> u64 {
        let given = std::env::var("POSTFLEET_TEST_SEED").ok();
        let given = given.map(|seed| seed.parse().expect("POSTFLEET_TEST_SEED is a number"));
        given.unwrap_or_else(|| RandomState::new().build_hasher().finish())
    }

    // case: L-little
    #[test]
    fn no_text_is_cut_and_every_mention_and_hashtag_stays() {
        let seed = seed();
        println!("POSTFLEET_TEST_SEED={seed}");
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let config = Config { cases: 5_000, failure_persistence: None, ..Config::default() };
        // Without a colon no plain piece can be a part of a mention's URN.
        let plain_piece = prop_oneof![r"[\\|{}@\[\]()<>#*_~a-c é1\n😀]{0,12}", "[^:]{0,8}"];
        let urn = prop_oneof!["urn:li:organization:[0-9]{1,9}", "urn:li:person:[A-Za-z0-9_-]{1,9}"];
        let name = r"[^\[\]\r\n\s][^\[\]\r\n]{0,9}";
        let piece = prop_oneof![
            3 => plain_piece.prop_map(|text| (text.clone(), text)),
            1 => (name, urn).prop_map(|(name, urn)| (format!("@[{name}]({urn})"), name)),
        ];
        let outcome = TestRunner::new_with_rng(config, rng).run(
            &prop::collection::vec(piece, 0..8),
            |pieces| {
                let text: String = pieces.iter().map(|(text, _)| text.as_str()).collect();
                let wanted: String = pieces.iter().map(|(_, shown)| shown.as_str()).collect();
                let commentary = escaped(&text);
                prop_assert_eq!(shown(&commentary), wanted, "{}", text);
                prop_assert_eq!(plain(&commentary), text);
                Ok(())
            },
        );
        if let Err(broken) = outcome {
            panic!("seed {seed}: {broken}");
        }
        assert_eq!(escaped("#news (and) #c_d"), "#news \\(and\\) #c\\_d");
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

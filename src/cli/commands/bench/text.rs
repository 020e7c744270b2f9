//! `postfleet bench text`: how long counting a text takes, by X's weights.

use crate::say::say;
use base::{Fault, clock};
use domain::capability::Counting;
use domain::text::count;
use serde_json::{Map, json};
use std::hint::black_box;

/// What a text is made of, over and over: scripts, and what other counters stumble over.
const KINDS: [(&str, &str); 10] = [
    ("latin", "The quick brown fox. "),
    ("cyrillic", "Съешь ещё этих булок. "),
    ("arabic", "أبجد هوز حطي كلمن "),
    ("hindi", "ऋषियों को सताने वाले "),
    ("japanese", "いろはにほへとちりぬるを"),
    ("korean", "다람쥐 헌 쳇바퀴에 타고파 "),
    ("emoji", "😀👍🏽👨‍👩‍👧‍👦🇯🇵"),
    ("combining", "e\u{301}a\u{323}\u{302}"),
    ("links", "see https://example.com/a?b=c and example.org, "),
    ("dots", "a.a."),
];

/// What `postfleet bench text` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// Characters of each text; X takes so many from its subscribers.
    #[arg(long, default_value_t = 25_000)]
    chars: usize,
    /// Times that each text is counted; the median is told.
    #[arg(long, default_value_t = 101)]
    runs: usize,
    /// Print one line of JSON.
    #[arg(long)]
    json: bool,
}

/// Measures.
///
/// # Errors
/// Never; the other benches have servers that fail.
pub fn run(arguments: &Arguments) -> Result<(), Fault> {
    let mut figures = Map::new();
    for (name, seed) in KINDS {
        let text: String = seed.chars().cycle().take(arguments.chars).collect();
        let mut ms: Vec<f64> = (0..arguments.runs.max(1))
            .map(|_| {
                let started = clock::stopwatch();
                black_box(count(Counting::Weighted, black_box(&text)));
                started.elapsed().as_secs_f64() * 1_000.0
            })
            .collect();
        ms.sort_by(f64::total_cmp);
        let median = ms.get(ms.len() / 2).copied().unwrap_or_default();
        figures.insert(format!("{name}_ms"), json!((median * 100.0).round() / 100.0));
    }
    let figures = json!({ "bench": "text", "chars": arguments.chars, "figures": figures });
    if arguments.json {
        say(figures);
    } else {
        say(format_args!("{figures:#}"));
    }
    Ok(())
}

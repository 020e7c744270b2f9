//! The page at `/`: what is simulated here, and what arrived.

use super::World;
use axum::response::Html;
use std::fmt::Write;

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:3rem auto;padding:0 1rem}\
h1{font-size:1.5rem;margin-bottom:.2rem}p{color:#777;margin-top:0}\
table{width:100%;border-collapse:collapse;margin:1.5rem 0}\
th{font-weight:600;text-align:left;font-size:.85rem;color:#777}\
th,td{padding:.6rem .8rem .6rem 0;border-bottom:1px solid #8884}\
td.n{font-variant-numeric:tabular-nums;font-size:1.2rem}\
code{font-size:.85rem}li{margin:.3rem 0}";

/// The page.
pub fn index(world: &World) -> Html<String> {
    let mut rows = String::new();
    for hosted in &world.hosted {
        let count = hosted.lock().simulator.accepted().len();
        let name = hosted.name;
        // Writing to a string does not fail.
        let _ = write!(
            rows,
            "<tr><td><strong>{name}</strong></td><td class=n>{count}</td>\
             <td><a href=\"/{name}/feed\">feed</a></td>\
             <td><a href=\"/_sim/accepted?platform={name}\">accepted</a> · \
             <a href=\"/_sim/accounts?platform={name}\">accounts</a> · \
             <a href=\"/_sim/limits?platform={name}\">limits</a></td></tr>"
        );
    }
    Html(format!(
        "<!doctype html><html lang=en><meta charset=utf-8>\
         <meta name=viewport content=\"width=device-width\">\
         <title>Simulated platforms</title><style>{STYLE}</style>\
         <h1>Simulated platforms</h1><p>Nothing here leaves this machine.</p>\
         <table><tr><th>Platform<th>Accepted posts<th>Seen by people<th>Seen by tests</tr>\
         {rows}</table><ul>\
         <li><code>POST /_sim/grants</code> \
         <code>{{\"platform\": \"x\", \"account\": \"acme\"}}</code> an account and its token</li>\
         <li><code>POST /_sim/faults</code> a list of faults to come; \
         <a href=\"/_sim/faults\">in force</a></li>\
         <li><code>PUT /_sim/clock</code> <code>{{\"offsetMs\": 60000}}</code>; \
         <a href=\"/_sim/clock\">now</a></li>\
         <li><code>PUT /_sim/limits?platform=</code> other limits</li>\
         <li><code>POST /_sim/reset</code> forgets everything</li></ul></html>"
    ))
}

//! `report.html`: the outcome for a steering committee, in one file without any external resource.
//!
//! Called by `demo`. Reads a `Report` and nothing else. It must still open from an archive in ten years,
//! print on paper, and follow the reader's light or dark setting; hence no script and no web font. Every text
//! that comes from outside goes through [`escape`].

mod curve;

use std::fmt::Write as _;

use site_agent::data_report::html::{STYLE, escape};

use super::format;
use super::report::{Report, Round, SiteReport};
use curve::Curve;

/// The complete document.
pub(super) fn render(report: &Report) -> String {
    let name = escape(&report.run.name);
    let body = [
        header(report),
        figures(report),
        charts(report),
        quality(report),
        sites(report),
        limits(),
        check_it_yourself(report),
        provenance(report),
    ]
    .concat();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{name}: federated fine-tuning report</title>\n<style>\n{STYLE}</style>\n</head>\n\
         <body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )
}

fn header(report: &Report) -> String {
    let change = report.improvement() * 100.0;
    let verdict = if change >= 0.0 {
        format!("lowered the loss on unseen test questions by <strong>{change:.1} %</strong>")
    } else {
        format!(
            "<strong>raised</strong> the loss on unseen test questions by <strong>{:.1} %</strong>",
            -change
        )
    };
    format!(
        "<header>\n<p class=\"eyebrow\">Consilium &middot; federated fine-tuning report</p>\n<h1>{}</h1>\n\
         <p class=\"lead\">{} trained one language model together in {} and {verdict}. \
         No record was sent: each site sent adapter updates and status messages only, {} in total.</p>\n</header>\n",
        escape(&report.run.name),
        plural(report.sites.len() as u64, "hospital"),
        plural(u64::from(report.run.rounds), "round"),
        format::bytes(report.sites.iter().map(|site| site.bytes_sent).sum()),
    )
}

fn figures(report: &Report) -> String {
    let (base, last) = (&report.base, &report.last);
    let records: u64 = report.sites.iter().map(|site| site.records).sum();
    let verified = report.sites.iter().filter(|site| site.ledger_verified).count();
    let figure = |title: &str, value: String, note: String| {
        format!("<div><dt>{title}</dt><dd>{value}<small>{note}</small></dd></div>\n")
    };
    [
        "<dl class=\"figures\">\n".to_owned(),
        figure(
            "Test loss",
            format::loss(last.test_loss),
            format!("base model {}", format::loss(base.test_loss)),
        ),
        figure(
            "Test token accuracy",
            format::percent(last.test_token_accuracy),
            format!("base model {}", format::percent(base.test_token_accuracy)),
        ),
        figure("Training records", format::grouped(records), "all of them stayed where they were".to_owned()),
        figure(
            "Ledgers verified",
            format!("{verified} of {}", report.sites.len()),
            "what left is on record".to_owned(),
        ),
        "</dl>\n".to_owned(),
    ]
    .concat()
}

fn charts(report: &Report) -> String {
    let base = &report.base;
    let with_base = |first: Option<f64>, value: fn(&Round) -> f64| {
        let mut labels: Vec<String> = first.iter().map(|_| "base".to_owned()).collect();
        labels.extend(report.rounds.iter().map(|round| format!("round {}", round.round)));
        let values: Vec<f64> = first.into_iter().chain(report.rounds.iter().map(value)).collect();
        (labels, values)
    };
    let (labels, values) = with_base(base.validation_loss, |round| round.validation_loss);
    let loss = Curve { description: "Validation loss by round", labels, values, show: short_loss }.render();
    let (labels, values) = with_base(base.validation_token_accuracy, |round| round.validation_token_accuracy);
    let accuracy =
        Curve { description: "Validation token accuracy by round", labels, values, show: short_percent }
            .render();
    format!(
        "<section>\n<h2>How it learnt</h2>\n<p>After every round the shared model is measured on the consortium's \
         validation set, which no site trains on. The dashed line is the base model.</p>\n<div class=\"charts\">\n\
         <figure><figcaption>Loss <small>nats per token, lower is better</small></figcaption>{loss}</figure>\n\
         <figure><figcaption>Token accuracy <small>share of tokens predicted, higher is better</small></figcaption>\
         {accuracy}</figure>\n</div>\n</section>\n"
    )
}

fn short_loss(value: f64) -> String {
    format!("{value:.2}")
}

fn short_percent(value: f64) -> String {
    format!("{:.1} %", value * 100.0)
}

fn quality(report: &Report) -> String {
    let mut rows = String::new();
    let mut row = |class: &str, cells: [String; 6]| {
        let cells: String = cells.iter().map(|cell| format!("<td>{cell}</td>")).collect();
        let _ = writeln!(rows, "<tr{class}>{cells}</tr>");
    };
    let cells = |model: &str, set: &str, loss: f64, perplexity: f64, accuracy: f64, error: Option<f64>| {
        [
            model.to_owned(),
            set.to_owned(),
            format::loss(loss),
            format::perplexity(perplexity),
            format::percent(accuracy),
            error.map_or_else(String::new, |error| format!("{error:.4}")),
        ]
    };
    let base = &report.base;
    if let (Some(loss), Some(perplexity), Some(accuracy)) =
        (base.validation_loss, base.validation_perplexity, base.validation_token_accuracy)
    {
        row("", cells("Base model", "validation", loss, perplexity, accuracy, None));
    }
    for round in &report.rounds {
        let name = format!("After round {}", round.round);
        let (perplexity, accuracy) = (round.validation_perplexity, round.validation_token_accuracy);
        row(
            "",
            cells(&name, "validation", round.validation_loss, perplexity, accuracy, round.aggregation_error),
        );
    }
    let strong = " class=\"strong\"";
    for (name, held) in [("Base model", base), ("Federated, final", &report.last)] {
        row(
            strong,
            cells(name, "test", held.test_loss, held.test_perplexity, held.test_token_accuracy, None),
        );
    }
    format!(
        "<section>\n<h2>Held-out quality</h2>\n<p>The validation set steers; the test set is opened once, at the \
         end. Aggregation error says how much averaging the two adapter factors separately differs from averaging \
         their product.</p>\n<div class=\"scroll\"><table>\n<tr><th>Model</th><th>Set</th><th>Loss</th>\
         <th>Perplexity</th><th>Token accuracy</th><th>Aggregation error</th></tr>\n{rows}</table></div>\n</section>\n"
    )
}

fn sites(report: &Report) -> String {
    let row = |site: &SiteReport| {
        format!(
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
            escape(&site.name),
            format::grouped(site.records),
            site.weight.map_or_else(String::new, format::percent),
            format::grouped(site.bytes_sent),
            format::grouped(site.frames_sent),
            verdict(Some(site.ledger_verified)),
            verdict(site.ledger_verified_by_python),
        )
    };
    let rows: String = report.sites.iter().map(row).collect();
    format!(
        "<section>\n<h2>What left each hospital</h2>\n<p>Every message is written to the site's own tamper-evident \
         ledger before its first byte is sent. What two independent programs found \
         when they checked each ledger after the run is in the last columns.</p>\n\
         <div class=\"scroll\"><table>\n<tr><th>Site</th><th>Records used</th><th>Weight</th><th>Bytes sent</th><th>Messages</th>\
         <th>Ledger</th><th>Second verifier</th></tr>\n{rows}</table></div>\n</section>\n"
    )
}

/// Colour never carries the verdict alone.
fn verdict(verified: Option<bool>) -> &'static str {
    match verified {
        Some(true) => "<span class=\"verdict good\">&#10003; verified</span>",
        Some(false) => "<span class=\"verdict bad\">&#10007; failed</span>",
        None => "<span class=\"verdict open\">not run</span>",
    }
}

fn limits() -> String {
    "<section>\n<h2>What this does not prove</h2>\n<ul>\n\
     <li>&ldquo;Only adapter updates leave&rdquo; is not a privacy guarantee. Published attacks reconstruct training \
     text from such updates, and the coordinator of this run could see each site&rsquo;s update.</li>\n\
     <li>The ledger proves how many bytes left, when, and in which kind of message. It does not measure how much an \
     update reveals about a patient.</li>\n\
     <li>A lower loss on the test set means better prediction of held-out answers. It is no clinical validation; \
     nobody should be advised by this model on the strength of this report.</li>\n</ul>\n</section>\n"
        .to_owned()
}

fn check_it_yourself(report: &Report) -> String {
    let site = report.paths.site_states.first().map_or("site-state", String::as_str);
    format!(
        "<section>\n<h2>Check it yourself</h2>\n<p>These need no network and no trust in the coordinator.</p>\n\
         <pre><code>site-agent ledger verify --state {site}\nsite-agent ledger show --state {site}\n\
         python3 deploy/verify_ledger.py {site}/ledger/ledger.log</code></pre>\n</section>\n",
        site = escape(site)
    )
}

fn provenance(report: &Report) -> String {
    let fact = |name: &str, value: String| format!("<dt>{name}</dt><dd>{value}</dd>\n");
    let openings: Vec<String> = report
        .test_set_openings
        .iter()
        .map(|opening| format!("{} ({})", opening.at, opening.purpose))
        .collect();
    let openings = if openings.is_empty() { "not recorded".to_owned() } else { openings.join(", ") };
    let timings = &report.timings;
    let mut facts = fact("Run", format!("<code>{}</code>", escape(&report.run.id)));
    facts += &fact("Base model", escape(&report.run.model));
    facts +=
        &fact("Published adapter", format!("<code>sha256 {}</code>", escape(&report.run.adapter_digest)));
    facts += &fact("Test set opened", escape(&openings));
    facts += &fact("Time", format!("{} from launch to publication", format::seconds(timings.run_s)));
    if let Some(overhead) = timings.worst_round_overhead_s {
        facts += &fact("Round overhead", format!("at most {overhead:.2} s outside training and evaluation"));
    }
    format!("<section>\n<h2>Provenance</h2>\n<dl class=\"facts\">\n{facts}</dl>\n</section>\n")
}

fn plural(count: u64, noun: &str) -> String {
    let spelled = ["No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine"];
    let number = usize::try_from(count).ok().and_then(|index| spelled.get(index));
    let number = number.map_or_else(|| format::grouped(count), |word| (*word).to_owned());
    let number = if noun == "hospital" { number } else { number.to_lowercase() };
    format!("{number} {noun}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::super::report::example;
    use super::*;

    #[test]
    fn names_cannot_inject_markup() {
        let html = render(&example::report());
        assert!(!html.contains("<script>") && html.contains("a&lt;script&gt;"));
        assert!(html.contains("medqa &lt;zh&gt; &amp; friends"));
    }

    #[test]
    fn the_file_needs_nothing_from_outside() {
        let html = render(&example::report());
        for outside in ["http://", "https://", "src=", "@import", "url(", "<link"] {
            assert!(!html.contains(outside), "{outside}");
        }
    }

    #[test]
    fn the_curve_and_every_site_are_there() {
        let html = render(&example::report());
        assert_eq!(html.matches("<svg").count(), 2);
        assert_eq!(html.matches("<circle").count(), 6);
        assert!(html.contains("Two hospitals") && html.contains("two rounds"));
    }
}

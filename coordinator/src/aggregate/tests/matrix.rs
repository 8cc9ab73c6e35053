//! Every combination of the ways to combine updates is either run here, on files, or refused by the run
//! file's own check with the reason; `coordinator/METHODS.md` has the table that this test makes.
//! `CONSILIUM_ACCEPT_METHODS=1` writes it anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use common::run::RunSpec;

use super::*;

const ACCEPT: &str = "CONSILIUM_ACCEPT_METHODS";
const BEGIN: &str = "<!-- made by coordinator/src/aggregate/tests/matrix.rs -->\n";
const END: &str = "<!-- to here -->\n";

const WEIGHTINGS: [&str; 4] = ["capped", "records", "sqrt-records", "uniform"];
const ROBUST: [&str; 4] = ["none", "clip", "median", "trimmed-mean"];
const OPTIMIZERS: [&str; 5] = ["none", "momentum", "adam", "yogi", "adagrad"];
/// What trains one factor of the adapter at a time.
const METHODS: [&str; 2] = ["ffa", "rolora"];
const QUORUMS: [usize; 6] = [1, 2, 3, 4, 5, 10];
/// What the sites do, which the coordinator's combining knows nothing of.
const AT_SITES: [&str; 5] = [
    "[base]\nweights = \"nf4\"\n",
    "[base]\nweights = \"f32\"\ncompute = \"f32\"\n",
    "proximal_mu = 0.01\n",
    "schedule_over = \"run\"\n",
    "steps = 4\n",
];

/// A run file that chooses these.
fn spec(
    weighting: &str,
    robust: &str,
    optimizer: &str,
    quorum: usize,
    at_sites: &str,
) -> Result<RunSpec, String> {
    spec_of("fedavg", weighting, robust, optimizer, quorum, at_sites)
}

/// As [`spec`], of any method.
fn spec_of(
    method: &str,
    weighting: &str,
    robust: &str,
    optimizer: &str,
    quorum: usize,
    at_sites: &str,
) -> Result<RunSpec, String> {
    let work = if at_sites.contains("steps") { "" } else { "epochs = 1\n" };
    let text = format!(
        "name = \"t\"\nrounds = 3\n[quorum]\nsites = {quorum}\ndeadline_s = 60\n\
         [aggregation]\nmethod = \"{method}\"\nweighting = \"{weighting}\"\nrobust = \"{robust}\"\n\
         server_optimizer = \"{optimizer}\"\n[training]\n{work}{at_sites}"
    );
    let spec: RunSpec = toml::from_str(&text).map_err(|error| error.message().to_owned())?;
    spec.validate().map_err(|error| error.to_string())?;
    Ok(spec)
}

/// Two rounds of so many updates, combined as `spec` says. The adapter that is left.
fn combined(folder: &Path, spec: &RunSpec, sites: usize) -> Vec<f32> {
    let tensors = tensors(2, 3, 5);
    let noise = |site: usize| move |at: usize| ((at * 7919 + site * 104_729) % 1000) as f32 / 1370.0 - 0.3;
    let input =
        |site| input(site, write(folder, &site.to_string(), &tensors, noise(site)), 50 + 90 * site as u64);
    let inputs: Vec<Input> = (0..sites).map(input).collect();
    let mut last = write(folder, "last", &tensors, |_| 0.01);
    let mut before = None;
    for round in 0..2 {
        let at = |what: &str| folder.join(format!("{what}-{round}"));
        let mean = at("mean");
        aggregate(&inputs, &spec.aggregation, &tensors, &last, &mean).unwrap();
        last = mean.clone();
        if let Some(rule) = spec.aggregation.server_rule() {
            let second = matches!(rule, common::run::ServerRule::Adaptive { .. }).then(|| at("second"));
            let (out, after) = (at("out"), Moments { first: at("first"), second });
            let from = folder.join(if round == 0 { "last" } else { "out-0" });
            let files = StepFiles { mean: &mean, last: &from, before, out: &out, after: after.clone() };
            step(rule, &tensors, &files).unwrap();
            (last, before) = (out, Some(after));
        }
    }
    let read = AdapterReader::open(&last, &tensors).unwrap();
    (0..tensors.len()).flat_map(|tensor| read.read_whole(tensor).unwrap()).collect()
}

/// Three rounds of updates of one factor, as the driver has them averaged: what is not trained stays, bit by
/// bit.
fn by_halves(spec: &RunSpec, sites: usize) {
    use crate::execution::averaging::Averaging;
    use crate::state_folder::blobs::digest_of;

    let place = tempfile::tempdir().unwrap();
    let (folder, tensors) = (place.path(), tensors(2, 3, 5));
    let mut last = write(folder, "last", &tensors, |_| 0.01);
    for round in 1..=spec.rounds {
        let factors = spec.aggregation.method.factors(common::id::Round(round), spec.rounds);
        let part = factors.of(&tensors);
        let noise = |site: usize| {
            move |at: usize| {
                ((at * 7919 + (site + 31 * round as usize) * 104_729) % 1000) as f32 / 1370.0 - 0.3
            }
        };
        let inputs: Vec<(Input, Digest)> = (0..sites)
            .map(|site| {
                let path = write(folder, &format!("{round}-{site}"), &part, noise(site));
                let digest = digest_of(&path).unwrap();
                (input(site, path, 50 + 90 * site as u64), digest)
            })
            .collect();
        let out = folder.join(format!("next-{round}"));
        let combining = (&spec.aggregation).into();
        Averaging { inputs: &inputs, combining, tensors: &tensors, factors, last: &last }
            .write(&out)
            .unwrap();
        let (next, before) =
            (AdapterReader::open(&out, &tensors).unwrap(), AdapterReader::open(&last, &tensors).unwrap());
        for (index, tensor) in tensors.iter().enumerate() {
            let is_same = next.read_whole(index).unwrap() == before.read_whole(index).unwrap();
            assert_eq!(is_same, !factors.include(&tensor.name), "round {round}: {tensor:?}");
        }
        last = out;
    }
    assert_eq!(fs::read_dir(folder).unwrap().count(), 1 + 3 * (sites + 1), "nothing else is left");
}

#[test]
fn every_combination_runs_or_is_refused_with_its_reason() {
    let mut reasons: Vec<String> = Vec::new();
    let mut cells: BTreeMap<(usize, usize, usize), Option<usize>> = BTreeMap::new();
    for (r, robust) in ROBUST.iter().enumerate() {
        for (w, weighting) in WEIGHTINGS.iter().enumerate() {
            for (q, quorum) in QUORUMS.iter().enumerate() {
                let mut seen: Vec<Option<String>> = Vec::new();
                for optimizer in OPTIMIZERS {
                    for at_sites in AT_SITES {
                        let spec = spec(weighting, robust, optimizer, *quorum, at_sites);
                        if let (Ok(spec), true) = (&spec, at_sites == AT_SITES[0]) {
                            let folder = tempfile::tempdir().unwrap();
                            let values = combined(folder.path(), spec, *quorum);
                            assert!(values.iter().all(|value| value.is_finite()), "{spec:?}");
                            assert!(values.iter().any(|value| (value - 0.01).abs() > 1e-6), "{spec:?}");
                        }
                        seen.push(spec.err());
                    }
                }
                for method in METHODS {
                    let spec = spec_of(method, weighting, robust, "none", *quorum, AT_SITES[0]);
                    if let Ok(spec) = &spec {
                        by_halves(spec, *quorum);
                    }
                    seen.push(spec.err());
                }
                // Neither method, nor the server's optimiser, nor what the sites do makes a difference.
                assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{robust} {weighting} {quorum}");
                let cell = seen.swap_remove(0).map(|reason| {
                    reasons.iter().position(|known| *known == reason).unwrap_or_else(|| {
                        reasons.push(reason);
                        reasons.len() - 1
                    })
                });
                cells.insert((r, w, q), cell);
            }
        }
    }
    let table = table(&cells, &reasons);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("METHODS.md");
    let text = fs::read_to_string(&path).unwrap();
    let (head, rest) = text.split_once(BEGIN).unwrap();
    let (written, tail) = rest.split_once(END).unwrap();
    if std::env::var_os(ACCEPT).is_some() {
        fs::write(&path, format!("{head}{BEGIN}{table}{END}{tail}")).unwrap();
    } else {
        assert_eq!(written, table, "run this test with {ACCEPT}=1 and look at the difference");
    }
}

fn table(cells: &BTreeMap<(usize, usize, usize), Option<usize>>, reasons: &[String]) -> String {
    let mut text = String::from("| `robust` | `weighting` |");
    for quorum in QUORUMS {
        write!(text, " {quorum} |").unwrap();
    }
    text.push_str("\n|---|---|");
    text.push_str(&"---|".repeat(QUORUMS.len()));
    for (r, robust) in ROBUST.iter().enumerate() {
        for (w, weighting) in WEIGHTINGS.iter().enumerate() {
            write!(text, "\n| `{robust}` | `{weighting}` |").unwrap();
            for q in 0..QUORUMS.len() {
                match cells[&(r, w, q)] {
                    None => text.push_str(" runs |"),
                    Some(reason) => write!(text, " ({}) |", reason + 1).unwrap(),
                }
            }
        }
    }
    text.push_str("\n\n");
    for (index, reason) in reasons.iter().enumerate() {
        writeln!(text, "{}. {reason}", index + 1).unwrap();
    }
    text.push_str(
        "\nWith `train = \"alone\"` nothing is combined, and what is about combining is refused:\n\n",
    );
    alone().iter().for_each(|reason| writeln!(text, "- {reason}").unwrap());
    text.push_str(&halves());
    text.push_str(&turns());
    text
}

/// What trains one factor at a time, beside a server's optimiser and a number of rounds.
fn halves() -> String {
    let mut text = "\nWith `method = \"ffa\"` or `\"rolora\"` each cell of the table is the same, and each that runs was run for \
                    three rounds. `ffa` goes with every `server_optimizer`. Refused is:\n\n"
        .to_owned();
    let of = |method: &str, optimizer: &str| spec_of(method, "uniform", "none", optimizer, 2, AT_SITES[0]);
    let mut reasons = Vec::new();
    for optimizer in OPTIMIZERS {
        assert!(of("ffa", optimizer).is_ok());
        reasons.extend(of("rolora", optimizer).err());
    }
    for method in METHODS {
        let read = |rounds: u32, more: &str| {
            let text = format!(
                "name = \"t\"\nrounds = {rounds}\n{more}\n[quorum]\nsites = 2\ndeadline_s = 60\n[aggregation]\n\
                 method = \"{method}\"\n[training]\n"
            );
            let spec: RunSpec = toml::from_str(&text).unwrap();
            spec.validate().map_err(|error| error.to_string())
        };
        assert!(read(3, "").is_ok() && read(4, "initial = \"5f0c\"").is_ok());
        reasons.extend(read(4, "").err());
        reasons.extend(read(1, "train = \"alone\"\nvalidation = \"v\"").err());
    }
    reasons.dedup();
    reasons.iter().for_each(|reason| writeln!(text, "- {reason}").unwrap());
    text
}

/// Sites that take turns, beside each quorum: only the two numbers make a difference.
fn turns() -> String {
    let of = |sites_per_round: usize, quorum: usize, robust: &str| {
        let text = format!(
            "name = \"t\"\nrounds = 3\n[quorum]\nsites = {quorum}\ndeadline_s = 60\n[participation]\n\
             sites_per_round = {sites_per_round}\n[aggregation]\nweighting = \"uniform\"\n\
             robust = \"{robust}\"\n[training]\n"
        );
        let spec: RunSpec = toml::from_str(&text).unwrap();
        spec.validate().map_err(|error| error.to_string())
    };
    let mut text =
        "\nWith `[participation]`, by `quorum.sites`; nothing else of this page but what the quorum \
                    refuses already depends on it:\n\n| `sites_per_round` |"
            .to_owned();
    QUORUMS.iter().for_each(|quorum| write!(text, " {quorum} |").unwrap());
    text.push_str("\n|---|");
    text.push_str(&"---|".repeat(QUORUMS.len()));
    let mut reasons: Vec<String> = Vec::new();
    for sites_per_round in [1, 2, 3, 5, 10] {
        write!(text, "\n| {sites_per_round} |").unwrap();
        for quorum in QUORUMS {
            let found = of(sites_per_round, quorum, "none");
            let robust = if quorum < 3 { found.clone() } else { of(sites_per_round, quorum, "median") };
            assert_eq!(found, robust, "a robust rule asks for the quorum alone");
            match found {
                Ok(()) => text.push_str(" runs |"),
                Err(reason) => {
                    let reason = reason.replacen(&format!(" is {quorum}, "), " is above it, ", 1);
                    text.push_str(" (1) |");
                    reasons.push(reason);
                }
            }
        }
    }
    reasons.dedup();
    assert_eq!(reasons.len(), 1, "{reasons:?}");
    write!(text, "\n\n1. {}\n", reasons[0]).unwrap();
    text
}

/// The reason for each setting that a run of each site alone may not have.
fn alone() -> Vec<String> {
    let read = |rounds: u32, sections: &str| {
        let text = format!(
            "name = \"t\"\ntrain = \"alone\"\nrounds = {rounds}\nvalidation = \"v\"\n[quorum]\nsites = 3\n\
             deadline_s = 60\n[training]\n{sections}"
        );
        let spec: RunSpec = toml::from_str(&text).unwrap();
        spec.validate().map_err(|error| error.to_string())
    };
    assert_eq!(read(1, "epochs = 3\n"), Ok(()));
    let of = |section: &str, lines: &str| read(1, &format!("[{section}]\n{lines}\n")).unwrap_err();
    let mut reasons = vec![read(3, "").unwrap_err(), read(1, "proximal_mu = 0.01\n").unwrap_err()];
    let robust = ROBUST.iter().skip(1).map(|robust| {
        let trim = if *robust == "trimmed-mean" { "robust_trim = 0.4" } else { "" };
        of("aggregation", &format!("robust = \"{robust}\"\nweighting = \"uniform\"\n{trim}"))
    });
    reasons.extend(robust);
    reasons.extend(WEIGHTINGS.iter().skip(1).map(|it| of("aggregation", &format!("weighting = \"{it}\""))));
    reasons.extend(
        OPTIMIZERS.iter().skip(1).map(|it| of("aggregation", &format!("server_optimizer = \"{it}\""))),
    );
    let evaluation =
        ["loss_increase_max = 0.5", "suites = [\"a.toml\"]", "forgetting = true", "sample_questions = 5"];
    reasons.extend(evaluation.iter().map(|lines| of("evaluation", lines)));
    reasons.push(read(1, "validation_share = 0.1\n[evaluation]\nsites.score = true\n").unwrap_err());
    reasons.push(of("participation", "sites_per_round = 3"));
    reasons.dedup();
    reasons
}

/// What there is no setting for is refused too: none of it is read and does nothing.
#[test]
fn what_is_not_there_is_refused_by_name() {
    let with = |more: &str| {
        let text = format!(
            "name = \"t\"\nrounds = 3\n[quorum]\nsites = 3\ndeadline_s = 60\n[training]\nepochs = 1\n{more}"
        );
        toml::from_str::<RunSpec>(&text).map(drop).map_err(|error| error.message().to_owned())
    };
    assert_eq!(with(""), Ok(()));
    for (more, word) in [
        ("[aggregation]\nmethod = \"exact-sidecar\"\n", "exact-sidecar"),
        ("[aggregation]\nmethod = \"flex-svd\"\n", "flex-svd"),
        ("[aggregation]\nrobust = \"krum\"\n", "krum"),
        ("[aggregation]\ncompression = \"int8\"\n", "compression"),
        ("[secure_aggregation]\n", "secure_aggregation"),
        ("[privacy]\nepsilon = 8\n", "privacy"),
        ("[adapter]\nranks = [8, 16]\n", "ranks"),
    ] {
        let message = with(more).unwrap_err();
        assert!(message.contains(word), "{more}: {message}");
    }
}

//! Strings that stand for patients are planted in the training data. After a run, after a crash and
//! after every refusal they must be nowhere but in that data.

use std::io::Write as _;
use std::path::Path;

use anyhow::Result;
use tests::canary::Canaries;

use crate::support::{COMMAND_WITHIN, RUN_WITHIN, Small, Wish};

/// They occur in no language and in no tokenizer's vocabulary as one token.
const PLANTED: [&str; 3] =
    ["zqx-Wilhelmina-Okonkwo-7f3a91", "患者赵钱孙李病历号五五零二一八", "MRN#9943-zqx-1187-20"];

/// Enough for everything two sites send in a short run.
const CAPTURE_BYTES_MAX: usize = 256 << 20;

#[test]
fn planted_records_are_found_nowhere_but_in_the_data() -> Result<()> {
    let small = Small::new(&Wish { sites: 2, relayed: true, ..Wish::default() })?;
    for site in &small.setup.sites {
        plant(&site.data[0])?;
    }
    let canaries = Canaries::new(&PLANTED);
    assert!(!canaries.scan_folder(&small.data(), &[])?.findings.is_empty(), "the search finds what is there");

    let mut consortium = small.start()?;
    if let Some(relay) = consortium.relay() {
        relay.capture(CAPTURE_BYTES_MAX);
    }
    let run = consortium.launch(&small.run_file)?;
    consortium.wait_published(&run, RUN_WITHIN)?;
    // What people print and look at.
    for arguments in
        [&["status", &run] as &[&str], &["status", &run, "--json"], &["sites", "--json"], &["runs"]]
    {
        consortium.coordinator.run(arguments, COMMAND_WITHIN)?.success()?;
    }
    for arguments in [&["status"] as &[&str], &["status", "--json"], &["ledger", "show"], &["check"]] {
        consortium.sites[0].run(arguments, COMMAND_WITHIN)?;
    }
    consortium.stop();

    let captured = consortium.relay().map(tests::relay::Relay::captured).unwrap_or_default();
    assert!(captured.len() > 100_000, "only {} bytes were captured", captured.len());
    assert_eq!(canaries.find(&captured), None);
    nothing_found(&canaries, small.folder.path(), &small.data())
}

#[test]
fn a_crash_while_training_leaves_no_record_behind() -> Result<()> {
    let small = Small::new(&Wish { sites: 1, rounds: 1, ..Wish::default() })?;
    plant(&small.setup.sites[0].data[0])?;
    let mut consortium = small.start()?;
    consortium.sites[0].kill();
    consortium.start_site(0, &[("CONSILIUM_CRASH_AT", "site-training-step")])?;
    let run = consortium.launch(&small.run_file)?;
    // The worker aborts in the middle of training, again and again; then the machine loses power.
    std::thread::sleep(std::time::Duration::from_secs(3));
    consortium.sites[0].kill();
    consortium.start_site(0, &[])?;
    consortium.wait_published(&run, RUN_WITHIN)?;
    consortium.stop();
    nothing_found(&Canaries::new(&PLANTED), small.folder.path(), &small.data())
}

#[test]
fn a_refused_data_file_is_named_but_not_quoted() -> Result<()> {
    let small = Small::new(&Wish { sites: 1, ..Wish::default() })?;
    let data = &small.setup.sites[0].data[0];
    let mut file = std::fs::OpenOptions::new().append(true).open(data)?;
    writeln!(file, "{{\"instruction\": \"{}\", \"output\": ", PLANTED[0])?;
    drop(file);
    let mut consortium = tests::consortium::Consortium::create(small.setup.clone())?;
    consortium.start_coordinator(&[])?;
    let invitation = consortium.invite("site-1", &[])?;
    let refused = consortium.try_join(0, &invitation)?;
    assert_eq!(refused.code(), Some(1), "{}", refused.stderr);
    assert!(refused.stderr.contains("17"), "the line number is named: {}", refused.stderr);
    consortium.stop();
    nothing_found(&Canaries::new(&PLANTED), small.folder.path(), &small.data())
}

/// Appends records that hold the planted strings in question and answer.
fn plant(data: &Path) -> Result<()> {
    let mut text = std::fs::read_to_string(data)?;
    let record = |question: &str, answer: &str| serde_json::json!({ "instruction": format!("{question} 头痛三天"), "input": "", "output": format!("{answer} rest") });
    let planted =
        [record(PLANTED[0], PLANTED[1]), record(PLANTED[1], PLANTED[2]), record(PLANTED[2], PLANTED[0])];
    if text.trim_start().starts_with('[') {
        let mut records: Vec<serde_json::Value> = serde_json::from_str(&text)?;
        // An array of ShareGPT records; Alpaca records in it would be another format.
        records.extend(planted.iter().map(|record| {
            serde_json::json!({ "conversations": [
                { "from": "human", "value": record["instruction"] }, { "from": "gpt", "value": record["output"] },
            ]})
        }));
        text = serde_json::to_string(&records)?;
    } else {
        text.extend(planted.iter().map(|record| format!("{record}\n")));
    }
    Ok(std::fs::write(data, text)?)
}

fn nothing_found(canaries: &Canaries, folder: &Path, data: &Path) -> Result<()> {
    let scan = canaries.scan_folder(folder, &[data.to_owned()])?;
    println!("scanned {} files, {} bytes", scan.files, scan.bytes);
    assert!(scan.files >= 10, "only {} files were scanned", scan.files);
    assert!(scan.findings.is_empty(), "planted strings were found: {:#?}", scan.findings);
    Ok(())
}

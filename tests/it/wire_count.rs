//! Three counts of what left a site, with real processes: ledger, transport and kernel agree after a run, a
//! ledger that was cut does not agree with what was sent, and a packet that the agent's user sends past the
//! program is refused and counted. Run by `cargo test`.

use std::fs;
use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use common::ledger::Record;
use serde_json::Value;
use tests::consortium::Consortium;
use tests::process::Finished;

use crate::reconcile::forged;
use crate::support::{COMMAND_WITHIN, RUN_WITHIN, Small, Wish, repository};

/// Set in the process that runs inside the namespaces.
const INSIDE: &str = "CONSILIUM_TEST_INSIDE";
const HERE: &str =
    "wire_count::inside_a_namespace_of_its_own_the_agent_is_alone_and_a_rogue_packet_is_refused";
const COORDINATOR: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);

fn reconciled(consortium: &Consortium, more: &[&str]) -> Result<(Finished, Value)> {
    let arguments = [&["ledger", "reconcile", "--wire", "--json"], more].concat();
    let finished = consortium.sites[0].run(&arguments, COMMAND_WITHIN)?;
    let document = serde_json::from_str(&finished.stdout)
        .with_context(|| format!("{}{}", finished.stdout, finished.stderr))?;
    Ok((finished, document))
}

fn number(document: &Value, path: &str) -> Result<u64> {
    document.pointer(path).and_then(Value::as_u64).with_context(|| format!("{path} in {document}"))
}

#[test]
fn ledger_and_transport_agree_and_a_ledger_that_was_cut_does_not() -> Result<()> {
    let small = Small::new(&Wish { sites: 1, rounds: 1, ..Wish::default() })?;
    let mut consortium = small.start()?;
    let run = consortium.launch(&small.run_file)?;
    consortium.wait_published(&run, RUN_WITHIN)?;
    let (running, document) = reconciled(&consortium, &[])?;
    ensure!(running.code() == Some(0), "while the agent runs: {}", running.stderr);
    // A power cut for this process: what was counted until its last answered frame stays.
    consortium.sites[0].kill();
    let (agreed, counted) = reconciled(&consortium, &[])?;
    ensure!(agreed.code() == Some(0), "{}", agreed.stderr);
    let (ledger, sent) = (number(&counted, "/wire/ledger/bytes")?, number(&counted, "/wire/bytes")?);
    assert!(ledger >= number(&document, "/wire/ledger/bytes")?);
    assert!(sent > ledger && sent <= number(&counted, "/wire/bytes_at_most")?, "{counted}");
    assert!(number(&counted, "/wire/not_counted/frames")? <= 1, "one frame was under way: {counted}");
    assert_eq!(number(&counted, "/wire/before/frames")?, 1, "the request to join");
    assert!(number(&counted, "/wire/processes/kernel")? >= number(&counted, "/wire/processes/calls")? - 20);
    eprintln!("measured on loopback: {counted}");

    let path = consortium.sites[0].state().join("ledger/ledger.log");
    let genuine = fs::read_to_string(&path)?;
    let hide = |records: &mut Vec<Record>| {
        let chunk = records.iter_mut().find(|record| record.kind == common::ledger::Kind::Chunk);
        chunk.expect("a chunk left").length = 60;
    };
    fs::write(&path, forged(&genuine, hide)?)?;
    let (cut, document) = reconciled(&consortium, &[])?;
    ensure!(cut.code() == Some(1), "{document}");
    let fault = document["wire"]["faults"][0].as_str().context("a fault")?;
    assert!(fault.contains("too many") && cut.stderr.contains("hint:"), "{fault}{}", cut.stderr);
    fs::write(&path, genuine)?;
    consortium.stop();
    Ok(())
}

/// Kept for as long as its namespace is wanted.
struct Holder(Child);

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn shell(script: &str) -> Result<()> {
    let output = Command::new("sh").args(["-ec", script]).output()?;
    ensure!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// Two namespaces with a cable between them: this process's, and one for the site. Returns its keeper.
fn two_namespaces() -> Result<Holder> {
    let holder = Command::new("unshare").args(["-n", "sleep", "900"]).stdin(Stdio::null()).spawn()?;
    let holder = Holder(holder);
    let id = holder.0.id();
    let ours = fs::read_link("/proc/self/ns/net")?;
    for _ in 0..200 {
        if fs::read_link(format!("/proc/{id}/ns/net")).is_ok_and(|theirs| theirs != ours) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    shell(&format!(
        "ip link set lo up
         ip link add here type veth peer name there
         ip link set there netns {id}
         ip addr add {COORDINATOR}/24 dev here
         ip link set here up
         in_site() {{ nsenter --net=/proc/{id}/ns/net \"$@\"; }}
         in_site sh -c 'echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6' || true
         in_site ip link set lo up
         in_site ip addr add 10.77.0.2/24 dev there
         in_site ip link set there up"
    ))?;
    Ok(holder)
}

/// The shipped rules, with this consortium's addresses. Here the agent is root.
fn rules(consortium: &Consortium) -> Result<String> {
    let text = fs::read_to_string(repository().join("deploy/nftables-site.nft"))?;
    let ports = consortium.listens_at().map(|address| address.port().to_string()).join(", ");
    let changed = text
        .replace("\"consilium-site\"", "0")
        .replace("192.0.2.10", &COORDINATOR.to_string())
        .replace("4600, 4601", &ports);
    ensure!(!changed.contains("192.0.2.10") && !changed.contains("4600"), "the recipe has other words");
    Ok(changed)
}

fn inside() -> Result<()> {
    let holder = two_namespaces()?;
    let entry = format!("--net=/proc/{}/ns/net", holder.0.id());
    let mut small = Small::new(&Wish { sites: 1, rounds: 1, ..Wish::default() })?;
    small.setup.address = COORDINATOR;
    let mut consortium = Consortium::create(small.setup.clone())?;
    consortium.sites[0].set_wrapper(&["nsenter", &entry]);
    let has_rules = Command::new("nft").arg("--version").output().is_ok();
    if has_rules {
        let path = small.folder.path().join("rules.nft");
        fs::write(&path, rules(&consortium)?)?;
        shell(&format!("nsenter {entry} nft -f {}", path.display()))?;
    } else {
        eprintln!("SKIPPED the kernel's rules of wire_count: no nft here");
    }
    consortium.start_coordinator(&[])?;
    consortium.join(0)?;
    consortium.start_site(0, &[])?;
    let run = consortium.launch(&small.run_file)?;
    consortium.wait_published(&run, RUN_WITHIN)?;
    consortium.sites[0].stop();

    let (agreed, document) = reconciled(&consortium, &["--alone"])?;
    ensure!(agreed.code() == Some(0), "{document} {}", agreed.stderr);
    assert_eq!(number(&document, "/wire/processes/by_others")?, 0, "the agent is alone");
    eprintln!("measured between two namespaces: {document}");
    if !has_rules {
        return Ok(());
    }
    assert_eq!(number(&document, "/wire/firewall/refused/packets")?, 0);
    assert!(number(&document, "/wire/firewall/sent/bytes")? > number(&document, "/wire/processes/bytes")?);
    // From a file, as an officer has it who is not root.
    let counters = small.folder.path().join("counters.json");
    shell(&format!("nsenter {entry} nft -j list counters > {}", counters.display()))?;
    let counters = counters.to_str().context("a UTF-8 path")?;
    let rogue = format!("nsenter {entry} bash -c 'echo records > /dev/udp/{COORDINATOR}/9'");
    ensure!(shell(&rogue).is_err(), "the kernel let the packet out");
    let (refused, document) = reconciled(&consortium, &[])?;
    ensure!(refused.code() == Some(1), "{document}");
    assert_eq!(number(&document, "/wire/firewall/refused/packets")?, 1);
    assert!(refused.stderr.contains("refused 1 packets"), "{}", refused.stderr);
    let (before, _) = reconciled(&consortium, &["--counters", counters])?;
    ensure!(before.code() == Some(0), "{}", before.stderr);
    let (late, _) = reconciled(&consortium, &["--counters", counters, "--since", "1000000"])?;
    ensure!(late.code() == Some(1) && late.stderr.contains("too many"), "{}", late.stderr);
    consortium.stop();
    Ok(())
}

#[test]
fn inside_a_namespace_of_its_own_the_agent_is_alone_and_a_rogue_packet_is_refused() -> Result<()> {
    if std::env::var_os(INSIDE).is_some() {
        return inside();
    }
    let probe = "ip link add here type veth peer name there && unshare -n true";
    let may = Command::new("unshare").args(["-rn", "sh", "-c", probe]).output();
    if !may.is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED {HERE}: this machine makes no network namespaces with a cable between them");
        return Ok(());
    }
    let again = std::env::current_exe()?;
    let status = Command::new("unshare")
        .args(["-rn", "--fork", "--kill-child"])
        .arg(again)
        .args(["--exact", HERE, "--nocapture"])
        .env(INSIDE, "1")
        .status()?;
    ensure!(status.success(), "see above");
    Ok(())
}

//! The page from facts that a hostile coordinator, officer or file name may have chosen.

use data::screen::Mode;
use serde_json::{Value, json};

use super::*;
use crate::cli::ledger::report::facts::*;
use crate::cli::ledger::wire::Counted;
use crate::policy::PolicyConfig;

const HOSTILE: &str = "<script>alert('x')</script>\u{202e}\"&";
const BOTH: [Language; 2] = [Language::En, Language::Zh];

fn note(kind: &'static str) -> Note {
    Note { sequence: 3, at: "2026-01-01T00:00:00Z".into(), kind, sha256: "ab".repeat(32) }
}

fn one<T>(only: T) -> Newest<T> {
    Newest { shown: vec![only], left_out: 7 }
}

fn run() -> Run {
    let kinds = vec![
        OfKind { kind: "offer", frames: 1, bytes: 60 },
        OfKind { kind: "chunk", frames: 2, bytes: 1_234_567 },
    ];
    let update = Update { sha256: "cd".repeat(32), bytes: 1_234_000, receipt: Receipt::Fits };
    let screening = Screening {
        read: 120,
        used: 100,
        refused: 1,
        blocked: 19,
        duplicates_dropped: 0,
        left_out: 0,
        findings: [("citizen-id".to_owned(), 21)].into(),
        mode: json!("block"),
        waiver_sha256: Some("ef".repeat(32)),
        self_test_passed: true,
    };
    let data = DataNote {
        sequence: 9,
        at: "2026-01-01T00:00:01Z".into(),
        round: Some(1),
        root: "12".repeat(32),
        screening: Some(screening),
    };
    let decision = Decision {
        at: "2026-01-01T00:00:00Z".into(),
        choice: "approved",
        decided_by: "nobody",
        policy: None,
        terms: "34".repeat(32),
        sequence: None,
        told_to_coordinator: false,
    };
    Run {
        run: "0707070707070707".into(),
        name: Some(HOSTILE.into()),
        state: Some("approved"),
        frames: 3,
        bytes: 1_234_627,
        update_bytes: 1_234_567,
        first: Some("2026-01-01T00:00:00Z".into()),
        last: Some("2026-01-01T00:01:00Z".into()),
        rounds: one(RoundOfRun { round: Some(1), kinds: kinds.clone(), update: Some(update) }),
        kinds,
        data: one(data),
        decisions: one(decision),
        notes_without_decision: one(note("withdrawal")),
        ..Run::default()
    }
}

fn locks() -> Locks {
    let lock = |lock: &str, held, required| Lock {
        lock: lock.into(),
        gateway: Held::Holds,
        worker: held,
        attempts: 4,
        required,
        excused: false,
    };
    let tried =
        vec![lock("landlock", Held::Holds, true), lock("network-namespace", Held::DoesNotHold, false)];
    Locks { failure: None, tried, missing: Vec::new(), reached: vec![HOSTILE.into()] }
}

fn counted() -> Counted {
    Counted { lines: 3, bytes: 1_300_000, faults: vec![HOSTILE.into()], ..Counted::default() }
}

fn facts() -> Facts {
    Facts {
        site: "cardiology".into(),
        version: "1.2.3",
        written: "2026-01-02T00:00:00Z".into(),
        run: None,
        left: None,
        left_told: false,
        ledger: Ledger {
            verified: true,
            records: 12,
            frames: 10,
            bytes: 1_235_000,
            root: "56".repeat(32),
            verifier_key: Some("consilium/00/site+12345678+AQID".into()),
            receipts: Receipts { fit: 1, ..Receipts::default() },
            ..Ledger::default()
        },
        wire: Some(counted()),
        runs: one(run()),
        earlier_runs: Sum { frames: 5, bytes: 99 },
        beside_runs: vec![OfKind { kind: "poll", frames: 2, bytes: 18 }],
        recipient: Recipient {
            authority: "78".repeat(32),
            later_authority: None,
            name: "coordinator.consilium.internal",
            address: HOSTILE.into(),
            receipt_key: "9a".repeat(32),
            peers: vec![Peer { authority: "bc".repeat(32), frames: 10, bytes: 1_235_000 }],
        },
        certificate: Certificate {
            sha256: "de".repeat(32),
            serial: "41".repeat(16),
            key: "f0".repeat(32),
            from: "2026-01-01T00:00:00Z".into(),
            until: "2026-01-31T00:00:00Z".into(),
            keys: one(Key { key: "f0".repeat(32), since: "2026-01-01T00:00:00Z".into() }),
        },
        officer: None,
        policy: Policy {
            sha256: "0f".repeat(32),
            signed: false,
            rules: PolicyConfig::default().every_key().unwrap().into(),
            noted: false,
            changes: one(note("policy")),
        },
        waiver: Waiver {
            screen: Mode::Block,
            in_force: Some(WaiverInForce {
                sha256: "1e".repeat(32),
                kinds: vec!["date".into()],
                findings: 0,
                reason: HOSTILE.into(),
                issued: "2026-01-01".into(),
                expires: "2026-02-01".into(),
                doubt: Some(HOSTILE.into()),
            }),
            changes: Newest::default(),
        },
        locks: locks(),
        replays: one(Replay {
            run: "0707070707070707".into(),
            round: 1,
            at: "2026-01-01T12:00:00Z".into(),
            verdict: "same-bytes",
            sha256: Some("cd".repeat(32)),
        }),
    }
}

#[test]
fn nothing_from_outside_is_markup_and_nothing_is_loaded() {
    for language in BOTH {
        let html = render(&facts(), language);
        assert!(!html.contains("<script") && !html.contains('\u{202e}'), "{html}");
        // Of the name, the address, the reason, the doubt, the fault on the wire and, twice, the path.
        assert!(html.matches("&lt;script&gt;alert(").count() == 7, "{html}");
        for outside in ["http://", "https://", "src=", "@import", "url(", "<link", "javascript:"] {
            assert!(!html.contains(outside), "{outside}");
        }
        assert!(html.contains("default-src 'none'"));
        assert_eq!(html.matches("<table").count(), html.matches("<caption").count());
    }
}

#[test]
fn a_ledger_that_does_not_verify_is_said_first() {
    for (language, words) in BOTH.into_iter().zip(["THE LEDGER DOES NOT VERIFY", "台账核验未通过"]) {
        assert!(!render(&facts(), language).contains(words));
        let broken = Ledger { verified: false, broken: Some("line 4 <b>".into()), ..facts().ledger };
        let behind = Ledger { verified: false, reasons: vec!["it lacks record 9".into()], ..facts().ledger };
        let refused = Ledger { verified: false, coordinator_refuses: true, ..facts().ledger };
        for (ledger, reason) in
            [(broken, "line 4 &lt;b&gt;"), (behind, "lacks record 9"), (refused, "coordinator")]
        {
            let html = render(&Facts { ledger, ..facts() }, language);
            let at = html.find(words).unwrap();
            assert!(at < html.find("<h1").unwrap() && html[at..].contains(reason), "{html}");
            assert!(html.contains("<section class=\"alarm\""));
        }
    }
}

#[test]
fn what_is_missing_or_strange_is_named_in_words() {
    let mut facts = facts();
    let html = render(&facts, Language::En);
    for words in [
        "ANOTHER ONE",
        "NOBODY: it is not the officer",
        "Decisions that the ledger notes and the database does not know",
        "7 earlier rounds are not shown",
        "7 earlier runs are not shown here: 5 messages, 99 bytes",
        "citizen-id 21",
        "any</td>",
        "<tr><td class=\"left wrap\">1</td><td class=\"left wrap\"><span class=\"name\"><code>chunk</code></span></td>\
         <td>2</td><td>1,234,567</td></tr>",
        "<code>site-agent data check FILES --compare MANIFEST</code>",
        "What this page does not prove",
        "1,234,567",
        "A PROCESS REACHED WHAT ITS LOCKS KEEP FROM IT",
        "receipts.json</code></pre>",
        "the database does not know it",
    ] {
        assert!(html.contains(words), "{words}: {html}");
    }
    facts.officer = Some("consilium-officer-public-key 12".into());
    assert!(render(&facts, Language::En).contains("--officer officer.key.pub"));
    assert!(render(&facts, Language::En).contains("<code>consilium/00/site+12345678+AQID</code>"));
    let witnessed = |fits| Witnessed {
        witness: HOSTILE.into(),
        verifier_key: "b+12345678+BAID".into(),
        records: 7,
        at: "2026-01-01T00:00:00Z".into(),
        fits,
    };
    facts.ledger.witnesses = vec![witnessed(true)];
    for (language, says) in [(Language::En, "the ledger has this head"), (Language::Zh, "台账包含该头")]
    {
        let html = render(&facts, language);
        assert!(html.contains(says) && html.contains("b+12345678+BAID"), "{html}");
        assert!(!html.contains("cosigned.json"));
    }
    facts.ledger.witnesses = vec![witnessed(false)];
    facts.ledger.witnesses_unusable = 1;
    let html = render(&facts, Language::En);
    assert!(html.contains("does not have this head") && html.contains("1 cosigned heads that are kept here"));
    facts.ledger.verifier_key = None;
    assert!(!render(&facts, Language::En).contains("verifier key of its heads"));
    facts.ledger.verifier_key_unreadable = true;
    assert!(render(&facts, Language::En).contains("unreadable: identity/ledger.key"));
    facts.locks.missing = vec!["seccomp".into()];
    facts.recipient.peers[0].authority.clone_from(&facts.recipient.authority);
    let html = render(&facts, Language::En);
    assert!(html.contains("LOCKS ARE MISSING ON THIS MACHINE: seccomp") && !html.contains("ANOTHER ONE"));
    facts.locks = Locks { failure: Some("no <child>".into()), ..Locks::default() };
    let html = render(&facts, Language::En);
    assert!(html.contains("could NOT be tried: no &lt;child&gt;"));
    assert!(html.find("THE LOCKS COULD NOT BE TRIED").unwrap() < html.find("<h1").unwrap());
}

/// Sentences by which an officer judges, each in both languages, and none of them beside its opposite.
#[test]
fn the_page_says_no_more_than_the_facts() {
    let says = |facts: &Facts, words: [&str; 2], is_said: bool| {
        for (language, words) in BOTH.into_iter().zip(words) {
            assert_eq!(render(facts, language).contains(words), is_said, "{words}");
        }
    };
    let reached = ["A PROCESS REACHED", "进程可到达"];
    let all_hold = ["Every required lock holds", "全部有效"];
    says(&facts(), reached, true);
    says(&facts(), all_hold, false);
    let mut free = facts();
    free.locks.reached.clear();
    says(&free, reached, false);
    says(&free, all_hold, true);

    let fits = ["and fits the coordinator", "并与协调方的回执"];
    says(&facts(), fits, true);
    let mut aside = facts();
    aside.ledger.receipts.set_aside = 2;
    says(&aside, fits, false);
    says(&aside, ["receipts were set aside and are not compared", "2 份回执已被搁置"], true);

    let mut none = facts();
    none.waiver.in_force = None;
    let held_back = ["confirms are held back", "一律扣留"];
    for (mode, words) in [
        (Mode::Block, held_back),
        (Mode::Mask, ["replaced by placeholders", "以占位符替换"]),
        (Mode::Report, ["HOLDS NOTHING BACK", "不扣留任何内容"]),
    ] {
        none.waiver.screen = mode;
        says(&none, words, true);
        says(&none, held_back, mode == Mode::Block);
    }

    let mut gone = facts();
    let sends = ["As whom this site sends", "本站点的身份"];
    says(&gone, sends, true);
    gone.left = Some("2026-02-03".into());
    gone.runs.shown[0] = run().left();
    says(&gone, sends, false);
    for words in [
        ["left the consortium 2026-02-03", "2026-02-03 退出联盟"],
        ["As whom this site sent", "本站点当时的身份"],
        ["left with the consortium", "随退出联盟而终止"],
    ] {
        says(&gone, words, true);
    }
}

#[test]
fn the_numbers_of_a_run_are_the_runs() {
    let mut facts = facts();
    facts.ledger.receipts.fit = 71;
    let figure = |facts: &Facts, name: &str| {
        let html = render(facts, Language::En);
        let at = html.find(&format!("<dt>{name}</dt><dd>")).unwrap();
        html[at..].split(&['<', '>'][..]).nth(6).unwrap().to_owned()
    };
    assert_eq!(figure(&facts, "Receipts that fit"), "71");
    assert_eq!(figure(&facts, "Runs named here"), "1", "seven are not named");
    facts.run = Some(facts.runs.shown[0].run.clone());
    facts.runs.shown[0].receipts_fit = 3;
    assert_eq!(figure(&facts, "Receipts that fit"), "3");
}

#[test]
fn a_page_in_chinese_has_no_english_sentence() {
    let html = render(&facts(), Language::Zh);
    assert!(html.contains("lang=\"zh-CN\"") && html.contains("本页不能证明什么"));
    for english in ["What left", "Who decided", "not shown", "largest learning rate", "bytes of the update"] {
        assert!(!html.contains(english), "{english}");
    }
}

#[test]
fn every_rule_of_the_policy_stands_in_the_page_with_its_value() {
    let Value::Object(rules) = facts().policy.rules else { panic!("a section of TOML is an object") };
    let html = render(&facts(), Language::En);
    for key in rules.keys() {
        assert!(html.contains(&format!("<code>{key}</code>")), "{key}");
    }
    assert!(html.contains("68,719,476,736") && html.contains("0.0001"), "{html}");
}

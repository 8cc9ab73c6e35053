//! Tests of mixtures: proportions at every point, the end, what is counted, and that the seed decides.

use super::support::Files;
use crate::error::DataError;
use crate::read::mix::{MixPart, MixReport, MixUntil, mix};
use crate::read::{Item, ReadOptions};

struct Mixed {
    /// The file and line of each record in turn.
    order: Vec<(u32, u64)>,
    refused: usize,
    reports: Vec<MixReport>,
}

fn run(sizes: &[usize], weights: &[f64], until: MixUntil, seed: u64) -> Mixed {
    let files = Files::new();
    let parts: Vec<MixPart> = sizes
        .iter()
        .zip(weights)
        .enumerate()
        .map(|(index, (size, weight))| {
            let lines = "{\"text\":\"a\"}\n".repeat(*size) + "{}\n";
            MixPart { path: files.write(&format!("{index}.jsonl"), lines), weight: *weight }
        })
        .collect();
    let mut mixture = mix(&parts, until, seed, &ReadOptions::default()).unwrap();
    let (mut order, mut refused) = (Vec::new(), 0);
    for item in &mut mixture {
        match item.unwrap() {
            Item::Record(record) => order.push((record.place.file, record.place.line)),
            Item::Refused { .. } => refused += 1,
        }
    }
    Mixed { order, refused, reports: mixture.reports() }
}

#[test]
fn proportions_hold_at_every_point_until_the_scarcer_ends() {
    for seed in 0..20 {
        let mixed = run(&[300, 1000], &[0.6, 0.4], MixUntil::FirstIsUsedUp, seed);
        let mut taken = [0_usize; 2];
        for (step, (file, line)) in mixed.order.iter().enumerate() {
            taken[*file as usize] += 1;
            assert_eq!(*line as usize, taken[*file as usize], "records stay in order");
            let due = (step + 1) as f64 * 0.6;
            assert!((taken[0] as f64 - due).abs() <= 1.0, "{taken:?} after {} records", step + 1);
        }
        assert_eq!(taken[0], 300);
        assert!((199..=201).contains(&taken[1]), "{taken:?}");
        let counts: Vec<_> = mixed.reports.iter().map(|report| (report.taken, report.left_out)).collect();
        assert_eq!(counts, [(300, 0), (taken[1] as u64, 1000 - taken[1] as u64)]);
        assert_eq!(mixed.refused, 2, "one in each file, read to its end");
        assert!(mixed.reports.iter().all(|report| report.file.complete));
        assert!((mixed.reports[0].share - 0.6).abs() < 1e-9);
    }
}

#[test]
fn all_can_be_used_up_and_the_rest_share_by_their_weights() {
    let mixed = run(&[10, 60, 30], &[2.0, 2.0, 1.0], MixUntil::AllAreUsedUp, 7);
    assert_eq!(mixed.order.len(), 100);
    let of_the_second = mixed.order[40..70].iter().filter(|(file, _)| *file == 1).count();
    assert!((19..=21).contains(&of_the_second), "{of_the_second}");
    assert!(mixed.reports.iter().all(|report| report.left_out == 0));
}

#[test]
fn the_seed_decides_and_nothing_else() {
    let order = |seed| run(&[50, 50, 50], &[0.5, 0.3, 0.2], MixUntil::FirstIsUsedUp, seed).order;
    assert_eq!(order(1), order(1));
    assert!((2..10).any(|seed| order(seed) != order(1)));
    // Pinned: the same on every machine.
    let files: Vec<u32> = order(42).iter().take(12).map(|(file, _)| *file).collect();
    assert_eq!(files, [1, 0, 2, 0, 1, 0, 1, 0, 2, 0, 1, 0]);
}

#[test]
fn weights_are_written_behind_the_file() {
    let part = |text: &str| text.parse::<MixPart>();
    assert_eq!(part("a=b.jsonl=0.6").unwrap(), MixPart { path: "a=b.jsonl".into(), weight: 0.6 });
    assert_eq!(part("a.csv=60%").unwrap().weight, 60.0);
    for text in ["a.jsonl", "a.jsonl=", "=1", "a=x"] {
        assert!(matches!(part(text), Err(DataError::Setting { name: "mix", .. })), "{text}");
    }
    let two = |weight| {
        let parts = [MixPart { path: "a".into(), weight: 1.0 }, MixPart { path: "b".into(), weight }];
        mix(&parts, MixUntil::default(), 0, &ReadOptions::default()).err().unwrap()
    };
    for weight in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(two(weight), DataError::Setting { .. }), "{weight}");
    }
    assert!(mix(&[], MixUntil::default(), 0, &ReadOptions::default()).is_err());
}

#[test]
fn a_file_that_cannot_be_read_ends_the_mixture_with_its_error() {
    let files = Files::new();
    let good = files.write("a.jsonl", "{\"text\":\"a\"}\n".repeat(5));
    let parts = [MixPart { path: good, weight: 1.0 }, MixPart { path: files.path("none"), weight: 1.0 }];
    let mut mixture = mix(&parts, MixUntil::default(), 0, &ReadOptions::default()).unwrap();
    let items: Vec<_> = mixture.by_ref().collect();
    assert!(matches!(items.last(), Some(Err(DataError::Io { .. }))));
    assert!(mixture.next().is_none());
}

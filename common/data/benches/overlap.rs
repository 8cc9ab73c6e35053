//! What the comparison with the held-out set costs:
//! `cargo bench -p data --bench overlap --profile dev -- 20000 2000` (records of a site, records held out).
//! Both sides run in this process, one after the other, on all cores.
#![allow(clippy::expect_used, clippy::print_stdout)] // a benchmark: it stops at a fault, and its output is its result

use std::time::Instant;

use data::dedup::BANDS;
use data::overlap::{BATCH_POINTS, Batch, EvaluationKey, Features, Query};

fn main() {
    // `cargo test --benches` passes `--bench` or nothing: then a small size shows that it works.
    let sizes: Vec<u64> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let (records, held_out) = (sizes.first().copied().unwrap_or(60), sizes.get(1).copied().unwrap_or(20));
    let (ours, theirs) = (features(0..records), features(records - held_out / 2..records + held_out / 2));

    let started = Watch::start();
    let key = EvaluationKey::from_seed(&[7; 32], b"the run.").expect("a key");
    let set = key.publish(&theirs).expect("a set");
    let publish = started.stop();

    let query = Query::new(&ours, [9; 32].into()).expect("a query");
    let (mut blind, mut evaluate, mut finalise) = (Spent::default(), Spent::default(), Spent::default());
    let (mut up, mut down, mut hits) = (0, 0, Vec::new());
    for first in (0..query.points()).step_by(BATCH_POINTS) {
        let started = Watch::start();
        let blinded = query.blinded(first).expect("points");
        blind.add(started.stop());
        let started = Watch::start();
        let batch = Batch::parse(&blinded).expect("a batch");
        let random: [u8; 32] = std::array::from_fn(|index| (first >> (8 * (index % 4))) as u8);
        let answer = key.evaluate(&batch, &random).expect("an answer");
        evaluate.add(started.stop());
        let started = Watch::start();
        hits.extend(query.hits(first, &blinded, &answer, &key.public_key(), &set).expect("proofs that hold"));
        finalise.add(started.stop());
        up += blinded.len();
        down += answer.len();
    }
    let (points, asked) = (query.points(), query.features());
    let dropped = query.result(hits).expect("a result").exclude(&ours).too_close;
    assert_eq!(dropped, held_out / 2, "exactly the common records");
    println!(
        "{records} records, {asked} distinct features, {points} points asked; {held_out} held-out records"
    );
    println!("coordinator, once: publish {publish}, {} bytes", set.to_bytes().len());
    println!("site: blind {blind}");
    println!("coordinator: evaluate and prove {evaluate}");
    println!("site: verify and finalise {finalise}");
    println!(
        "up {up} bytes, down {down} bytes, {dropped} records dropped; {} threads",
        rayon::current_num_threads()
    );
}

/// Wall time, and processor time of all threads: the latter is what a busy machine does not change.
#[derive(Debug, Clone, Copy, Default)]
struct Spent {
    wall_s: f64,
    processor_s: f64,
}

impl Spent {
    fn add(&mut self, other: Self) {
        self.wall_s += other.wall_s;
        self.processor_s += other.processor_s;
    }
}

impl std::fmt::Display for Spent {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:.1} s ({:.1} s of processor)", self.wall_s, self.processor_s)
    }
}

struct Watch(Instant, f64);

impl Watch {
    fn start() -> Self {
        Self(Instant::now(), processor_s())
    }

    fn stop(&self) -> Spent {
        Spent { wall_s: self.0.elapsed().as_secs_f64(), processor_s: processor_s() - self.1 }
    }
}

/// User and system time of this process (proc(5): fields 14 and 15 of stat, in hundredths of a second).
fn processor_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = behind_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}

/// Distinct records with distinct bands.
fn features(numbers: std::ops::Range<u64>) -> Vec<Option<Features>> {
    let one = |number: u64| {
        let mut exact = [0; 32];
        exact[..8].copy_from_slice(&number.to_le_bytes());
        Some(Features::new(&exact, &[number; BANDS]))
    };
    numbers.map(one).collect()
}

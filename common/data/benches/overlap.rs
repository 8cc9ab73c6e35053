//! What the comparison with the held-out set costs: `cargo bench -p data --bench overlap --profile dev -- 20000 2000`
//! (records of a site, records held out). Both sides run in this process, one after the other, on all cores.

use std::time::Instant;

use data::dedup::BANDS;
use data::limits::OVERLAP_BATCH_POINTS;
use data::overlap::{Batch, EvaluationKey, Features, Query};

fn main() {
    // `cargo test --benches` passes `--bench` or nothing: then a small size shows that it works.
    let sizes: Vec<u64> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let (records, held_out) = (sizes.first().copied().unwrap_or(60), sizes.get(1).copied().unwrap_or(20));
    let (ours, theirs) = (features(0..records), features(records - held_out / 2..records + held_out / 2));
    let seconds = |since: Instant| since.elapsed().as_secs_f64();

    let started = Instant::now();
    let key = EvaluationKey::from_seed(&[7; 32], b"the run.").expect("a key");
    let set = key.publish(&theirs).expect("a set");
    let publish_s = seconds(started);

    let query = Query::new(&ours, [9; 32].into()).expect("a query");
    let (mut blind_s, mut evaluate_s, mut finalise_s) = (0.0, 0.0, 0.0);
    let (mut up, mut down, mut hits) = (0, 0, Vec::new());
    for first in (0..query.points()).step_by(OVERLAP_BATCH_POINTS) {
        let started = Instant::now();
        let blinded = query.blinded(first).expect("points");
        blind_s += seconds(started);
        let started = Instant::now();
        let batch = Batch::parse(&blinded).expect("a batch");
        let random: [u8; 32] = std::array::from_fn(|index| (first >> (8 * (index % 4))) as u8);
        let answer = key.evaluate(&batch, &random).expect("an answer");
        evaluate_s += seconds(started);
        let started = Instant::now();
        hits.extend(query.hits(first, &blinded, &answer, &key.public_key(), &set).expect("proofs that hold"));
        finalise_s += seconds(started);
        up += blinded.len();
        down += answer.len();
    }
    let (points, asked) = (query.points(), query.features());
    let dropped = query.verdict(hits).expect("a verdict").exclude(&ours).too_close;
    assert_eq!(dropped, held_out / 2, "exactly the common records");
    println!(
        "{records} records, {asked} distinct features, {points} points asked; {held_out} held-out records"
    );
    println!("coordinator, once: publish {publish_s:.1} s, {} bytes", set.to_bytes().len());
    println!(
        "site: blind {blind_s:.1} s; coordinator: evaluate and prove {evaluate_s:.1} s; site: verify and finalise {finalise_s:.1} s"
    );
    println!(
        "up {up} bytes, down {down} bytes, {dropped} records dropped; {} threads",
        rayon::current_num_threads()
    );
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

//! The aggregate spells out who was counted, how often and with what weight; order, block size and
//! bit patterns are checked against independent computations.

mod matrix;

use std::fs;
use std::path::PathBuf;

use common::id::Digest;

use super::*;
use crate::round::weight;

fn spec(name: &str, shape: [usize; 2]) -> TensorSpec {
    TensorSpec { name: name.to_owned(), shape }
}

fn tensors(rank: usize, d: usize, k: usize) -> Vec<TensorSpec> {
    vec![
        spec("m.layers.0.q_proj.lora_A.weight", [rank, k]),
        spec("m.layers.0.q_proj.lora_B.weight", [d, rank]),
        spec("m.layers.1.q_proj.lora_A.weight", [rank, k]),
        spec("m.layers.1.q_proj.lora_B.weight", [d, rank]),
    ]
}

fn write(folder: &Path, name: &str, tensors: &[TensorSpec], value: impl Fn(usize) -> f32) -> PathBuf {
    let path = folder.join(name);
    let mut writer = AdapterWriter::create(&path, tensors).unwrap();
    let elements: usize = tensors.iter().map(|spec| spec.shape[0] * spec.shape[1]).sum();
    writer.append(&(0..elements).map(value).collect::<Vec<_>>()).unwrap();
    writer.finish().unwrap();
    path
}

/// The adapter that a round began with.
fn last(folder: &Path, tensors: &[TensorSpec]) -> PathBuf {
    write(folder, "last", tensors, |_| 1.0)
}

fn input(index: usize, path: PathBuf, records: u64) -> Input {
    Input { site: format!("site-{index}").parse().unwrap(), path, records }
}

/// Site i submits the adapter that is 1 at element i and 0 elsewhere.
#[test]
fn one_hot_updates_show_who_was_counted_with_what_weight() {
    let folder = tempfile::tempdir().unwrap();
    let tensors = tensors(2, 3, 5);
    let records = [100, 300, 200, 400];
    let make = |index: usize| {
        let one_hot = |element| f32::from(u8::from(element == index));
        input(index, write(folder.path(), &index.to_string(), &tensors, one_hot), records[index])
    };
    let inputs: Vec<Input> = (0..4).map(make).collect();
    let out = folder.path().join("out");
    aggregate(&inputs, Weighting::Records, &tensors, &last(folder.path(), &tensors), &out).unwrap();
    let mean = AdapterReader::open(&out, &tensors).unwrap();
    let first = mean.read_whole(0).unwrap();
    assert_eq!(first[..5], [0.1, 0.3, 0.2, 0.4, 0.0]);
    for index in 1..4 {
        assert!(mean.read_whole(index).unwrap().iter().all(|&value| value == 0.0));
    }
}

#[test]
fn the_bytes_do_not_depend_on_the_order_of_the_inputs() {
    let folder = tempfile::tempdir().unwrap();
    let tensors = tensors(4, 70, 33);
    let noise =
        |site: usize| move |element: usize| ((element * 7919 + site * 104_729) % 1000) as f32 / 137.0 - 3.0;
    let make = |index: usize| {
        input(index, write(folder.path(), &index.to_string(), &tensors, noise(index)), 100 + index as u64)
    };
    let mut inputs: Vec<Input> = (0..5).map(make).collect();
    let out = folder.path().join("out");
    let mut seen = Vec::new();
    for _ in 0..5 {
        inputs.rotate_left(2);
        aggregate(&inputs, Weighting::Records, &tensors, &last(folder.path(), &tensors), &out).unwrap();
        let error =
            aggregation_error::measure(&inputs, Weighting::Records, &tensors, Digest::of(b"seed")).unwrap();
        seen.push((Digest::of(&fs::read(&out).unwrap()), error.value.to_bits()));
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:?}");
}

#[test]
fn identical_updates_average_to_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let tensors = tensors(2, 40_000, 3);
    let path = write(folder.path(), "u", &tensors, |element| (element % 17) as f32 / 16.0 - 0.4);
    let inputs = [input(0, path.clone(), 3), input(1, path.clone(), 1)];
    let out = folder.path().join("out");
    aggregate(&inputs, Weighting::Records, &tensors, &last(folder.path(), &tensors), &out).unwrap();
    assert_eq!(fs::read(out).unwrap(), fs::read(path).unwrap(), "larger than one block, equal bytes");
}

#[test]
fn hopeless_inputs_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let tensors = tensors(2, 3, 5);
    let path = write(folder.path(), "u", &tensors, |_| 1.0);
    let out = folder.path().join("out");
    assert!(matches!(
        aggregate(&[], Weighting::Records, &tensors, &last(folder.path(), &tensors), &out),
        Err(AggregateError::NoWeight)
    ));
    assert!(matches!(
        aggregate(
            &[input(0, path.clone(), 0)],
            Weighting::Records,
            &tensors,
            &last(folder.path(), &tensors),
            &out
        ),
        Err(AggregateError::NoWeight)
    ));
    fs::write(folder.path().join("torn"), &fs::read(&path).unwrap()[..100]).unwrap();
    let torn = aggregate(
        &[input(0, path, 1), input(1, folder.path().join("torn"), 1)],
        Weighting::Records,
        &tensors,
        &last(folder.path(), &tensors),
        &out,
    );
    assert!(matches!(torn, Err(AggregateError::Update { site, .. }) if site.as_str() == "site-1"));
}

/// The attack: one member of four claims 9.9e18 records. By records its file was published as it is.
#[test]
fn a_member_that_claims_all_records_does_not_replace_the_model() {
    let folder = tempfile::tempdir().unwrap();
    let tensors = tensors(2, 3, 5);
    let make = |index: usize, value: f32, records| {
        input(index, write(folder.path(), &index.to_string(), &tensors, |_| value), records)
    };
    let inputs =
        [make(0, 1.0, 200), make(1, 1.0, 200), make(2, 9.0, 9_900_000_000_000_000_000), make(3, 1.0, 200)];
    let out = folder.path().join("out");
    aggregate(&inputs, Weighting::Capped, &tensors, &last(folder.path(), &tensors), &out).unwrap();
    let mean = AdapterReader::open(&out, &tensors).unwrap().read_whole(0).unwrap();
    assert_eq!(mean, vec![5.0; 10], "half of the weight, as any site of four could have");
    aggregate(&inputs, Weighting::Uniform, &tensors, &last(folder.path(), &tensors), &out).unwrap();
    let mean = AdapterReader::open(&out, &tensors).unwrap().read_whole(0).unwrap();
    assert_eq!(mean, vec![3.0; 10], "a quarter");
}

#[test]
fn an_average_that_sites_would_refuse_is_not_published_and_names_who_is_far_away() {
    let folder = tempfile::tempdir().unwrap();
    let tensors = tensors(2, 3, 5);
    let make = |index: usize, value: f32| {
        let path = write(folder.path(), &index.to_string(), &tensors, |at| if at == 0 { value } else { 1.1 });
        input(index, path, 200)
    };
    let out = folder.path().join("out");
    let run = |odd: f32| {
        let inputs = [make(0, 1.1), make(1, 1.2), make(2, odd), make(3, 1.0)];
        aggregate(&inputs, Weighting::Capped, &tensors, &last(folder.path(), &tensors), &out)
    };
    assert!(run(1.1).unwrap().is_empty());
    // Within the bounds, and far from the others all the same.
    let far = run(60.0).unwrap();
    assert!(far.len() == 1 && far[0].site.as_str() == "site-2" && far[0].norm_factor > 50.0, "{far:?}");
    // As a journal of an older version may hold it, whose bound on updates was ten times as wide.
    let refused = run(9_999.0).unwrap_err();
    assert!(!refused.is_retryable());
    let text = refused.to_string();
    assert!(
        text.contains("sites would refuse it") && text.ends_with("far from the others: site-2"),
        "{text}"
    );
}

/// Values that differ from site to site, from the first element to the last.
fn noise(site: usize) -> impl Fn(usize) -> f32 {
    move |element| ((element * 7919 + site * 104_729) % 1000) as f32 / 137.0 - 3.0
}

/// The plain sum, one element after the other, as it was before there were threads.
fn plain(paths: &[PathBuf], p: &[f64], tensors: &[TensorSpec]) -> Vec<f32> {
    let readers: Vec<AdapterReader> =
        paths.iter().map(|path| AdapterReader::open(path, tensors).unwrap()).collect();
    let mut means = Vec::new();
    for index in 0..tensors.len() {
        let values: Vec<Vec<f32>> = readers.iter().map(|reader| reader.read_whole(index).unwrap()).collect();
        for element in 0..values[0].len() {
            let terms = values.iter().zip(p).map(|(values, weight)| weight * f64::from(values[element]));
            means.push(terms.fold(0.0, |sum, term| sum + term) as f32);
        }
    }
    means
}

#[test]
fn any_number_of_threads_writes_the_bytes_of_the_plain_sum() {
    let folder = tempfile::tempdir().unwrap();
    // Longer than a block of seven sites, and not a multiple of anything.
    let tensors = tensors(3, 50_021, 33_331);
    let paths: Vec<PathBuf> =
        (0..7).map(|site| write(folder.path(), &site.to_string(), &tensors, noise(site))).collect();
    let inputs: Vec<Input> =
        paths.iter().enumerate().map(|(site, path)| input(site, path.clone(), 100 + site as u64)).collect();
    let records: Vec<u64> = inputs.iter().map(|input| input.records).collect();
    let p = weight::weights(Weighting::Records, &records).unwrap();
    let expected = plain(&paths, &p, &tensors);
    let last = last(folder.path(), &tensors);
    let mut seen = Vec::new();
    for threads in [1, 2, 3] {
        let out = folder.path().join(format!("out-{threads}"));
        let averaged =
            aggregate_on(threads, &inputs, Weighting::Records.into(), &tensors, &last, &out).unwrap();
        let reader = AdapterReader::open(&out, &tensors).unwrap();
        let written: Vec<f32> =
            (0..tensors.len()).flat_map(|index| reader.read_whole(index).unwrap()).collect();
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert!(bits(&written) == bits(&expected), "{threads} threads");
        seen.push((fs::read(&out).unwrap(), averaged));
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]));
}

/// A hundred sites of the same adapter take no more blocks' memory than ten: what a thread holds is bounded
/// whatever their number, and the mean of many is right.
#[test]
fn a_hundred_sites_are_averaged() {
    let folder = tempfile::tempdir().unwrap();
    let tensors = tensors(2, 300, 7_000);
    let inputs: Vec<Input> = (0..100)
        .map(|site| {
            input(site, write(folder.path(), &site.to_string(), &tensors, |_| site as f32 / 100.0), 1)
        })
        .collect();
    let out = folder.path().join("out");
    aggregate(&inputs, Weighting::Uniform, &tensors, &last(folder.path(), &tensors), &out).unwrap();
    let mean = AdapterReader::open(&out, &tensors).unwrap();
    for index in 0..tensors.len() {
        assert!(mean.read_whole(index).unwrap().iter().all(|value| (value - 0.495).abs() < 1e-6));
    }
}

/// Four hospitals that agree and one that sends something huge.
#[test]
fn a_robust_rule_keeps_one_site_from_moving_the_model_on_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let tensors = tensors(4, 70_000, 33);
    let make = |site: usize| {
        let honest = |element: usize| 1.0 + ((element * 31 + site * 7) % 100) as f32 / 1000.0;
        let value = move |element: usize| if site == 4 { 9.0 } else { honest(element) };
        input(site, write(folder.path(), &site.to_string(), &tensors, value), 100)
    };
    let inputs: Vec<Input> = (0..5).map(make).collect();
    let (last, out) = (last(folder.path(), &tensors), folder.path().join("out"));
    let largest = |robust: Option<RobustRule>| {
        let combining = Combining { weighting: Weighting::Uniform, robust };
        let mut seen = Vec::new();
        for threads in [1, 2, 5] {
            aggregate_on(threads, &inputs, combining, &tensors, &last, &out).unwrap();
            seen.push(Digest::of(&fs::read(&out).unwrap()));
        }
        assert!(seen.windows(2).all(|pair| pair[0] == pair[1]));
        let read = AdapterReader::open(&out, &tensors).unwrap();
        let all = (0..tensors.len()).flat_map(|index| read.read_whole(index).unwrap());
        all.fold(0.0_f32, f32::max)
    };
    assert!(largest(None) > 2.5, "the plain mean goes along");
    for rule in [RobustRule::Median, RobustRule::TrimmedMean { share: 0.2 }, RobustRule::Clip] {
        assert!(largest(Some(rule)) < 1.15, "{rule}");
    }
}

//! The aggregate spells out who was counted, how often and with what weight; order, block size and
//! bit patterns are checked against independent computations.

use std::fs;

use common::id::Digest;

use super::*;

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
        let error = aggregate(&inputs, Weighting::Records, &tensors, &last(folder.path(), &tensors), &out)
            .unwrap()
            .error;
        seen.push((Digest::of(&fs::read(&out).unwrap()), error.to_bits()));
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:?}");
}

#[test]
fn identical_updates_average_to_themselves_without_error() {
    let folder = tempfile::tempdir().unwrap();
    let tensors = tensors(2, 40_000, 3);
    let path = write(folder.path(), "u", &tensors, |element| (element % 17) as f32 / 16.0 - 0.4);
    let inputs = [input(0, path.clone(), 3), input(1, path.clone(), 1)];
    let out = folder.path().join("out");
    let error =
        aggregate(&inputs, Weighting::Records, &tensors, &last(folder.path(), &tensors), &out).unwrap().error;
    assert!(error < 1e-7, "{error}");
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
    assert!(matches!(modules(&tensors[..1]), Err(AggregateError::Unpaired(_))));
    assert!(matches!(modules(&tensors[1..]), Err(AggregateError::Unpaired(_))));
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
    assert!(run(1.1).unwrap().outliers.is_empty());
    // Within the bounds, and far from the others all the same.
    let far = run(60.0).unwrap().outliers;
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

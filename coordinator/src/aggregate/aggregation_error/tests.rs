//! Both ways against a dense computation, the identities of the error, bits that depend on nothing but the
//! updates and the seed, and a standard error that means what it says.

use std::path::{Path, PathBuf};

use common::adapter::{AdapterReader, AdapterWriter};

use super::*;
use crate::aggregate::aggregate;

/// Deterministic values between -1 and 1.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as f64 / f64::from(1_u32 << 30) - 1.0
    }
}

/// rank, rows of B, columns of A of each module.
type Shapes = [[usize; 3]];

fn tensors(shapes: &Shapes) -> Vec<TensorSpec> {
    let spec = |name: String, shape| TensorSpec { name, shape };
    let pair = |(index, [rank, rows, columns]): (usize, &[usize; 3])| {
        [
            spec(format!("m.{index}.lora_A.weight"), [*rank, *columns]),
            spec(format!("m.{index}.lora_B.weight"), [*rows, *rank]),
        ]
    };
    shapes.iter().enumerate().flat_map(pair).collect()
}

/// Sites that begin alike and drift apart.
struct Sites {
    _folder: tempfile::TempDir,
    tensors: Vec<TensorSpec>,
    inputs: Vec<Input>,
    /// For each site its elements.
    values: Vec<Vec<f32>>,
}

fn write(path: &Path, tensors: &[TensorSpec], values: &[f32]) -> PathBuf {
    let mut writer = AdapterWriter::create(path, tensors).unwrap();
    writer.append(values).unwrap();
    writer.finish().unwrap();
    path.to_owned()
}

impl Sites {
    fn drifting(sites: usize, shapes: &Shapes, drift: f64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tensors = tensors(shapes);
        let elements: usize = tensors.iter().map(|spec| spec.shape[0] * spec.shape[1]).sum();
        let mut random = Random(7);
        let common: Vec<f64> = (0..elements).map(|_| random.next()).collect();
        let values: Vec<Vec<f32>> = (0..sites)
            .map(|_| common.iter().map(|value| (value + drift * random.next()) as f32).collect())
            .collect();
        let input = |(site, values): (usize, &Vec<f32>)| Input {
            site: format!("site-{site:03}").parse().unwrap(),
            path: write(&folder.path().join(site.to_string()), &tensors, values),
            records: 100 + site as u64,
        };
        let inputs = values.iter().enumerate().map(input).collect();
        Self { tensors, inputs, values, _folder: folder }
    }

    fn measure(&self, seed: u8, threads: usize) -> AggregationError {
        let seed = Digest([seed; 32]);
        measure_on(&self.inputs, Weighting::Records, &self.tensors, seed, threads).unwrap()
    }

    /// The probes' answer, however few sites there are.
    fn probe(&self, seed: u8) -> (f64, f64) {
        let (readers, p) = opened(&self.inputs, Weighting::Records, &self.tensors).unwrap();
        let mut probed = Probed::default();
        for (index, module) in modules(&self.tensors).unwrap().into_iter().enumerate() {
            let updates = Updates { readers: &readers, p: &p };
            let seed = Digest::of(&seed_of(Digest([seed; 32]), index));
            probed.add(&Folds::default().of_module(updates, module, seed).unwrap());
        }
        probed.relative_error()
    }

    /// By forming every product.
    fn dense(&self) -> f64 {
        let (_, p) = opened(&self.inputs, Weighting::Records, &self.tensors).unwrap();
        let (mut error, mut exact, mut at) = (0.0, 0.0, 0);
        for pair in self.tensors.chunks_exact(2) {
            let ([rank, columns], rows) = (pair[0].shape, pair[1].shape[0]);
            let factors =
                |values: &[f64]| (values[..rank * columns].to_vec(), values[rank * columns..].to_vec());
            let all = rank * (columns + rows);
            let wide: Vec<Vec<f64>> = self
                .values
                .iter()
                .map(|values| values[at..at + all].iter().map(|value| f64::from(*value)).collect())
                .collect();
            let mut mean = vec![0.0; all];
            let mut product = vec![0.0; rows * columns];
            for (values, weight) in wide.iter().zip(&p) {
                mean.iter_mut().zip(values).for_each(|(mean, value)| *mean += weight * value);
                multiplied(&mut product, &factors(values), columns, *weight);
            }
            exact += product.iter().map(|value| value * value).sum::<f64>();
            multiplied(&mut product, &factors(&mean), columns, -1.0);
            error += product.iter().map(|value| value * value).sum::<f64>();
            at += all;
        }
        (error / exact).sqrt()
    }
}

/// product += weight B A.
fn multiplied(product: &mut [f64], (a, b): &(Vec<f64>, Vec<f64>), columns: usize, weight: f64) {
    let rank = a.len() / columns;
    for (row, b) in product.chunks_exact_mut(columns).zip(b.chunks_exact(rank)) {
        for (b, a) in b.iter().zip(a.chunks_exact(columns)) {
            row.iter_mut().zip(a).for_each(|(sum, a)| *sum += weight * b * a);
        }
    }
}

/// Of odd shapes, shorter and longer than a block of any kind.
const SHAPES: [[usize; 3]; 4] = [[3, 5, 7], [4, 300, 33], [1, 17, 1_100], [5, 16, 16]];

#[test]
fn of_few_sites_it_is_what_a_dense_computation_says() {
    for (sites, drift) in [(2, 0.5), (3, 1e-3), (5, 1.0)] {
        let sites = Sites::drifting(sites, &SHAPES, drift);
        let (found, dense) = (sites.measure(1, 1), sites.dense());
        assert_eq!(found.method, Method::Exact);
        assert!((found.value - dense).abs() < 1e-10 * (1.0 + dense), "{} beside {dense}", found.value);
    }
}

#[test]
fn an_estimate_lies_where_its_standard_error_says() {
    let sites = Sites::drifting(6, &SHAPES, 0.5);
    let dense = sites.dense();
    let found: Vec<(f64, f64)> = (0..100).map(|seed| sites.probe(seed)).collect();
    let within = |errors: f64| {
        found.iter().filter(|(value, standard)| (value - dense).abs() <= errors * standard).count()
    };
    // Of a hundred normal variates 68 and 95, of a t distribution with 15 degrees of freedom 67 and 94.
    let (one, two) = (within(1.0), within(2.0));
    assert!(
        (52..=82).contains(&one) && two >= 86,
        "{one} and {two} of 100 within one and two standard errors"
    );
    // Unbiased up to the bias of a quotient and a root, which is far below one estimate's standard error.
    let mean = found.iter().map(|(value, _)| value).sum::<f64>() / 100.0;
    let standard = found.iter().map(|(_, standard)| standard).sum::<f64>() / 100.0;
    assert!((mean - dense).abs() < standard / 2.0, "{mean} +- {standard} beside {dense}");
}

#[test]
fn of_many_sites_it_is_estimated_with_its_standard_error() {
    let shapes = [[32, 200, 150]; 12];
    let sites = Sites::drifting(9, &shapes, 0.3);
    let (found, dense) = (sites.measure(3, 2), sites.dense());
    let Method::Probes { count, standard_error } = found.method else { panic!("{found:?}") };
    assert_eq!(count as usize, ERROR_PROBES_MAX);
    assert!(standard_error > 0.0 && standard_error < 0.1 * dense, "{found:?}");
    assert!((found.value - dense).abs() < 4.0 * standard_error, "{found:?} beside {dense}");
}

#[test]
fn threads_and_order_change_no_bit_and_the_seed_does() {
    for shapes in [&[[2, 40, 50]; 7][..], &[[200, 40, 50]; 7]] {
        let mut sites = Sites::drifting(3, shapes, 0.5);
        let first = sites.measure(1, 1);
        for threads in [2, 3, 16] {
            sites.inputs.rotate_left(1);
            assert_eq!(sites.measure(1, threads), first, "{threads} threads");
        }
        let is_estimate = matches!(first.method, Method::Probes { .. });
        assert_eq!(sites.measure(2, 1) != first, is_estimate);
    }
}

/// The signs are part of what a replay compares: they do not depend on the machine or on a library's version.
#[test]
fn the_same_updates_give_this_number_on_every_machine() {
    let sites = Sites::drifting(2, &[[3, 21, 34]], 0.5);
    let (value, standard_error) = sites.probe(1);
    assert_eq!(
        (value.to_bits(), standard_error.to_bits()),
        (4_593_777_815_320_990_184, 4_570_814_239_788_059_937),
        "{value} +- {standard_error}"
    );
}

#[test]
fn a_common_factor_a_single_site_or_equal_updates_have_no_error() {
    let mut sites = Sites::drifting(4, &[[2, 9, 8]], 0.5);
    let all = sites.inputs.clone();
    sites.inputs.truncate(1);
    assert!(sites.measure(1, 1).value < 1e-12 && sites.probe(1).0 < 1e-12);
    // The same A everywhere: B's drifts are averaged exactly.
    let common: Vec<f32> = sites.values[0][..16].to_vec();
    for (input, values) in all.iter().zip(&mut sites.values) {
        values[..16].copy_from_slice(&common);
        write(&input.path, &sites.tensors, values);
    }
    sites.inputs = all;
    assert!(sites.measure(1, 1).value < 1e-12 && sites.probe(1).0 < 1e-12);
    let values = sites.values[1].clone();
    sites.inputs.iter().for_each(|input| drop(write(&input.path, &sites.tensors, &values)));
    assert!(sites.measure(1, 1).value < 1e-12 && sites.probe(1).0 < 1e-12);
}

#[test]
fn a_zero_product_is_no_division_by_zero() {
    let sites = Sites::drifting(2, &[[2, 2, 2]], 0.0);
    sites.inputs.iter().for_each(|input| drop(write(&input.path, &sites.tensors, &[0.0; 8])));
    assert_eq!((sites.measure(1, 1).value, sites.probe(1)), (0.0, (0.0, 0.0)));
}

/// The average that is published, beside the error that is reported of it: they are of the same factors.
#[test]
fn the_error_is_that_of_what_is_published() {
    let sites = Sites::drifting(3, &[[2, 9, 8]], 0.5);
    let out = sites.inputs[0].path.with_file_name("out");
    aggregate(&sites.inputs, Weighting::Records, &sites.tensors, &sites.inputs[0].path, &out).unwrap();
    let reader = AdapterReader::open(&out, &sites.tensors).unwrap();
    let wide = |values: Vec<f32>| values.into_iter().map(f64::from).collect::<Vec<f64>>();
    let published = (wide(reader.read_whole(0).unwrap()), wide(reader.read_whole(1).unwrap()));
    let (_, p) = opened(&sites.inputs, Weighting::Records, &sites.tensors).unwrap();
    let mut product = vec![0.0; 9 * 8];
    for (values, weight) in sites.values.iter().zip(&p) {
        multiplied(&mut product, &(wide(values[..16].to_vec()), wide(values[16..].to_vec())), 8, *weight);
    }
    let norm = |values: &[f64]| values.iter().map(|value| value * value).sum::<f64>().sqrt();
    let exact = norm(&product);
    multiplied(&mut product, &published, 8, -1.0);
    assert!((norm(&product) / exact - sites.measure(1, 1).value).abs() < 1e-6);
}

#[test]
fn a_factor_without_its_partner_is_refused() {
    let tensors = tensors(&[[2, 3, 5]]);
    assert!(matches!(modules(&tensors[..1]), Err(AggregateError::Unpaired(_))));
    assert!(matches!(modules(&tensors[1..]), Err(AggregateError::Unpaired(_))));
}

//! The quantiser and the loader against a weight that bitsandbytes 0.50.2 quantised (a projection of the
//! golden qwen2 model, in `tests/fixtures`), plus properties and damaged input.

use half::bf16;
use proptest::prelude::*;
use safetensors::SafeTensors;
use sha2::{Digest, Sha256};

use super::bitsandbytes::QuantisedTensors;
use super::double_quantisation::dynamic_code;
use super::table::{CODES, DYNAMIC_MAP, THRESHOLDS};
use super::*;

const FIXTURE: &[u8] = include_bytes!("../../tests/fixtures/nf4_k_proj.safetensors");
/// SHA-256 of bitsandbytes' own dequantisation of the fixture, f32 little-endian.
const DEQUANTISED_SHA256: &str = "260dfeeff32ddfc0f01383cf1af596aa4d5eb9f8ee2ea9b90f885f39e140afb2";

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes_of(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn source() -> Vec<f32> {
    let file = SafeTensors::deserialize(FIXTURE).unwrap();
    file.tensor("source").unwrap().data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

/// The fixture's tensors, owned so that a test can damage one.
#[derive(Clone)]
struct Stored {
    weight: Vec<u8>,
    absmax: Vec<u8>,
    quant_map: Vec<u8>,
    nested_absmax: Option<Vec<u8>>,
    nested_quant_map: Option<Vec<u8>>,
    quant_state: Vec<u8>,
}

impl Stored {
    fn fixture() -> Self {
        let file = SafeTensors::deserialize(FIXTURE).unwrap();
        let get = |suffix: &str| file.tensor(&format!("k_proj.weight{suffix}")).unwrap().data().to_vec();
        Self {
            weight: get(""),
            absmax: get(".absmax"),
            quant_map: get(".quant_map"),
            nested_absmax: Some(get(".nested_absmax")),
            nested_quant_map: Some(get(".nested_quant_map")),
            quant_state: get(".quant_state.bitsandbytes__nf4"),
        }
    }

    fn load(&self) -> Result<Nf4Weight, Nf4Error> {
        Nf4Weight::from_bitsandbytes(&QuantisedTensors {
            weight: &self.weight,
            absmax: &self.absmax,
            quant_map: &self.quant_map,
            nested_absmax: self.nested_absmax.as_deref(),
            nested_quant_map: self.nested_quant_map.as_deref(),
            quant_state: &self.quant_state,
        })
    }

    fn with_state(&self, from: &str, to: &str) -> Self {
        let state = String::from_utf8(self.quant_state.clone()).unwrap();
        assert!(state.contains(from), "the state has {from}");
        Self { quant_state: state.replace(from, to).into_bytes(), ..self.clone() }
    }
}

#[test]
fn the_dynamic_map_is_bitsandbytes_own() {
    assert_eq!(
        sha256(&bytes_of(&DYNAMIC_MAP)),
        "e732639a65f497b4ad684bb166a4467708255edd5207757de8b8f0c7e1fda89c"
    );
    assert!(DYNAMIC_MAP.is_sorted() && DYNAMIC_MAP[127] == 0.0);
}

#[test]
fn quantising_gives_the_bytes_of_bitsandbytes() {
    let weight = Nf4Weight::quantise(&source(), [64, 128], SourcePrecision::F32).unwrap();
    assert_eq!(weight.packed(), Stored::fixture().weight);
}

#[test]
fn loading_dequantises_to_the_bits_of_bitsandbytes() {
    let weight = Stored::fixture().load().unwrap();
    assert_eq!(weight.shape(), [64, 128]);
    assert_eq!(weight.precision(), SourcePrecision::F32);
    assert_eq!(sha256(&bytes_of(&weight.dequantise())), DEQUANTISED_SHA256);
}

#[test]
fn dequantisation_rounds_to_the_stored_precision() {
    let stored = Stored::fixture();
    let wide = stored.load().unwrap().dequantise();
    let narrow = stored.with_state("float32", "bfloat16").load().unwrap().dequantise();
    assert!(wide != narrow);
    for (wide, narrow) in wide.iter().zip(narrow) {
        assert_eq!(bf16::from_f32(*wide).to_f32().to_bits(), narrow.to_bits());
    }
}

#[test]
fn damaged_quantised_tensors_are_refused() {
    let good = Stored::fixture();
    let short = Stored { weight: good.weight[1..].to_vec(), ..good.clone() };
    assert!(matches!(short.load(), Err(Nf4Error::Size { tensor: "weight", .. })));
    let short = Stored { absmax: vec![0; 3], ..good.clone() };
    assert!(matches!(short.load(), Err(Nf4Error::Size { tensor: "absmax", .. })));
    let half = Stored { nested_absmax: None, ..good.clone() };
    assert!(matches!(half.load(), Err(Nf4Error::Unsupported(_))));
    let other_map = Stored { nested_quant_map: Some(vec![0; 1024]), ..good.clone() };
    assert!(matches!(other_map.load(), Err(Nf4Error::Unsupported(_))));
    let other_codes = Stored { quant_map: vec![0; 64], ..good.clone() };
    assert!(matches!(other_codes.load(), Err(Nf4Error::Unsupported(_))));
    assert!(matches!(good.with_state("\"nf4\"", "\"fp4\"").load(), Err(Nf4Error::Unsupported(_))));
    assert!(matches!(
        good.with_state("\"blocksize\": 64", "\"blocksize\": 128").load(),
        Err(Nf4Error::Unsupported(_))
    ));
    assert!(matches!(good.with_state("[64, 128]", "[64, 64, 2]").load(), Err(Nf4Error::Unsupported(_))));
    assert!(matches!(
        good.with_state("[64, 128]", "[18446744073709551615, 128]").load(),
        Err(Nf4Error::Ragged { .. })
    ));
    let text = Stored { quant_state: b"not json".to_vec(), ..good };
    assert!(matches!(text.load(), Err(Nf4Error::State(_))));
}

#[test]
fn a_checkpoint_without_double_quantisation_keeps_its_f32_scales() {
    let good = Stored::fixture();
    let scales: Vec<f32> = (0..128).map(|block| 0.01 + block as f32).collect();
    let plain = Stored { absmax: bytes_of(&scales), nested_absmax: None, nested_quant_map: None, ..good };
    let weight = plain.load().unwrap();
    assert_eq!(*weight.absmax(), Absmax::Plain(scales));
}

#[test]
fn thresholds_round_like_torch() {
    // The two ends and the two inner ones where rounding the decimal literal directly goes wrong.
    let bits = [0, 8, 12, 14].map(|index| THRESHOLDS[index].to_bits());
    let torch = [-0.848_096_4_f32, 0.120_255_25, 0.501_663_45, 0.861_478_45].map(f32::to_bits);
    assert_eq!(bits, torch);
}

#[test]
fn unusable_values_are_refused() {
    let mut values = vec![0.5; 128];
    assert!(matches!(
        Nf4Weight::quantise(&values, [2, 63], SourcePrecision::F32),
        Err(Nf4Error::Ragged { shape: [2, 63] })
    ));
    values[77] = f32::NAN;
    assert!(matches!(
        Nf4Weight::quantise(&values, [2, 64], SourcePrecision::F32),
        Err(Nf4Error::NotFinite { element: 77 })
    ));
}

#[test]
fn an_all_zero_weight_stays_zero() {
    let weight = Nf4Weight::quantise(&[0.0; 128], [1, 128], SourcePrecision::Bf16).unwrap();
    assert!(weight.dequantise().iter().all(|value| *value == 0.0));
}

#[test]
fn memory_is_what_the_paper_says() {
    let values = vec![0.25f32; 64 * 256 * 4];
    let weight = Nf4Weight::quantise(&values, [256, 256], SourcePrecision::F32).unwrap();
    let bits = 8.0 * weight.memory_bytes() as f64 / values.len() as f64;
    assert!((bits - 4.127).abs() < 0.001, "{bits} bits an element");
}

fn one_block(values: &[f32]) -> ([u8; 32], [f32; 1]) {
    let (mut packed, mut absmax) = ([0; 32], [0.0]);
    crate::kernels::quantise::quantise_blocks(values, &mut packed, &mut absmax);
    (packed, absmax)
}

#[test]
fn a_matrix_that_comes_in_runs_is_the_whole_matrix() {
    let values: Vec<f32> = (0..64 * 700).map(|i| ((i * 7919) % 2003) as f32 / 1001.0 - 1.0).collect();
    let whole = Nf4Weight::quantise(&values, [700, 64], SourcePrecision::F32).unwrap();
    let mut builder = Nf4Builder::new([700, 64], SourcePrecision::F32).unwrap();
    for run in values.chunks(64 * 300) {
        builder.push(run).unwrap();
    }
    assert!(matches!(builder.push(&[0.0; 64]), Err(Nf4Error::Ragged { .. })), "more than the matrix has");
    assert!(builder.finish(CodeRule::Cuda).unwrap() == whole);
    let mut builder = Nf4Builder::new([700, 64], SourcePrecision::F32).unwrap();
    builder.push(&values[..128]).unwrap();
    assert!(matches!(builder.push(&values[..63]), Err(Nf4Error::Ragged { .. })));
    let mut bad = values[..128].to_vec();
    bad[70] = f32::NEG_INFINITY;
    assert!(matches!(builder.push(&bad), Err(Nf4Error::NotFinite { element: 198 })));
    assert!(matches!(builder.finish(CodeRule::Cuda), Err(Nf4Error::Ragged { .. })), "elements are missing");
}

proptest! {
    /// The nearest code, by thresholds, for every scaled value; and the block's largest value survives.
    #[test]
    fn every_element_takes_the_nearest_code(values in prop::collection::vec(-4.0f32..4.0, 64)) {
        let (packed, absmax) = one_block(&values);
        for (index, value) in values.iter().enumerate() {
            let byte = packed[index / 2];
            let code = CODES[usize::from(if index % 2 == 0 { byte >> 4 } else { byte & 15 })];
            let scaled = value / absmax[0];
            let nearest = CODES.iter().map(|code| (code - scaled).abs()).fold(f32::MAX, f32::min);
            prop_assert!((code - scaled).abs() <= nearest + 1e-6, "{scaled} became {code}");
        }
    }

    #[test]
    fn thresholds_are_strict(index in 0usize..15) {
        let mut values = vec![0.0f32; 64];
        values[0] = 1.0;
        values[2] = THRESHOLDS[index];
        values[4] = f32::from_bits(if THRESHOLDS[index] < 0.0 {
            THRESHOLDS[index].to_bits() - 1
        } else {
            THRESHOLDS[index].to_bits() + 1
        });
        let (packed, _) = one_block(&values);
        prop_assert_eq!(usize::from(packed[1] >> 4), index);
        prop_assert_eq!(usize::from(packed[2] >> 4), index + 1);
    }

    #[test]
    fn the_8_bit_code_is_the_nearest(x in -1.0f32..1.0) {
        let code = DYNAMIC_MAP[usize::from(dynamic_code(x))];
        let nearest = DYNAMIC_MAP.iter().map(|value| (value - x).abs()).fold(f32::MAX, f32::min);
        prop_assert!((code - x).abs() <= nearest * 1.0001 + 1e-9, "{x} became {code}");
    }

    /// Any run of the matrix dequantises like the whole.
    #[test]
    fn a_range_is_a_part_of_the_whole(start in 0usize..4000, length in 0usize..4000) {
        let weight = Stored::fixture().load().unwrap();
        let mut part = vec![0.0; length];
        weight.dequantise_range(start, &mut part);
        prop_assert_eq!(&part, &weight.dequantise()[start..start + length]);
    }
}

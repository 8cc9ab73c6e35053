//! Files that were written are read back as the decoder's weights, and what they lost is measured; what is
//! damaged is refused, or measured as what it is.

use std::path::{Path, PathBuf};

use half::f16;

use super::fixture::{ROWS, adapter, model};
use super::{FAMILIES, source};
use crate::adapter::Adapter;
use crate::base::BaseModel;
use crate::compare::{Adapted, Compared, compare};
use crate::config::ModelConfig;
use crate::error::ModelError;
use crate::export::gguf::reader::GgufFile;
use crate::export::gguf::{GgufType, MODEL, export_gguf};
use crate::limits::{COMPARED_ROWS_MAX, GGUF_VALUES_MAX};
use crate::options::{Compute, LoadOptions, WeightFormat};
use crate::sample::Sample;

const F32: LoadOptions = LoadOptions { weights: WeightFormat::F32, compute: Compute::F32 };

fn samples() -> Vec<Sample> {
    let tokens = |seed: usize| (0..40).map(|at| ((at * 37 + seed * 101) % (ROWS - 16)) as u32).collect();
    (0..4).map(|seed| Sample { tokens: tokens(seed), supervised: vec![true; 40] }).collect()
}

/// The exact model beside what was written, over all samples.
fn lost(folder: &Path, adapter: &Adapter, written: &BaseModel) -> Compared {
    let base = BaseModel::load(folder, &F32).unwrap();
    let exact = Adapted { base: &base, adapter: Some(adapter) };
    let written = Adapted { base: written, adapter: None };
    let each = compare(exact, written, &samples(), &mut |_, _| {}).unwrap();
    each.iter().fold(Compared::default(), |sum, one| Compared {
        tokens: sum.tokens + one.tokens,
        losses: [sum.losses[0] + one.losses[0], sum.losses[1] + one.losses[1]],
        divergence: sum.divergence + one.divergence,
        same: sum.same + one.same,
    })
}

struct Place {
    _kept: tempfile::TempDir,
    base: PathBuf,
    adapter: Adapter,
    out: PathBuf,
}

fn place(family: &str) -> Place {
    let kept = tempfile::tempdir().unwrap();
    let base = kept.path().join("base");
    let adapter = adapter(&model(&base, family), false);
    Place { out: kept.path().join("out"), _kept: kept, base, adapter }
}

fn gguf(place: &Place, kind: GgufType) -> PathBuf {
    let out = place.out.with_extension(format!("{kind:?}"));
    export_gguf(source(&place.base, &place.adapter), kind, &out, |_, _| Ok(Vec::new())).unwrap();
    out.join(MODEL)
}

#[test]
fn the_fewer_bits_a_weight_has_the_more_is_lost() {
    for family in FAMILIES {
        let place = place(family);
        let of = |written: BaseModel| lost(&place.base, &place.adapter, &written);
        let folder = |name: &str| place.out.with_extension(name);
        crate::export_merged(&place.base, &place.adapter, &folder("bf16")).unwrap();
        let further = |_: &Path, _: &crate::Difference| Ok(Vec::new());
        crate::quantise_merged(&place.base, &place.adapter, &folder("nf4"), further).unwrap();
        let nf4 = LoadOptions { weights: WeightFormat::Nf4, ..F32 };
        let by_bits = [
            of(BaseModel::load_gguf(&gguf(&place, GgufType::F16), &place.base).unwrap()),
            of(BaseModel::load(&folder("bf16"), &F32).unwrap()),
            of(BaseModel::load_gguf(&gguf(&place, GgufType::Q8_0), &place.base).unwrap()),
            of(BaseModel::load(&folder("nf4"), &nf4).unwrap()),
        ];
        let exact = by_bits[0].losses[0];
        assert!(by_bits.iter().all(|it| it.losses[0] == exact && it.tokens == 4 * 39), "{by_bits:?}");
        for two in by_bits.windows(2) {
            assert!(two[0].divergence * 2.0 < two[1].divergence, "{family}: {by_bits:?}");
        }
        let change = |it: &Compared| (it.losses[1] - it.losses[0]).abs();
        assert!(change(&by_bits[3]) > 0.0 && change(&by_bits[0]) < change(&by_bits[3]), "{by_bits:?}");
        // Alike when it is measured again.
        assert_eq!(of(BaseModel::load(&folder("nf4"), &nf4).unwrap()), by_bits[3]);
    }
}

#[test]
fn the_same_model_loses_nothing() {
    let place = place("qwen3");
    let base = BaseModel::load(&place.base, &F32).unwrap();
    let one = Adapted { base: &base, adapter: Some(&place.adapter) };
    for sample in compare(one, one, &samples(), &mut |_, _| {}).unwrap() {
        assert_eq!((sample.divergence, sample.same), (0.0, sample.tokens));
        assert_eq!(sample.losses[0], sample.losses[1]);
    }
}

#[test]
fn a_sample_that_takes_several_passes_through_the_head_has_every_target() {
    let place = place("qwen3");
    let base = BaseModel::load(&place.base, &F32).unwrap();
    let count = 131;
    assert!(count - 1 > 2 * COMPARED_ROWS_MAX);
    let tokens: Vec<u32> = (0..count).map(|at| ((at * 37 + 5) % (ROWS - 16)) as u32).collect();
    // The first targets are none, so that they are not those of the first rows.
    let supervised = |from: usize| (0..count).map(|at| at >= from).collect::<Vec<bool>>();
    let (exact, bare) =
        (Adapted { base: &base, adapter: Some(&place.adapter) }, Adapted { base: &base, adapter: None });
    let parts = |mask: Vec<bool>| {
        let sample = [Sample { tokens: tokens.clone(), supervised: mask }];
        let found = compare(exact, bare, &sample, &mut |_, _| {}).unwrap()[0];
        // In one pass, by the evaluator.
        for (loss, adapter) in found.losses.iter().zip([Some(&place.adapter), None]) {
            let (_, each) = crate::evaluate_each(&base, adapter, &sample, 1, &mut |_, _| {}).unwrap();
            assert!((loss - each[0].loss).abs() < 1e-3, "{loss} instead of {}", each[0].loss);
        }
        found
    };
    let whole = parts(supervised(1));
    assert_eq!(whole.tokens, 130);
    // Its two parts, of one pass and of two.
    let first = (0..count).map(|at| (1..60).contains(&at)).collect();
    let (first, second) = (parts(first), parts(supervised(60)));
    assert_eq!((first.tokens, second.tokens), (59, 71));
    assert_eq!(first.same + second.same, whole.same);
    let apart = (first.divergence + second.divergence - whole.divergence).abs();
    assert!(apart < 1e-3 * whole.divergence, "{first:?} {second:?} {whole:?}");
}

/// Writes the file with some bytes changed and says what reading it gives.
fn changed(file: &Path, base: &Path, change: impl FnOnce(&mut Vec<u8>)) -> Result<BaseModel, ModelError> {
    let mut bytes = std::fs::read(file).unwrap();
    change(&mut bytes);
    let path = file.with_extension("changed");
    std::fs::write(&path, bytes).unwrap();
    BaseModel::load_gguf(&path, base)
}

/// Where a text stands in the header.
fn find(bytes: &[u8], text: &str) -> usize {
    bytes.windows(text.len()).position(|window| window == text.as_bytes()).unwrap()
}

#[test]
fn a_damaged_file_is_refused_or_measured_as_what_it_is() {
    let place = place("qwen2");
    let file = gguf(&place, GgufType::Q8_0);
    let put = |bytes: &mut Vec<u8>, text: &str, behind: usize, byte: u8| {
        let at = find(bytes, text) + behind;
        bytes[at] = byte;
    };
    let refused = |change: &dyn Fn(&mut Vec<u8>)| {
        let error = changed(&file, &place.base, change).err().unwrap();
        assert!(matches!(error, ModelError::Checkpoint { .. }), "{error:?}");
        error.to_string()
    };
    assert!(refused(&|bytes| bytes[0] = b'X').contains("no GGUF file"));
    assert!(refused(&|bytes| bytes[8] += 1).contains("tensors"));
    let values =
        |count: u64| refused(&move |bytes: &mut Vec<u8>| bytes[16..24].copy_from_slice(&count.to_le_bytes()));
    assert!(values(u64::MAX).contains("claims") && values(GGUF_VALUES_MAX + 1).contains("claims"));
    assert!(!values(GGUF_VALUES_MAX).contains("claims"));
    for keep in [0, 3, 20, 100, 5_000] {
        let words = refused(&|bytes| bytes.truncate(keep));
        assert!(words.contains("ends early"), "{keep}: {words}");
    }
    assert!(refused(&|bytes| bytes.truncate(bytes.len() - 1)).contains("bytes"));
    assert!(refused(&|bytes| bytes.extend([0; 32])).contains("bytes"));
    // The number of blocks; a tensor's name; its type; an infinite scale.
    let key = "qwen2.block_count";
    assert!(refused(&|bytes| put(bytes, key, key.len() + 4, 3)).contains(key));
    let name = "blk.1.attn_q.weight";
    let kind = name.len() + 4 + 16;
    assert!(refused(&|bytes| put(bytes, name, 4, b'7')).contains("attn_q"));
    assert!(refused(&|bytes| put(bytes, name, kind, 2)).contains("type 2"));
    assert!(refused(&|bytes| put(bytes, name, kind, 1)).contains("place"));
    let infinite = |bytes: &mut Vec<u8>| {
        // Even, as every scale's place is, in a matrix; two blocks long, so that a scale is among them.
        let at = bytes.len() * 8 / 10 / 2 * 2;
        bytes[at..at + 68].copy_from_slice(&f16::INFINITY.to_le_bytes().repeat(34));
    };
    assert!(refused(&infinite).contains("not a number or infinite"));
    // What can be read is measured as it is: a bit of 64 turned in every seventh byte of a tenth of it.
    let good = BaseModel::load_gguf(&file, &place.base).unwrap();
    let turned = changed(&file, &place.base, |bytes| {
        let (from, count) = (bytes.len() * 8 / 10, bytes.len() / 10);
        bytes[from..from + count].iter_mut().step_by(7).for_each(|code| *code ^= 0x40);
    });
    let [good, bad] = [good, turned.unwrap()].map(|it| lost(&place.base, &place.adapter, &it));
    assert!(bad.divergence > 10.0 * good.divergence, "{good:?} {bad:?}");
}

proptest::proptest! {
    /// Any changed byte of the header, and any cut, gives an error or a model, and no panic.
    #[test]
    fn changed_headers_never_panic(at: proptest::sample::Index, by in 1_u8..=255, cut in proptest::bool::ANY) {
        let (file, base, header) = SHARED.with(|(_, file, base, header)| (file.clone(), base.clone(), *header));
        let _ = changed(&file, &base, |bytes| {
            let at = at.index(header);
            bytes[at] ^= by;
            if cut {
                bytes.truncate(at);
            }
        });
    }
}

thread_local! {
    static SHARED: (Place, PathBuf, PathBuf, usize) = {
        let place = place("llama");
        let (file, base) = (gguf(&place, GgufType::F16), place.base.clone());
        let header = GgufFile::open(&file, &ModelConfig::from_dir(&base).unwrap()).unwrap().data_start();
        (place, file, base, header as usize)
    };
}

//! The checks themselves: the processor passes them on the repository's small reference folder, a spoilt
//! model does not, and a folder without a model is an error. On another runtime: the whole decoder through
//! the GPU operations.

use std::path::PathBuf;

use super::*;
use crate::error::ModelError;

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/golden")
}

/// All comparisons of the small folder.
fn comparisons(compute: Compute, load: Load<'_>) -> Vec<Comparison> {
    let mut all = Vec::new();
    check_folder(&fixture(), compute, load, &mut |comparison| all.push(comparison)).unwrap();
    all
}

#[test]
fn the_processor_passes_in_both_precisions() {
    for (compute, count) in [(Compute::F32, 16), (Compute::Bf16, 14)] {
        let all = comparisons(compute, &|path, options| BaseModel::load(path, options));
        let failed: Vec<_> = all.iter().filter(|comparison| !comparison.passed()).collect();
        assert!(failed.is_empty(), "{failed:#?}");
        assert_eq!(all.len(), count);
    }
}

#[test]
fn another_model_does_not_pass() {
    // The quantised model where the dense one is asked for.
    let spoilt =
        |path: &Path, options: &LoadOptions| BaseModel::load(&path.with_file_name("model-bnb-nf4"), options);
    let failed =
        comparisons(Compute::F32, &spoilt).into_iter().filter(|comparison| !comparison.passed()).count();
    assert!(failed >= 4, "{failed}");
    assert!(
        !Comparison { folder: String::new(), what: String::new(), difference: f64::NAN, tolerance: 1.0 }
            .passed()
    );
}

#[test]
fn a_folder_that_is_none_is_an_error() {
    let load = |path: &Path, options: &LoadOptions| BaseModel::load(path, options);
    let folder = tempfile::tempdir().unwrap();
    let error = check_folder(folder.path(), Compute::F32, &load, &mut |_| {}).unwrap_err();
    assert!(matches!(error, ModelError::Io { .. }), "{error}");
    std::fs::write(folder.path().join("golden.safetensors"), b"no").unwrap();
    std::fs::write(folder.path().join("golden.json"), b"{}").unwrap();
    let error = check_folder(folder.path(), Compute::F32, &load, &mut |_| {}).unwrap_err();
    assert!(error.is_user_error(), "{error}");
}

/// Loads a folder onto the software Vulkan driver that the GPU operations are tested on.
#[cfg(feature = "gpu-kernel-tests")]
fn load_on_vulkan(placement: crate::Placement) -> impl Fn(&Path, &LoadOptions) -> Result<BaseModel> {
    move |path, options| {
        let device = burn_wgpu::WgpuDevice::default();
        let (engine, fingerprint) =
            crate::base::decoder_on::<burn_wgpu::Wgpu<f32, i32, u32>>(path, options, placement, device)?;
        Ok(BaseModel { engine, placement, options: *options, fingerprint })
    }
}

#[test]
#[cfg(feature = "gpu-kernel-tests")]
fn the_gpu_operations_pass_in_both_precisions() {
    for compute in [Compute::F32, Compute::Bf16] {
        let all = comparisons(compute, &load_on_vulkan(crate::Placement::default()));
        for comparison in &all {
            println!("{comparison:?}");
        }
        assert!(all.iter().all(Comparison::passed), "{all:#?}");
    }
}

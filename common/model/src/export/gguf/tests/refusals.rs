//! What cannot be written truly is refused in words, and nothing is left behind.

use serde_json::{Value, json};

use super::fixture::{adapter, config, model, tokenizer, weights, write_json};
use super::source;
use crate::error::ModelError;
use crate::export::gguf::{GgufType, export_gguf, export_gguf_adapter};

/// What is done to a file before the export.
type Change<'a> = &'a dyn Fn(&mut Value);

/// Exports a folder of the family after `change` and gives what it was refused for.
fn refused(family: &str, change: impl FnOnce(&std::path::Path)) -> ModelError {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("base");
    let adapter = adapter(&model(&folder, family), false);
    change(&folder);
    let out = place.path().join("out");
    let error =
        export_gguf(source(&folder, &adapter), GgufType::F16, &out, |_, _| Ok(Vec::new())).unwrap_err();
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 1, "something is left behind");
    error
}

#[test]
fn a_tokenizer_that_llama_cpp_has_no_name_for() {
    let changes: [(&str, Change<'_>, &str); 8] = [
        ("qwen2", &|it| it["model"]["byte_fallback"] = json!(true), "not byte-level"),
        ("qwen2", &|it| it["model"]["unk_token"] = json!("<unk>"), "not byte-level"),
        ("qwen2", &|it| it["model"]["ignore_merges"] = json!(true), "splits words"),
        ("llama", &|it| it["model"]["ignore_merges"] = json!(false), "splits words"),
        (
            "qwen2",
            &|it| {
                it["pre_tokenizer"] =
                    json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true})
            },
            "splits words",
        ),
        (
            "qwen2",
            &|it| it["pre_tokenizer"]["pretokenizers"][0]["pattern"] = json!({"Regex": r"\d"}),
            "splits words",
        ),
        ("qwen2", &|it| it["normalizer"] = json!({"type": "Lowercase"}), "changes texts"),
        ("qwen2", &|it| it["added_tokens"][3]["lstrip"] = json!(true), "take in blanks"),
    ];
    for (family, change, reason) in changes {
        let error = refused(family, |folder| {
            let mut file = tokenizer(family);
            change(&mut file);
            write_json(folder, "tokenizer.json", &file);
        });
        assert!(matches!(error, ModelError::Unsupported { .. }), "{error}");
        assert!(error.to_string().contains(reason), "{error} does not say {reason}");
        assert!(error.hint().unwrap().contains("--format merged"));
    }
}

#[test]
fn a_tokenizer_that_does_not_fit() {
    let blank = |it: &mut Value| {
        it["model"]["vocab"]["t h"] = json!(262);
        it["model"]["vocab"]["t he"] = json!(263);
        it["model"]["merges"][1] = json!(["t h", "e"]);
    };
    let changes: [(Change<'_>, &str); 4] = [
        (&|it| it["model"]["vocab"]["the"] = json!(272), "no row"),
        (&|it| it["added_tokens"][3]["id"] = json!(257), "have the number 257"),
        (&|it| it["model"]["vocab"]["[PAD262]"] = json!(263), "one text"),
        (&blank, "blank"),
    ];
    for (change, reason) in changes {
        let error = refused("qwen2", |folder| {
            let mut file = tokenizer("qwen2");
            change(&mut file);
            write_json(folder, "tokenizer.json", &file);
        });
        assert!(matches!(error, ModelError::Tokenizer { .. }), "{error}");
        assert!(error.to_string().contains(reason), "{error} does not say {reason}");
    }
    let error = refused("qwen2", |folder| {
        write_json(
            folder,
            "tokenizer_config.json",
            &json!({"eos_token": "<|im_end|>", "bos_token": "<nobody>"}),
        );
    });
    assert!(error.to_string().contains("bos_token is no token"), "{error}");
}

#[test]
fn a_model_that_the_format_cannot_hold() {
    let config_of = |folder: &std::path::Path| crate::ModelConfig::from_dir(folder).unwrap();
    let extra =
        refused("qwen2", |folder| weights(folder, &config_of(folder), &[("model.other.weight", 1.0)]));
    assert!(extra.to_string().contains("model.other.weight"), "{extra}");
    let large = refused("qwen2", |folder| {
        weights(folder, &config_of(folder), &[("model.embed_tokens.weight", 70_000.0)]);
    });
    assert!(large.to_string().contains("token_embd.weight, which holds a value too large"), "{large}");
    let quantised = refused("qwen2", |folder| {
        let mut changed = config("qwen2");
        changed["quantization_config"] = json!({"quant_method": "bitsandbytes"});
        write_json(folder, "config.json", &changed);
    });
    assert!(quantised.to_string().contains("quantised form"), "{quantised}");
    let untied = refused("qwen2", |folder| {
        let mut changed = config("qwen2");
        changed["tie_word_embeddings"] = json!(false);
        write_json(folder, "config.json", &changed);
    });
    assert!(matches!(untied, ModelError::MissingTensor { .. }), "{untied}");
    let turned = |folder: &std::path::Path| {
        let mut changed = config("qwen2");
        changed["rope_scaling"] = config("llama")["rope_scaling"].clone();
        write_json(folder, "config.json", &changed);
    };
    let error = refused("qwen2", turned);
    assert!(error.to_string().contains("rope_type llama3"), "{error}");
    // Its adapter is refused as well: there would be no base model to load it over.
    let place = tempfile::tempdir().unwrap();
    let adapter = adapter(&model(place.path(), "qwen2"), false);
    turned(place.path());
    let out = place.path().join("out");
    assert!(export_gguf_adapter(source(place.path(), &adapter), &out, &[]).is_err() && !out.exists());
}

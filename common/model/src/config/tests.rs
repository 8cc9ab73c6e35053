//! Old and new spellings of config.json, and what is refused by name.

use std::path::Path;

use super::*;
use crate::ModelError;
use crate::error::Result;

const QWEN: &str = r#"{"model_type":"qwen2","hidden_size":896,"intermediate_size":4864,"num_hidden_layers":24,
  "num_attention_heads":14,"num_key_value_heads":2,"vocab_size":151936,"rms_norm_eps":1e-6,"hidden_act":"silu",
  "max_position_embeddings":32768,"tie_word_embeddings":true,"sliding_window":32768,"use_sliding_window":false,
  "max_window_layers":21,"torch_dtype":"bfloat16","rope_theta":1000000.0}"#;

fn parse(text: &str) -> Result<ModelConfig> {
    ModelConfig::from_json(text.as_bytes(), Path::new("config.json"))
}

#[test]
fn old_and_new_spelling_give_the_same_model() {
    let old = parse(QWEN).unwrap();
    let new = parse(&QWEN.replace(
        r#""torch_dtype":"bfloat16","rope_theta":1000000.0"#,
        r#""dtype":"bfloat16","rope_parameters":{"rope_theta":1000000.0,"rope_type":"default"}"#,
    ))
    .unwrap();
    assert_eq!(old, new);
    assert_eq!(old.head_dim, 64);
    assert!(old.qkv_bias && !old.query_key_norm && old.tie_word_embeddings);
    assert_eq!(old.linear_shape(LinearKind::Key), [128, 896]);
}

/// Llama 3.2 as published, and as transformers 5 writes it again.
#[test]
fn llama3_scaling_is_read_in_both_spellings() {
    let scaling = r#""factor":32.0,"high_freq_factor":4.0,"low_freq_factor":1.0,
        "original_max_position_embeddings":8192,"rope_type":"llama3""#;
    let text = |rope: String| {
        format!(
            r#"{{"model_type":"llama","hidden_size":2048,"intermediate_size":8192,"num_hidden_layers":16,"head_dim":64,
            "num_attention_heads":32,"num_key_value_heads":8,"vocab_size":128256,"rms_norm_eps":1e-5,{rope},
            "max_position_embeddings":131072,"tie_word_embeddings":true,"attention_bias":false,"mlp_bias":false}}"#
        )
    };
    let old = text(format!(r#""torch_dtype":"bfloat16","rope_theta":500000.0,"rope_scaling":{{{scaling}}}"#));
    let new = text(format!(r#""dtype":"bfloat16","rope_parameters":{{"rope_theta":500000.0,{scaling}}}"#));
    assert_eq!(parse(&old).unwrap(), parse(&new).unwrap());
    let expected = RopeScaling::Llama3 {
        factor: 32.0,
        low_freq_factor: 1.0,
        high_freq_factor: 4.0,
        original_max_position_embeddings: 8192.0,
    };
    assert_eq!(parse(&new).unwrap().rope, Rope { theta: 5e5, scaling: expected });
    let error = parse(&new.replace("\"low_freq_factor\":1.0,", "")).unwrap_err();
    assert!(error.to_string().contains("low_freq_factor"), "{error}");
}

#[test]
fn rope_settings_that_stand_twice_must_agree() {
    let with = |more: &str| parse(&QWEN.replace(r#""rope_theta":1000000.0"#, more));
    let one = parse(QWEN).unwrap().rope;
    for same in [
        r#""rope_theta":1000000.0,"rope_scaling":null,"rope_parameters":{"rope_theta":1000000,"rope_type":"default"}"#,
        r#""rope_theta":1000000.0,"rope_scaling":{"type":"default"},"rope_parameters":{"rope_type":"default"}"#,
        r#""rope_theta":1000000.0,"rope_scaling":{},"rope_parameters":{}"#,
        r#""rope_scaling":{},"rope_parameters":{"rope_theta":1000000.0,"rope_type":"default"}"#,
    ] {
        assert_eq!(with(same).unwrap().rope, one, "{same}");
    }
    for (two, words) in [
        (
            r#""rope_theta":1e6,"rope_parameters":{"rope_type":"default"},"rope_scaling":{"type":"yarn","factor":4.0}"#,
            "rope_scaling differ",
        ),
        (
            r#""rope_theta":1e4,"rope_parameters":{"rope_type":"default","rope_theta":1e6}"#,
            "two values of rope_theta",
        ),
        (r#""rope_parameters":{},"rope_scaling":{"type":"yarn","factor":4.0}"#, "yarn"),
    ] {
        let error = with(two).unwrap_err();
        assert!(
            matches!(error, ModelError::Unsupported { .. }) && error.to_string().contains(words),
            "{error}"
        );
    }
}

/// Qwen3-0.6B: heads that are wider than hidden / heads, normalised, without bias.
#[test]
fn qwen3_has_its_own_head_width() {
    let text = r#"{"model_type":"qwen3","hidden_size":1024,"intermediate_size":3072,"num_hidden_layers":28,
        "num_attention_heads":16,"num_key_value_heads":8,"vocab_size":151936,"head_dim":128,"rms_norm_eps":1e-6,
        "rope_theta":1000000,"rope_scaling":null,"sliding_window":null,"use_sliding_window":false,
        "max_window_layers":28,"tie_word_embeddings":true,"attention_bias":false,"hidden_act":"silu"}"#;
    let config = parse(text).unwrap();
    assert_eq!((config.head_dim, config.linear_shape(LinearKind::Query)), (128, [2048, 1024]));
    assert!(config.query_key_norm && !config.qkv_bias);
    assert_eq!(parse(&text.replace("\"head_dim\":128,", "")).unwrap(), config, "128 is Qwen3's default");
}

#[test]
fn unsupported_features_are_refused_by_name() {
    let cases = [
        (QWEN.replace("\"qwen2\"", "\"mamba\""), "mamba"),
        (QWEN.replace("\"use_sliding_window\":false", "\"use_sliding_window\":true"), "sliding-window"),
        (QWEN.replace("\"silu\"", "\"gelu\""), "gelu"),
        (
            QWEN.replace("\"rope_theta\":1000000.0", "\"rope_scaling\":{\"type\":\"yarn\",\"factor\":4.0}"),
            "yarn",
        ),
        (
            QWEN.replace(
                "\"rope_theta\":1000000.0",
                "\"rope_parameters\":{\"rope_type\":\"longrope\",\"factor\":4.0}",
            ),
            "longrope",
        ),
        (
            QWEN.replace(
                "\"max_window_layers\":21",
                "\"layer_types\":[\"full_attention\",\"sliding_attention\"]",
            ),
            "sliding-window",
        ),
        (
            QWEN.replace("\"max_window_layers\":21", "\"layer_types\":[\"chunked_attention\"]"),
            "chunked_attention",
        ),
        (QWEN.replace("\"silu\"", "\"silu\",\"attention_bias\":true"), "attention_bias"),
        (QWEN.replace("\"silu\"", "\"silu\",\"mlp_bias\":true"), "mlp_bias"),
        (
            QWEN.replace(
                "\"silu\"",
                "\"silu\",\"quantization_config\":{\"quant_method\":\"gptq\",\"bits\":4}",
            ),
            "gptq",
        ),
    ];
    for (text, name) in cases {
        let error = parse(&text).unwrap_err();
        assert!(matches!(error, ModelError::Unsupported { .. }), "{error}");
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn sliding_window_beyond_the_last_layer_is_accepted() {
    let text = QWEN
        .replace("\"use_sliding_window\":false", "\"use_sliding_window\":true")
        .replace("\"max_window_layers\":21", "\"max_window_layers\":24");
    parse(&text).unwrap();
}

#[test]
fn malformed_numbers_are_an_error_not_a_panic() {
    for (from, to) in [
        ("\"hidden_size\":896", "\"hidden_size\":-1"),
        ("\"num_attention_heads\":14", "\"num_attention_heads\":0"),
        ("\"num_key_value_heads\":2", "\"num_key_value_heads\":3"),
        ("\"vocab_size\":151936", "\"vocab_size\":99999999999"),
        ("\"rms_norm_eps\":1e-6", "\"rms_norm_eps\":0"),
    ] {
        let error = parse(&QWEN.replace(from, to)).unwrap_err();
        assert!(matches!(error, ModelError::Config { .. }), "{from}: {error}");
    }
    assert!(parse("[]").is_err());
}

#[test]
fn llama3_frequencies_match_transformers() {
    // transformers 5.23 _compute_llama3_parameters: theta 5e5, head_dim 32, factor 8, 1, 4, original 64.
    let rope = Rope {
        theta: 5e5,
        scaling: RopeScaling::Llama3 {
            factor: 8.0,
            low_freq_factor: 1.0,
            high_freq_factor: 4.0,
            original_max_position_embeddings: 64.0,
        },
    };
    let frequencies = rope.inverse_frequencies(32);
    assert_eq!(frequencies[0], 1.0, "wavelength 6.3 < 64/4 is kept");
    // i = 2: theta^(-4/32) = 0.193912, wavelength 32.4 lies between 16 and 64: smooth = (64/32.4 - 1)/3 =
    // 0.32504.
    assert!((frequencies[2] - 0.079_391).abs() < 1e-4, "{}", frequencies[2]);
    let plain = Rope { theta: 5e5, scaling: RopeScaling::Default }.inverse_frequencies(32);
    assert!(
        (frequencies[15] * 8.0 - plain[15]).abs() < 1e-9,
        "the longest wavelength is divided by the factor"
    );
}

//! The language of what people read: Chinese or English, chosen by an argument or the locale, and a message
//! in both. Used by the site-agent's `data` commands and by `coordinator report`, each with one table of its
//! messages. Machine-readable output (`--json`, the manifest) has no language. Invariant: `{}` stands for a
//! value, in the same order in both languages; each table tests that the numbers are alike.

use std::borrow::Cow;
use std::str::FromStr;

/// A language that the messages exist in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// English.
    En,
    /// Chinese, simplified.
    Zh,
}

impl Language {
    /// The locale's language, as the C library chooses it: `LC_ALL`, then `LC_MESSAGES`, then `LANG`; English
    /// for all that is not Chinese. `variable` reads the environment.
    pub fn from_locale(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = ["LC_ALL", "LC_MESSAGES", "LANG"]
            .iter()
            .find_map(|name| variable(name).filter(|v| !v.is_empty()));
        match set {
            Some(locale) if locale.to_ascii_lowercase().starts_with("zh") => Self::Zh,
            _ => Self::En,
        }
    }

    /// What was asked for, else the locale of this process.
    #[must_use]
    pub fn chosen(asked: Option<Self>) -> Self {
        asked.unwrap_or_else(|| Self::from_locale(|name| std::env::var(name).ok()))
    }

    /// The code of HTML's `lang` attribute.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Zh => "zh-CN",
        }
    }
}

/// What was asked for is not one of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the languages are zh and en")]
pub struct UnknownLanguage;

impl FromStr for Language {
    type Err = UnknownLanguage;

    fn from_str(text: &str) -> Result<Self, UnknownLanguage> {
        match text {
            "en" => Ok(Self::En),
            "zh" => Ok(Self::Zh),
            _ => Err(UnknownLanguage),
        }
    }
}

/// One message in both languages. `{}` stands for a value.
#[derive(Clone, Copy, Debug)]
pub struct Text {
    /// English.
    pub en: &'static str,
    /// Chinese.
    pub zh: &'static str,
}

impl Text {
    /// The message without values.
    #[must_use]
    pub const fn get(self, language: Language) -> &'static str {
        match language {
            Language::En => self.en,
            Language::Zh => self.zh,
        }
    }

    /// The message with its values, in order.
    #[must_use]
    pub fn with(self, language: Language, values: &[&dyn std::fmt::Display]) -> String {
        let mut filled = String::new();
        let mut values = values.iter();
        for (index, piece) in self.get(language).split("{}").enumerate() {
            if index > 0 {
                filled.push_str(&values.next().map_or(Cow::Borrowed("?"), |value| value.to_string().into()));
            }
            filled.push_str(piece);
        }
        filled
    }
}

/// The one table of a program's messages: each line a name, the English and the Chinese text. Makes a
/// constant of each, and the test that both ask for the same values; one table in a module.
#[macro_export]
macro_rules! texts {
    ($($name:ident: $en:literal, $zh:literal;)*) => {
        $(#[doc = $en] pub const $name: $crate::language::Text = $crate::language::Text { en: $en, zh: $zh };)*
        /// All of them, for the tests.
        #[cfg(test)]
        const ALL: &[(&str, $crate::language::Text)] = &[$((stringify!($name), $name)),*];

        #[test]
        fn both_languages_have_the_same_values() {
            for (name, text) in ALL {
                let count = |text: &str| text.matches("{}").count();
                assert_eq!(count(text.en), count(text.zh), "{name}");
                assert!(!text.en.is_empty() && !text.zh.is_empty(), "{name}");
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locale_decides_as_the_c_library_does() {
        let with = |pairs: &'static [(&str, &str)]| {
            Language::from_locale(|name| {
                pairs.iter().find(|pair| pair.0 == name).map(|pair| pair.1.to_owned())
            })
        };
        assert_eq!(with(&[("LANG", "zh_CN.UTF-8")]), Language::Zh);
        assert_eq!(with(&[("LANG", "zh_CN.UTF-8"), ("LC_ALL", "C")]), Language::En);
        assert_eq!(with(&[("LANG", "en_US.UTF-8"), ("LC_MESSAGES", "zh_TW")]), Language::Zh);
        assert_eq!(with(&[("LC_ALL", ""), ("LANG", "zh_CN")]), Language::Zh);
        assert_eq!(with(&[]), Language::En);
    }

    #[test]
    fn a_language_is_asked_for_by_its_name() {
        assert_eq!("zh".parse(), Ok(Language::Zh));
        assert_eq!("en".parse(), Ok(Language::En));
        assert_eq!("de".parse::<Language>(), Err(UnknownLanguage));
    }

    #[test]
    fn values_are_filled_in_order() {
        let text = Text { en: "{} of {}", zh: "共 {}，第 {}" };
        assert_eq!(text.with(Language::En, &[&1, &"two"]), "1 of two");
        assert_eq!(text.with(Language::Zh, &[&1, &"二"]), "共 1，第 二");
    }
}

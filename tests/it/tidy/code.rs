//! Rust text with comments and the contents of literals blanked out, so that a word in them is not taken
//! for code. Called by `source`. Invariant: every line keeps its number and every column its place.

/// The text with a space for each character of a comment, a string or a character literal.
pub(super) fn code_of(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < characters.len() {
        let length = blank_length(&characters, at);
        if length == 0 {
            code.push(characters[at]);
            at += 1;
            continue;
        }
        code.extend(characters[at..at + length].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
        at += length;
    }
    code
}

/// How many characters from `at` on are a comment or a literal; 0 if none begins here.
fn blank_length(characters: &[char], at: usize) -> usize {
    let rest = &characters[at..];
    match rest {
        ['/', '/', ..] => rest.iter().position(|c| *c == '\n').unwrap_or(rest.len()),
        ['/', '*', ..] => block_comment(rest),
        ['"', ..] => quoted(rest, '"'),
        ['\'', '\\', ..] => quoted(rest, '\''),
        ['\'', _, '\'', ..] => 3,
        ['r', '"' | '#', ..] if at == 0 || !is_name(characters[at - 1]) || ends_with_b(characters, at) => {
            raw_string(rest)
        }
        _ => 0,
    }
}

/// `br"..."`: the `r` follows a name of one letter.
fn ends_with_b(characters: &[char], at: usize) -> bool {
    characters[at - 1] == 'b' && (at < 2 || !is_name(characters[at - 2]))
}

fn is_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn block_comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at + 1 < rest.len() {
        match (rest[at], rest[at + 1]) {
            ('/', '*') => depth += 1,
            ('*', '/') => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

fn quoted(rest: &[char], quote: char) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            '\\' => at += 2,
            found if found == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// `r"..."`, `r#"..."#` and so on; 0 for a raw identifier.
fn raw_string(rest: &[char]) -> usize {
    let hashes = rest[1..].iter().take_while(|c| **c == '#').count();
    if rest.get(1 + hashes) != Some(&'"') {
        return 0;
    }
    let is_end = |at: usize| {
        rest[at] == '"' && rest[at + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes
    };
    (hashes + 2..rest.len()).find(|at| is_end(*at)).map_or(rest.len(), |at| at + 1 + hashes)
}

/// Whether the code holds the word, as a word.
pub(super) fn has_word(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        let ends_open = word.ends_with(|last: char| !is_name(last));
        !before.is_some_and(is_name) && (ends_open || !after.is_some_and(is_name))
    })
}

#[test]
fn words_in_comments_and_literals_do_not_count() {
    assert!(has_word(&code_of("    unsafe { read() }"), "unsafe"));
    assert!(has_word(&code_of("use quinn::Endpoint;"), "quinn::"));
    for hidden in [
        "    // unsafe here",
        "/* a /* nested */ unsafe */",
        "    let text = \"un \\\" unsafe\";",
        "let text = r#\"a \" unsafe\"#;",
        "let bytes = br\"\\ unsafe\";",
        "let text = \"two\n unsafe lines\";",
        "#![allow(unsafe_code)]",
    ] {
        assert!(!has_word(&code_of(hidden), "unsafe"), "{hidden}");
    }
}

#[test]
fn code_after_a_literal_is_code_again() {
    for shown in
        ["let c = '\"'; unsafe", "let c = '\\''; unsafe", "fn f<'a>(x: &'a str) { unsafe }", "r#unsafe"]
    {
        assert!(has_word(&code_of(shown), "unsafe"), "{shown}");
    }
    assert_eq!(code_of("a \"b\nc\" d").lines().count(), 2);
}

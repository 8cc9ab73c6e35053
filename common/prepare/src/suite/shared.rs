//! What all contexts of a suite begin with: a chat template's head, a description, examples. Used by `suite`,
//! which has it computed once for all questions where products are in f32. Invariant: it depends on all items
//! and on nothing of their order, so that an evaluation that is resumed computes what an undisturbed one
//! does.

/// The longest common beginning of the contexts that were added.
#[derive(Debug, Default)]
pub(super) struct SharedBeginning {
    tokens: Option<Vec<u32>>,
    shortest: usize,
}

impl SharedBeginning {
    /// Takes in one context.
    pub(super) fn add(&mut self, context: &[u32]) {
        match &mut self.tokens {
            None => {
                self.tokens = Some(context.to_vec());
                self.shortest = context.len();
            }
            Some(tokens) => {
                let same = tokens.iter().zip(context).take_while(|(a, b)| a == b).count();
                tokens.truncate(same);
                self.shortest = self.shortest.min(context.len());
            }
        }
    }

    /// The tokens; at least one of each context is left to be computed.
    pub(super) fn tokens(self) -> Vec<u32> {
        let mut tokens = self.tokens.unwrap_or_default();
        tokens.truncate(self.shortest.saturating_sub(1));
        tokens
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(contexts: &[&[u32]]) -> Vec<u32> {
        let mut shared = SharedBeginning::default();
        contexts.iter().for_each(|context| shared.add(context));
        shared.tokens()
    }

    #[test]
    fn all_begin_with_it_and_each_goes_on() {
        assert_eq!(of(&[&[1, 2, 3, 4], &[1, 2, 5], &[1, 2, 3, 9]]), [1, 2]);
        assert_eq!(of(&[&[1, 2, 3], &[1, 2]]), [1], "the shorter one goes on, too");
        assert_eq!(of(&[&[1, 2, 3]]), [1, 2]);
        assert_eq!(of(&[&[1], &[2]]), [0_u32; 0]);
        assert_eq!(of(&[&[], &[1]]), [0_u32; 0]);
        assert_eq!(of(&[]), [0_u32; 0]);
    }
}

//! RFC 9497, appendix A.1.2: ristretto255-SHA512 in verifiable mode, through the same calls that we make.

use data_encoding::HEXLOWER;
use rand_core::{CryptoRng, Error, RngCore};
use voprf::{BlindedElement, Group, Proof, Ristretto255, VoprfClient, VoprfServer};

use super::*;

const SEED: [u8; 32] = [0xa3; 32];
const KEY_INFO: &str = "74657374206b6579";
const SECRET_KEY: &str = "e6f73f344b79b379f1a0dd37e07ff62e38d9f71345ce62ae3a9bc60b04ccd909";
const PUBLIC_KEY: &str = "c803e2cc6b05fc15064549b5920659ca4a77b2cca6f04f6b357009335476ad4e";

struct Vector {
    inputs: &'static [&'static str],
    blinds: &'static [&'static str],
    blinded: &'static [&'static str],
    evaluated: &'static [&'static str],
    proof: &'static str,
    proof_random: &'static str,
    outputs: &'static [&'static str],
}

const VECTORS: [Vector; 3] = [
    Vector {
        inputs: &["00"],
        blinds: &["64d37aed22a27f5191de1c1d69fadb899d8862b58eb4220029e036ec4c1f6706"],
        blinded: &["863f330cc1a1259ed5a5998a23acfd37fb4351a793a5b3c090b642ddc439b945"],
        evaluated: &["aa8fa048764d5623868679402ff6108d2521884fa138cd7f9c7669a9a014267e"],
        proof: "ddef93772692e535d1a53903db24367355cc2cc78de93b3be5a8ffcc6985dd06\
                6d4346421d17bf5117a2a1ff0fcb2a759f58a539dfbe857a40bce4cf49ec600d",
        proof_random: "222a5e897cf59db8145db8d16e597e8facb80ae7d4e26d9881aa6f61d645fc0e",
        outputs: &["b58cfbe118e0cb94d79b5fd6a6dafb98764dff49c14e1770b566e42402da1a7d\
                    a4d8527693914139caee5bd03903af43a491351d23b430948dd50cde10d32b3c"],
    },
    Vector {
        inputs: &["5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a"],
        blinds: &["64d37aed22a27f5191de1c1d69fadb899d8862b58eb4220029e036ec4c1f6706"],
        blinded: &["cc0b2a350101881d8a4cba4c80241d74fb7dcbfde4a61fde2f91443c2bf9ef0c"],
        evaluated: &["60a59a57208d48aca71e9e850d22674b611f752bed48b36f7a91b372bd7ad468"],
        proof: "401a0da6264f8cf45bb2f5264bc31e109155600babb3cd4e5af7d181a2c9dc0a\
                67154fabf031fd936051dec80b0b6ae29c9503493dde7393b722eafdf5a50b02",
        proof_random: "222a5e897cf59db8145db8d16e597e8facb80ae7d4e26d9881aa6f61d645fc0e",
        outputs: &["8a9a2f3c7f085b65933594309041fc1898d42d0858e59f90814ae90571a6df60\
                    356f4610bf816f27afdd84f47719e480906d27ecd994985890e5f539e7ea74b6"],
    },
    Vector {
        inputs: &["00", "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a"],
        blinds: &[
            "64d37aed22a27f5191de1c1d69fadb899d8862b58eb4220029e036ec4c1f6706",
            "222a5e897cf59db8145db8d16e597e8facb80ae7d4e26d9881aa6f61d645fc0e",
        ],
        blinded: &[
            "863f330cc1a1259ed5a5998a23acfd37fb4351a793a5b3c090b642ddc439b945",
            "90a0145ea9da29254c3a56be4fe185465ebb3bf2a1801f7124bbbadac751e654",
        ],
        evaluated: &[
            "aa8fa048764d5623868679402ff6108d2521884fa138cd7f9c7669a9a014267e",
            "cc5ac221950a49ceaa73c8db41b82c20372a4c8d63e5dded2db920b7eee36a2a",
        ],
        proof: "cc203910175d786927eeb44ea847328047892ddf8590e723c37205cb74600b0a\
                5ab5337c8eb4ceae0494c2cf89529dcf94572ed267473d567aeed6ab873dee08",
        proof_random: "419c4f4f5052c53c45f3da494d2b67b220d02118e0857cdbcf037f9ea84bbe0c",
        outputs: &[
            "b58cfbe118e0cb94d79b5fd6a6dafb98764dff49c14e1770b566e42402da1a7d\
             a4d8527693914139caee5bd03903af43a491351d23b430948dd50cde10d32b3c",
            "8a9a2f3c7f085b65933594309041fc1898d42d0858e59f90814ae90571a6df60\
             356f4610bf816f27afdd84f47719e480906d27ecd994985890e5f539e7ea74b6",
        ],
    },
];

/// "Random" bytes of the vectors: one scalar, then zeros (a scalar is drawn from 64 bytes, reduced).
struct Given(Vec<u8>);

impl RngCore for Given {
    fn next_u32(&mut self) -> u32 {
        0
    }

    fn next_u64(&mut self) -> u64 {
        0
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        bytes.fill(0);
        let given = self.0.len().min(bytes.len());
        bytes[..given].copy_from_slice(&self.0[..given]);
        self.0.clear();
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

impl CryptoRng for Given {}

fn hex(text: &str) -> Vec<u8> {
    HEXLOWER.decode(text.as_bytes()).unwrap()
}

fn server() -> VoprfServer<Ristretto255> {
    VoprfServer::new_from_seed(&SEED, &hex(KEY_INFO)).unwrap()
}

#[test]
fn the_key_pair_is_the_rfcs() {
    assert_eq!(server().serialize().as_slice(), [hex(SECRET_KEY), hex(PUBLIC_KEY)].concat());
    assert_eq!(EvaluationKey::of_server(server()).public_key().to_bytes().to_vec(), hex(PUBLIC_KEY));
}

#[test]
fn blinding_evaluation_proof_and_output_are_the_rfcs() {
    for vector in &VECTORS {
        let inputs: Vec<Vec<u8>> = vector.inputs.iter().map(|input| hex(input)).collect();
        let mut clients = Vec::new();
        let mut sent = Vec::new();
        for ((input, blind), expected) in inputs.iter().zip(vector.blinds).zip(vector.blinded) {
            let blinded = VoprfClient::<Ristretto255>::blind(input, &mut Given(hex(blind))).unwrap();
            assert_eq!(blinded.message.serialize().as_slice(), hex(expected));
            // As `Query::client` makes it: from the scalar and the point that was sent.
            let scalar = Ristretto255::random_scalar(&mut Given(hex(blind)));
            let state = [Ristretto255::serialize_scalar(scalar).as_slice(), &hex(expected)].concat();
            assert_eq!(VoprfClient::<Ristretto255>::deserialize(&state).unwrap(), blinded.state);
            clients.push(blinded.state);
            sent.push(BlindedElement::<Ristretto255>::deserialize(&hex(expected)).unwrap());
        }
        let answer = server().batch_blind_evaluate(&mut Given(hex(vector.proof_random)), &sent).unwrap();
        for (message, expected) in answer.messages.iter().zip(vector.evaluated) {
            assert_eq!(message.serialize().as_slice(), hex(expected));
        }
        assert_eq!(answer.proof.serialize().as_slice(), hex(vector.proof));
        let proof = Proof::<Ristretto255>::deserialize(&hex(vector.proof)).unwrap();
        let key = Ristretto255::deserialize_elem(&hex(PUBLIC_KEY)).unwrap();
        let outputs = VoprfClient::batch_finalize(&inputs, &clients, &answer.messages, &proof, key).unwrap();
        for ((output, expected), input) in outputs.zip(vector.outputs).zip(&inputs) {
            assert_eq!(output.unwrap().as_slice(), hex(expected));
            // What the coordinator publishes is what a site finds.
            assert_eq!(server().evaluate(input).unwrap().as_slice(), hex(expected));
        }
    }
}

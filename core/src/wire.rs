//! Bytes on the wire: messages to bytes and back, one encoding for each message.
//!
//! Messages are encoded by postcard. Its decoder accepts padded numbers and ignores a rest, so
//! [`decode`] demands that nothing is left over and that the message, encoded again, is exactly
//! as long as what was decoded: every padded number makes it longer. What is signed is never
//! these bytes but the fixed-width fields of [`Statement`].

use crate::auth::{Digest, Scope, Signed, Signer, Statement};
use crate::node::Principal;
use core::fmt;
use postcard::ser_flavors::Flavor;
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

/// A byte string inside a message, borrowed from the frame.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Bytes<'a>(pub &'a [u8]);

impl fmt::Debug for Bytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Bytes<'_> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{} bytes", self.0.len());
    }
}

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Bytes<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrowed;
        impl<'de> de::Visitor<'de> for Borrowed {
            type Value = Bytes<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a byte string")
            }

            fn visit_borrowed_bytes<E: de::Error>(self, bytes: &'de [u8]) -> Result<Bytes<'de>, E> {
                Ok(Bytes(bytes))
            }
        }
        deserializer.deserialize_bytes(Borrowed)
    }
}

/// Reads bytes whose number is known, one after the other in a loop. What `serde` makes for an
/// array has a piece of code for each of its elements: a kilobyte for a digest.
pub(crate) fn array<'de, D: Deserializer<'de>, const N: usize>(
    deserializer: D,
) -> Result<[u8; N], D::Error> {
    struct Each<const N: usize>;
    impl<'de, const N: usize> de::Visitor<'de> for Each<N> {
        type Value = [u8; N];

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{N} bytes")
        }

        fn visit_seq<S: de::SeqAccess<'de>>(self, mut bytes: S) -> Result<[u8; N], S::Error> {
            let mut array = [0; N];
            for (at, byte) in array.iter_mut().enumerate() {
                let next = bytes.next_element()?;
                *byte = next.ok_or_else(|| de::Error::invalid_length(at, &self))?;
            }
            Ok(array)
        }
    }
    deserializer.deserialize_tuple(N, Each::<N>)
}

/// Reads two arrays, as [`array`] reads one.
pub(crate) fn halves<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<[[u8; 32]; 2], D::Error> {
    Ok(<[Digest; 2]>::deserialize(deserializer)?.map(|half| half.0))
}

/// Bytes that are not the encoding of any message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum DecodeError {
    /// Cut short, an unknown tag, or a number out of range.
    Malformed,
    /// Something follows the message.
    Trailing,
    /// A longer encoding of a message than the one that everybody uses.
    NotCanonical,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "the bytes are no message",
            Self::Trailing => "something follows the message",
            Self::NotCanonical => "a number in the message is padded",
        })
    }
}

impl core::error::Error for DecodeError {}

/// The buffer is too short for the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct EncodeError;

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the buffer is too short for the message")
    }
}

impl core::error::Error for EncodeError {}

/// Encodes a message to the front of `buffer` and returns what was written.
///
/// # Errors
/// The buffer is too short.
pub fn encode<'b, M: Serialize>(
    message: &M,
    buffer: &'b mut [u8],
) -> Result<&'b [u8], EncodeError> {
    let length = write(message, buffer);
    buffer.get(..length).ok_or(EncodeError)
}

/// How many bytes [`encode`] will write.
#[must_use]
pub fn encoded_len<M: Serialize>(message: &M) -> usize {
    write(message, &mut [])
}

/// How many bytes the length before so many bytes takes.
pub(crate) const fn length_bytes(bytes: u64) -> u64 {
    let (mut length, mut rest) = (1, bytes);
    while rest >= 128 {
        rest >>= 7;
        length += 1;
    }
    length
}

/// Writes as much of a message as there is room for, and returns how long all of it is;
/// `usize::MAX` for what does not encode. Writing and measuring are one function, so that there
/// is one copy of the code for each message.
fn write<M: Serialize>(message: &M, buffer: &mut [u8]) -> usize {
    let page = Page { buffer, length: 0 };
    postcard::serialize_with_flavor(message, page).unwrap_or(usize::MAX)
}

/// Where [`write`] writes.
struct Page<'b> {
    buffer: &'b mut [u8],
    length: usize,
}

impl Flavor for Page<'_> {
    type Output = usize;

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        let rest = self.buffer.get_mut(self.length..).unwrap_or_default();
        if let Some(room) = rest.get_mut(..bytes.len()) {
            room.copy_from_slice(bytes);
        }
        self.length = self.length.saturating_add(bytes.len());
        Ok(())
    }

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        if let Some(room) = self.buffer.get_mut(self.length) {
            *room = byte;
        }
        self.length = self.length.saturating_add(1);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<usize> {
        Ok(self.length)
    }
}

/// Decodes a message that fills `bytes` exactly and is encoded as [`encode`] would.
///
/// # Errors
/// The bytes are no message, or not all of them are, or they encode it in another way.
pub fn decode<'a, M: Serialize + Deserialize<'a>>(bytes: &'a [u8]) -> Result<M, DecodeError> {
    let (message, rest) =
        postcard::take_from_bytes::<M>(bytes).map_err(|_| DecodeError::Malformed)?;
    if !rest.is_empty() {
        return Err(DecodeError::Trailing);
    }
    if encoded_len(&message) != bytes.len() && !canary!("padded_numbers") {
        return Err(DecodeError::NotCanonical);
    }
    Ok(message)
}

/// Signs what `me` itself states in the message, and encodes it. Every message that leaves a
/// node goes through here.
///
/// # Errors
/// The buffer is too short.
pub fn seal<'b, M: Signed + Serialize, S: Signer>(
    message: M,
    me: Principal,
    scope: &Scope,
    signer: &S,
    buffer: &'b mut [u8],
) -> Result<&'b [u8], EncodeError> {
    message.seal(me, scope, signer, buffer)
}

/// Things encoded one after the other as one byte string, written without a buffer in between:
/// the encoding of [`Bytes`] that hold the same.
pub(crate) struct Packed<I>(pub(crate) I);

impl<I: Iterator<Item: Serialize> + Clone> Serialize for Packed<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let length = self.0.clone().map(|part| encoded_len(&part)).sum();
        let mut bytes = ByteSequence(serializer.serialize_seq(Some(length))?);
        for part in self.0.clone() {
            bytes = postcard::serialize_with_flavor(&part, bytes)
                .map_err(|_| ser::Error::custom("a part does not encode"))?;
        }
        bytes.0.end()
    }
}

/// Where [`Packed`] parts are written: a sequence of bytes.
struct ByteSequence<S>(S);

impl<S: SerializeSeq> Flavor for ByteSequence<S> {
    type Output = Self;

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.serialize_element(&byte).map_err(|_| postcard::Error::SerializeBufferFull)
    }

    fn finalize(self) -> postcard::Result<Self> {
        Ok(self)
    }
}

/// Adds a value to a statement as [`encode`] writes it, without its length and without a buffer
/// for it. A value that does not encode ends where it fails: it cannot be sent either.
pub(crate) fn absorb<T: Serialize>(statement: Statement, value: &T) -> Statement {
    let mut encoding = Encoding(statement);
    let _ = postcard::serialize_with_flavor(value, &mut encoding);
    encoding.0
}

/// Where [`absorb`] writes: into the statement.
struct Encoding(Statement);

impl Flavor for &mut Encoding {
    type Output = ();

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.absorb(bytes);
        Ok(())
    }

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.try_extend(&[byte])
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

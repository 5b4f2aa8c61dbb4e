//! The log: opened, appended to, rotated, read back.

use super::chain::{Chain, Grain};
use super::doubt::{Doubt, Watched};
use super::error::FlashError;
use super::item::{HEAD, Item, Kind, ROOM};
use super::size::chunk;
use crate::ledger::{Journal, Kept};
use crate::recall::{Recall, Visit};
use core::fmt;
use core::ops::Range;
use embedded_storage_async::nor_flash::NorFlash;
use quorate::{Digest, Principal, wire};
use sequential_storage::cache::{Cache, CacheImpl};
use sequential_storage::queue::{QueueConfig, QueueStorage};
use serde::Serialize;

/// Whose log it is: a log of somebody else is never taken for one's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Owner {
    /// The cluster.
    pub cluster: Digest,
    /// Its epoch: what was said in another one binds nobody in this.
    pub epoch: u32,
    /// The member of it.
    pub me: Principal,
}

/// The version of the format.
const VERSION: u8 = 2;

/// Bytes of an owner.
const OWNER: usize = 32 + 3 + 1 + 4;

impl Owner {
    fn to_bytes(self) -> [u8; OWNER] {
        let mut bytes = [VERSION; OWNER];
        let (cluster, rest) = bytes.split_at_mut(32);
        cluster.copy_from_slice(&self.cluster.0);
        let (me, rest) = rest.split_at_mut(3);
        me.copy_from_slice(&self.me.to_bytes());
        let (_, epoch) = rest.split_at_mut(1);
        epoch.copy_from_slice(&self.epoch.to_le_bytes());
        bytes
    }
}

/// Bytes at an address that the most particular flash writes from.
#[repr(align(4))]
struct Aligned([u8; ROOM]);

/// The journal of a replica in a region of a flash, whose records have up to `R` bytes: the
/// [message bytes](quorate::pbft::Dimensions::message_bytes) of the cluster are enough.
///
/// [`flash_bytes`](super::flash_bytes) tells how large the region has to be, so that whatever the
/// others do there is room. The log is rotated when a checkpoint has become stable and a half is
/// half full, and in any case when it is three quarters full: views that fail one after the other
/// write to it too, and so does each start. One that is full nevertheless can be opened, and is
/// rotated before anything else is written.
pub struct FlashLog<F, const R: usize> {
    flash: F,
    region: Range<u32>,
    owner: Owner,
    item: Aligned,
    record: [u8; R],
    /// The half that counts: 0 or 1.
    half: u32,
    chain: Chain,
    /// Whether there was no room for the mark of this start.
    full: bool,
}

impl<F: NorFlash, const R: usize> FlashLog<F, R> {
    /// What items take on this flash.
    const GRAIN: Grain = {
        let word = if F::WRITE_SIZE > F::READ_SIZE { F::WRITE_SIZE } else { F::READ_SIZE };
        Grain { page: F::ERASE_SIZE.saturating_sub(2 * word), word }
    };

    /// Opens the log in a region of a flash, or makes one if the region was never used. A blocking
    /// flash goes into a [`Blocking`](super::Blocking).
    ///
    /// # Errors
    /// What is wrong with the flash, the region, or the log in it.
    pub async fn open(
        flash: F,
        region: Range<u32>,
        owner: Owner,
    ) -> Result<Self, FlashError<F::Error>> {
        let (item, record) = (Aligned([0; ROOM]), [0; R]);
        let (half, chain) = (0, Chain::default());
        let mut log = Self { flash, region, owner, item, record, half, chain, full: false };
        log.check_region()?;
        let halves = [log.scan(0).await?, log.scan(1).await?];
        match choose(halves)? {
            Some((half, chain)) if chain.foreign => {
                (log.half, log.chain) = (half, chain);
                Err(FlashError::OtherOwner)
            }
            Some((half, chain)) => {
                (log.half, log.chain) = (half, chain);
                log.look().await?;
                match log.put(Kind::Opened, [&[], &[], &[]]).await {
                    // Nothing else fits in either: what follows is in the next generation.
                    Err(FlashError::Full) => log.full = true,
                    done => done?,
                }
                Ok(log)
            }
            None => {
                // The first generation goes into the first half.
                log.half = 1;
                log.begin().await?;
                log.put(Kind::Whole, [&[], &[], &[]]).await?;
                Ok(log)
            }
        }
    }

    /// Gives the flash back.
    pub fn into_flash(self) -> F {
        self.flash
    }

    fn check_region(&self) -> Result<(), FlashError<F::Error>> {
        let Range { start, end } = self.region;
        let size = end.checked_sub(start).filter(|size| size.is_multiple_of(2));
        let halves = size.map(|size| [start..start + size / 2, start + size / 2..end]);
        for half in halves.ok_or(FlashError::Region)? {
            QueueConfig::<&mut F>::try_new(half).map_err(|_| FlashError::Region)?;
        }
        let word = F::WRITE_SIZE.max(F::READ_SIZE);
        let least = HEAD + self.owner.to_bytes().len() + 8usize.next_multiple_of(word) + 2 * word;
        if F::ERASE_SIZE < least + word { Err(FlashError::Region) } else { Ok(()) }
    }

    /// Looks how much room there really is: what was cut short takes some too.
    async fn look(&mut self) -> Result<(), FlashError<F::Error>> {
        let Self { flash, region, half, .. } = self;
        let doubt = Doubt::default();
        let left = Self::queue(flash, &doubt, region, *half)?.space_left().await?;
        let used = self.room().saturating_sub(left);
        self.chain.bytes = self.chain.bytes.max(used);
        Ok(())
    }

    /// Bytes for items in a half.
    fn room(&self) -> u32 {
        let pages = self.half_bytes() as usize / F::ERASE_SIZE;
        u32::try_from(pages * Self::GRAIN.page).unwrap_or(u32::MAX)
    }

    /// Bytes of a half.
    fn half_bytes(&self) -> u32 {
        (self.region.end - self.region.start) / 2
    }

    #[allow(clippy::type_complexity, reason = "the queue does not name its cache")]
    fn queue<'f>(
        flash: &'f mut F,
        doubt: &'f Doubt,
        region: &Range<u32>,
        half: u32,
    ) -> Result<QueueStorage<Watched<'f, F>, impl CacheImpl<()> + use<F, R>>, FlashError<F::Error>>
    {
        let size = (region.end - region.start) / 2;
        let start = region.start + half * size;
        let config = QueueConfig::try_new(start..start + size).map_err(|_| FlashError::Region)?;
        Ok(QueueStorage::new(Watched { flash, doubt }, config, Cache::new_uncached()))
    }

    /// Reads a half, and hands its items out. Says whether something was spoiled that no loss of
    /// power can have cut short.
    async fn walk(
        &mut self,
        half: u32,
        mut take: impl FnMut(&Item, &[u8], &mut [u8]) -> Result<(), FlashError<F::Error>>,
    ) -> Result<bool, FlashError<F::Error>> {
        let Self { flash, region, item: room, record, .. } = self;
        let doubt = Doubt::default();
        let mut queue = Self::queue(flash, &doubt, region, half)?;
        let mut items = queue.iter().await?;
        while let Some(entry) = items.next(&mut room.0).await? {
            doubt.clear();
            match Item::parse(&entry) {
                Some((item, body)) => take(&item, body, record)?,
                None => return Err(FlashError::Damaged("an item that is none")),
            }
        }
        Ok(doubt.is_certain())
    }

    async fn scan(&mut self, half: u32) -> Result<Chain, FlashError<F::Error>> {
        let (owner, mut chain) = (self.owner.to_bytes(), Chain::default());
        let take = |item: &Item, body: &[u8], _: &mut [u8]| {
            chain.take(item, body, &owner, Self::GRAIN);
            Ok(())
        };
        let spoiled = self.walk(half, take).await?;
        chain.damage = chain.damage.or(spoiled.then_some("records that nothing cut short"));
        Ok(chain)
    }

    /// Appends a thing, in as many items as it takes.
    async fn put(&mut self, kind: Kind, parts: [&[u8]; 3]) -> Result<(), FlashError<F::Error>> {
        let Self { flash, region, item, chain, half, .. } = self;
        append(flash, region, (*half, chain), &mut item.0, kind, parts).await
    }

    /// Begins the next generation in the other half.
    async fn begin(&mut self) -> Result<(), FlashError<F::Error>> {
        let half = 1 - self.half;
        let size = self.half_bytes();
        let start = self.region.start + half * size;
        let erased = self.flash.erase(start, start + size).await;
        erased.map_err(FlashError::Flash)?;
        let before = self.chain.generation;
        let generation = before.checked_add(1).ok_or(FlashError::Full)?;
        self.half = half;
        (self.chain, self.full) = (Chain::begin(generation), false);
        let owner = self.owner.to_bytes();
        self.put(Kind::Begin, [&owner, &[], &[]]).await
    }

    async fn write_record<T: Serialize>(&mut self, record: &T) -> Result<(), FlashError<F::Error>> {
        let Self { flash, region, item, chain, half, record: room, .. } = self;
        let body = wire::encode(record, room).map_err(|_| FlashError::TooLong)?;
        append(flash, region, (*half, chain), &mut item.0, Kind::Record, [body, &[], &[]]).await
    }

    async fn write_checkpoint(&mut self, kept: Kept<'_>) -> Result<(), FlashError<F::Error>> {
        let head = kept.head();
        self.put(Kind::Checkpoint, [&head, kept.clients, kept.state]).await
    }
}

/// The half that counts: the one of the highest generation that is whole. `None`: both are new.
fn choose<E>(halves: [Chain; 2]) -> Result<Option<(u32, Chain)>, FlashError<E>> {
    let [first, second] = halves;
    let (newer, older) = if first.generation >= second.generation {
        ((0, first), (1, second))
    } else {
        ((1, second), (0, first))
    };
    let sound = |(half, chain): (u32, Chain)| match chain.damage {
        Some(what) => Err(FlashError::Damaged(what)),
        None => Ok(Some((half, chain)).filter(|_| chain.whole)),
    };
    if let Some(newer) = sound(newer)? {
        return Ok(Some(newer));
    }
    // The power went while it was written: what was before counts.
    match newer.1.generation {
        0 | 1 if older.1.generation == 0 => Ok(None),
        generation if older.1.generation + 1 == generation => {
            let lost = FlashError::Damaged("no generation is whole");
            sound(older)?.ok_or(lost).map(Some)
        }
        _ => Err(FlashError::Damaged("the generation before the last is missing")),
    }
}

/// Appends a thing to a half, in as many items as it takes.
async fn append<F: NorFlash, const P: usize>(
    flash: &mut F,
    region: &Range<u32>,
    (half, chain): (u32, &mut Chain),
    room: &mut [u8; ROOM],
    kind: Kind,
    parts: [&[u8]; P],
) -> Result<(), FlashError<F::Error>> {
    let chunk = chunk(F::ERASE_SIZE, F::WRITE_SIZE.max(F::READ_SIZE));
    let mut left: usize = parts.iter().map(|part| part.len()).sum();
    let mut bytes = parts.iter().flat_map(|part| part.iter());
    let doubt = Doubt::default();
    let mut queue = FlashLog::<F, 0>::queue(flash, &doubt, region, half)?;
    for place in 0..=u16::MAX {
        let length = left.min(chunk);
        left -= length;
        let (number, generation) = (chain.number, chain.generation);
        let item = Item { number, generation, kind, more: left > 0, place };
        let Some((head, body)) = room.split_first_chunk_mut::<HEAD>() else { break };
        *head = item.to_bytes();
        for (place, byte) in body.iter_mut().zip(bytes.by_ref().take(length)) {
            *place = *byte;
        }
        let whole = room.get(..HEAD + length).ok_or(FlashError::TooLong)?;
        queue.push(whole, false).await?;
        chain.number = number.checked_add(1).ok_or(FlashError::Full)?;
        chain.count(length, FlashLog::<F, 0>::GRAIN);
        if left == 0 {
            chain.mark(kind);
            return Ok(());
        }
    }
    Err(FlashError::TooLong)
}

impl<F: NorFlash, const R: usize> Journal for FlashLog<F, R> {
    type Error = FlashError<F::Error>;

    async fn append<T: Serialize>(&mut self, record: &T) -> Result<(), Self::Error> {
        self.write_record(record).await
    }

    async fn keep(&mut self, checkpoint: Kept<'_>) -> Result<(), Self::Error> {
        self.write_checkpoint(checkpoint).await
    }

    fn is_long(&self) -> bool {
        self.full || self.chain.bytes > self.room() / 2
    }

    fn is_nearly_full(&self) -> bool {
        // What was carried over is no reason to carry it over again: that would wear out the flash.
        let (room, Chain { bytes, carried, .. }) = (self.room(), self.chain);
        self.full || (bytes > room / 4 * 3 && bytes.saturating_sub(carried) > room / 8)
    }

    async fn rotate<'k, T: Serialize>(
        &mut self,
        checkpoints: impl Iterator<Item = Kept<'k>>,
        records: impl Iterator<Item = T>,
    ) -> Result<(), Self::Error> {
        self.begin().await?;
        for checkpoint in checkpoints {
            self.write_checkpoint(checkpoint).await?;
        }
        for record in records {
            self.write_record(&record).await?;
        }
        self.put(Kind::Whole, [&[], &[], &[]]).await
    }
}

impl<F: NorFlash, const R: usize> Recall for FlashLog<F, R> {
    fn is_empty(&self) -> bool {
        !self.chain.is_used
    }

    async fn recall<V: Visit>(
        &mut self,
        visit: &mut V,
    ) -> Result<Result<(), V::Error>, Self::Error> {
        let (mut at, mut refused) = (0, None);
        self.walk(self.half, |item, body, record| {
            if item.place == 0 {
                at = 0;
            }
            let last = !item.more;
            let visited = match item.kind {
                _ if refused.is_some() => Ok(()),
                Kind::Checkpoint => visit.checkpoint(at, body, last),
                Kind::Record => {
                    let end = at + body.len();
                    record.get_mut(at..end).ok_or(FlashError::TooLong)?.copy_from_slice(body);
                    let whole = record.get(..end).filter(|_| last);
                    whole.map_or(Ok(()), |record| visit.record(record))
                }
                Kind::Begin | Kind::Whole | Kind::Opened => Ok(()),
            };
            at += body.len();
            refused = refused.take().or(visited.err());
            Ok(())
        })
        .await?;
        Ok(refused.map_or(Ok(()), Err))
    }
}

impl<F, const R: usize> fmt::Debug for FlashLog<F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlashLog")
            .field("half", &self.half)
            .field("generation", &self.chain.generation)
            .field("items", &self.chain.number)
            .field("bytes", &self.chain.bytes)
            .finish_non_exhaustive()
    }
}

#[cfg(feature = "defmt")]
impl<F, const R: usize> defmt::Format for FlashLog<F, R> {
    fn format(&self, f: defmt::Formatter<'_>) {
        let Chain { generation, number, bytes, .. } = self.chain;
        defmt::write!(f, "FlashLog({}: {} items, {} bytes)", generation, number, bytes);
    }
}

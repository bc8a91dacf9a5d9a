//! Plays a file: 20 ms each 20 ms by the machine's clock, encoded and handed out.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::file::{FileError, SoundFile};
use crate::codec::Encoder;
use crate::{FRAME_MS, FRAME_SAMPLES, Packet};

/// What was missed for longer is left out: the machine slept.
const MISSED_MAX: u64 = 50;

/// Takes each packet. On the player's thread: must not wait.
pub type Hand = Box<dyn FnMut(&Packet) + Send>;

/// How far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Whether it plays; not at the end.
    pub playing: bool,
    /// What is handed out next.
    pub position_ms: u64,
    /// Why it cannot go on.
    pub problem: Option<String>,
}

#[derive(Debug)]
struct Shared {
    progress: Progress,
    seek_ms: Option<u64>,
    stopped: bool,
}

/// See the module. Ends when it is dropped.
#[derive(Debug)]
pub struct Player {
    shared: Arc<Mutex<Shared>>,
}

impl Player {
    /// Begins to play. Frames are numbered from `epoch` on, also while nothing is handed out.
    ///
    /// # Errors
    /// The system gave no thread.
    pub fn start(file: SoundFile, encoder: Encoder, epoch: Instant, hand: Hand) -> std::io::Result<Self> {
        let progress = Progress { playing: true, position_ms: 0, problem: None };
        let shared = Arc::new(Mutex::new(Shared { progress, seek_ms: None, stopped: false }));
        let of_thread = Arc::clone(&shared);
        let playing = Playing { file, encoder, hand, sequence: 0, shared: of_thread };
        let thread = std::thread::Builder::new().name("listening".to_owned());
        thread.spawn(move || playing.run(epoch))?;
        Ok(Self { shared })
    }

    /// Plays or pauses. At the end playing begins anew.
    pub fn set_playing(&self, playing: bool) {
        locked(&self.shared).progress.playing = playing;
    }

    /// Goes on from another moment.
    pub fn seek(&self, position_ms: u64) {
        let mut shared = locked(&self.shared);
        shared.seek_ms = Some(position_ms);
        shared.progress.position_ms = position_ms;
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        locked(&self.shared).progress.clone()
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        // The thread is not waited for: it may be reading.
        locked(&self.shared).stopped = true;
    }
}

struct Playing {
    file: SoundFile,
    encoder: Encoder,
    hand: Hand,
    sequence: u16,
    shared: Arc<Mutex<Shared>>,
}

impl Playing {
    fn run(mut self, epoch: Instant) {
        let frames_since = |at: Instant| u64::try_from(at.duration_since(epoch).as_millis()).unwrap_or(0) / FRAME_MS;
        let mut frame = frames_since(Instant::now()) + 1;
        let mut at_end = false;
        loop {
            let due = epoch + Duration::from_millis(frame * FRAME_MS);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let (seek_ms, playing) = {
                let mut shared = locked(&self.shared);
                if shared.stopped {
                    return;
                }
                let playing = shared.progress.playing;
                if playing && at_end && shared.seek_ms.is_none() {
                    (shared.seek_ms, shared.progress.position_ms) = (Some(0), 0);
                }
                (shared.seek_ms.take(), playing)
            };
            let step = self.step(seek_ms, playing, frame);
            let mut shared = locked(&self.shared);
            match step {
                Ok(Some(true)) => {
                    at_end = false;
                    if shared.seek_ms.is_none() {
                        shared.progress.position_ms += FRAME_MS;
                    }
                }
                // Meanwhile it was sought: it goes on from there.
                Ok(Some(false)) if shared.seek_ms.is_some() => at_end = false,
                Ok(Some(false)) => {
                    at_end = true;
                    shared.progress.playing = false;
                    if let Some(length_ms) = self.file.length_ms() {
                        shared.progress.position_ms = length_ms;
                    }
                }
                Ok(None) => at_end &= seek_ms.is_none(),
                Err(error) => {
                    shared.progress.playing = false;
                    shared.progress.problem = Some(error.to_string());
                    return;
                }
            }
            drop(shared);
            let now = frames_since(Instant::now());
            frame = if now > frame + MISSED_MAX { now } else { frame + 1 };
        }
    }

    /// Whether a frame was handed out, or it is the end; `None` while it is not to play.
    fn step(&mut self, seek_ms: Option<u64>, playing: bool, frame: u64) -> Result<Option<bool>, FileError> {
        if let Some(position_ms) = seek_ms {
            self.file.seek(position_ms)?;
        }
        if !playing {
            return Ok(None);
        }
        let Some(sound) = self.file.next_frame()? else { return Ok(Some(false)) };
        match self.encoder.encode(&sound) {
            Ok(Some(payload)) => {
                #[expect(clippy::cast_possible_truncation, reason = "timestamps wrap")]
                let timestamp = frame.wrapping_mul(FRAME_SAMPLES as u64) as u32;
                (self.hand)(&Packet { sequence: self.sequence, timestamp, payload });
                self.sequence = self.sequence.wrapping_add(1);
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "a frame of a file was not encoded"),
        }
        Ok(Some(true))
    }
}

fn locked(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};

    use super::*;
    use crate::codec::Decoder;
    use crate::level::correlation;
    use crate::listening::file::tests::{speech, wav};

    const WITHIN: Duration = Duration::from_secs(30);

    fn play(folder: &Path, said: &[f32]) -> (Player, Receiver<Packet>) {
        let path = folder.join("Spoken.wav");
        std::fs::write(&path, wav(48_000, 1, said)).unwrap();
        let (send, packets) = channel();
        let hand: Hand = Box::new(move |packet| drop(send.send(packet.clone())));
        let file = SoundFile::open(&path).unwrap();
        (Player::start(file, Encoder::music().unwrap(), Instant::now(), hand).unwrap(), packets)
    }

    fn next(packets: &Receiver<Packet>) -> Packet {
        packets.recv_timeout(WITHIN).expect("it plays")
    }

    fn wait_end(player: &Player, length_ms: u64) {
        let begun = Instant::now();
        while player.progress() != (Progress { playing: false, position_ms: length_ms, problem: None }) {
            assert!(begun.elapsed() < WITHIN, "{:?}", player.progress());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn heard(packets: &[Packet]) -> Vec<f32> {
        let mut decoder = Decoder::new().unwrap();
        packets.iter().flat_map(|packet| decoder.decode(&packet.payload).unwrap()).collect()
    }

    #[test]
    fn a_file_is_played_in_order_to_its_end_and_then_anew() {
        let folder = tempfile::tempdir().unwrap();
        let said = speech(1);
        let (player, packets) = play(folder.path(), &said);
        let mut all: Vec<Packet> = (0..50).map(|_| next(&packets)).collect();
        wait_end(&player, 1_000);
        player.set_playing(true);
        all.extend((0..50).map(|_| next(&packets)));
        wait_end(&player, 1_000);
        assert!(packets.try_recv().is_err(), "more than twice the file");

        let sequences: Vec<u16> = all.iter().map(|packet| packet.sequence).collect();
        assert_eq!(sequences, (0..100).collect::<Vec<u16>>());
        assert!(all.is_sorted_by(|one, other| one.timestamp < other.timestamp));
        assert!(all.iter().all(|packet| packet.timestamp.is_multiple_of(FRAME_SAMPLES as u32)));
        for (time, packets) in all.chunks(50).enumerate() {
            let (alike, _) = correlation(&said[..24_000], &heard(packets), 1_920);
            assert!(alike > 0.9, "{alike} alike, time {time}");
        }
    }

    #[test]
    fn a_jump_while_it_pauses_is_where_it_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let said = speech(40);
        let (player, packets) = play(folder.path(), &said);
        let mut all = vec![next(&packets)];
        player.set_playing(false);
        player.seek(39_000);
        assert_eq!(player.progress(), Progress { playing: false, position_ms: 39_000, problem: None });
        player.set_playing(true);
        wait_end(&player, 40_000);
        all.extend(packets.try_iter());
        assert!(all.len() < 1_950, "{} frames: it did not jump", all.len());
        let last = all.split_off(all.len() - 50);
        let (alike, _) = correlation(&said[39 * 48_000..39 * 48_000 + 24_000], &heard(&last), 1_920);
        assert!(alike > 0.9, "{alike} alike");

        // It lets go of the file and of whom it hands to.
        drop(player);
        assert_eq!(packets.recv_timeout(WITHIN).err(), Some(RecvTimeoutError::Disconnected));
    }
}

//! Devices that are tried out before a call, and what is chosen of them, which this machine keeps.

use momoland_media::devices;
use momoland_media::trial::Trial;
use momoland_store::kv::Batch;

use super::{Home, refusal};
use crate::account::record::{MediaRecord, Records};
use crate::api::error::{ApiError, ErrorKind};
use crate::api::events::Event;
use crate::api::types::{CallSound, TestCallParams};
use crate::calls::{Refusal, Tile};

/// How loud it is is told this often, milliseconds.
const TELL_EVERY_MS: u64 = 100;
/// Nobody asked for so long: whoever did is gone, and the microphone must not stay open, milliseconds.
const ENDS_AFTER_MS: u64 = 10_000;

/// A trial under way.
#[derive(Debug)]
pub(super) struct Trying {
    trial: Trial,
    pub(super) camera: bool,
    asked_ms: u64,
    told_ms: u64,
}

impl Trying {
    /// When there is something to do.
    pub(super) fn next_ms(&self) -> u64 {
        (self.told_ms + TELL_EVERY_MS).min(self.asked_ms + ENDS_AFTER_MS)
    }
}

impl Home {
    /// Begins to try the devices out, goes on, or ends it.
    pub(crate) fn try_devices(&mut self, params: &TestCallParams) -> Result<(), ApiError> {
        if !params.on {
            self.end_trial();
            return Ok(());
        }
        if self.calling.calls.current().is_some() {
            return Err(ApiError::new(
                ErrorKind::Conflict,
                "You are in a call, which has the devices. Leave it to try them out.",
            ));
        }
        let now_ms = self.mono_ms();
        let trying = match &mut self.calling.trying {
            Some(trying) => trying,
            None => {
                let (choice, processing) = (self.calling.choice.clone(), self.calling.processing);
                let trial = Trial::start(devices::from_environment(), choice, processing);
                let trial = trial.map_err(|error| ApiError::new(ErrorKind::Internal, error.to_string()))?;
                self.calling.trying.insert(Trying { trial, camera: false, asked_ms: now_ms, told_ms: now_ms })
            }
        };
        trying.asked_ms = now_ms;
        trying.camera = params.camera.unwrap_or(trying.camera);
        if params.sound == Some(true) {
            trying.trial.play_sound();
        }
        self.pictures_follow();
        Ok(())
    }

    /// Ends a trial, if one is under way.
    pub(super) fn end_trial(&mut self) {
        if self.calling.trying.take().is_some() {
            self.pictures_follow();
            self.tell(Event::CallTest { level: 0.0, speaking: false, sound: None, picture: None });
        }
    }

    pub(super) fn view_trial(&self, front: u64, tiles: Vec<Tile>) -> Result<u32, ApiError> {
        self.calling.trying.as_ref().filter(|it| it.camera).ok_or_else(|| refusal(Refusal::NoSuchCall))?;
        let look = self.calling.pictures.gallery.look(front, tiles);
        look.ok_or_else(|| ApiError::invalid("This front is closed, and shows nothing."))
    }

    /// Tells how loud it is, when it is time, and ends what nobody asks for any more.
    pub(super) fn look_at_trial(&mut self, now_ms: u64) {
        let Some(trying) = &mut self.calling.trying else { return };
        if trying.asked_ms + ENDS_AFTER_MS <= now_ms {
            tracing::info!("nobody tries the devices out any more");
            self.end_trial();
            return;
        }
        if trying.told_ms + TELL_EVERY_MS > now_ms {
            return;
        }
        trying.told_ms = now_ms;
        let (level, speaking) = trying.trial.level();
        let in_use = trying.trial.in_use();
        let problem = in_use.problem.map(|problem| problem.to_string());
        let sound = CallSound { microphone: in_use.microphone, speakers: in_use.speakers, problem };
        let picture = if trying.camera { self.calling.pictures.own() } else { None };
        self.tell(Event::CallTest { level, speaking, sound: Some(sound), picture });
    }

    /// What this machine keeps of what was chosen.
    pub(super) fn chosen_media(&self) -> MediaRecord {
        MediaRecord {
            microphone: self.calling.choice.microphone.clone(),
            speakers: self.calling.choice.speakers.clone(),
            camera: self.calling.pictures.chosen_camera.clone(),
            unprocessed: !self.calling.processing,
        }
    }

    /// Uses, and keeps, what was chosen since `before`.
    pub(super) fn devices_chosen(&mut self, before: &MediaRecord) {
        if let Some(sound) = &self.calling.sound {
            sound.conference.choose(self.calling.choice.clone());
            sound.conference.set_processing(self.calling.processing);
        }
        if let Some(trying) = &self.calling.trying {
            trying.trial.choose(self.calling.choice.clone());
            trying.trial.set_processing(self.calling.processing);
        }
        let chosen = self.chosen_media();
        if chosen != *before {
            let mut batch = Batch::new();
            Records::put_media(&mut batch, &chosen);
            self.persistence.write(batch);
        }
    }
}

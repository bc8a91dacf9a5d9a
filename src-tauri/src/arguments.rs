//! The command line: which data folder, and where the window goes.

use std::path::PathBuf;

use clap::Parser;

use crate::links::Link;
use crate::window::Geometry;

/// Momoland: chat, documents and calls that your computers carry between them.
#[derive(Debug, Parser)]
#[command(
    name = "momoland",
    version,
    after_help = "MOMOLAND_LOG chooses what is logged to stderr, e.g. MOMOLAND_LOG=info."
)]
pub(crate) struct Arguments {
    /// Keep everything in DIR, which one process has at a time [default: the application data folder of this system]
    #[arg(long = "data", value_name = "DIR", env = "MOMOLAND_DATA_DIR")]
    pub(crate) data_dir: Option<PathBuf>,

    /// Size of the window and its place on the screen [default: as last left]
    #[arg(long, value_name = "WxH[+X+Y]")]
    pub(crate) geometry: Option<Geometry>,

    /// Go to this place: momoland://room/ROOM, momoland://room/ROOM/MESSAGE or momoland://join/INVITE. It is opened in the window that is there, or once somebody has signed in
    #[arg(value_name = "LINK")]
    pub(crate) link: Option<Link>,

    /// Show this sentence in a dialog and do nothing else: how a process that has to end at once leaves a message
    #[arg(long, value_name = "SENTENCE", hide = true)]
    pub(crate) explain: Option<String>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_folder_and_a_place_can_be_chosen() {
        let arguments =
            Arguments::try_parse_from(["momoland", "--data", "here", "--geometry", "800x600+10-20"]).unwrap();
        assert_eq!(arguments.data_dir, Some(PathBuf::from("here")));
        assert_eq!(arguments.geometry.unwrap().to_string(), "800x600+10-20");
    }

    #[test]
    fn what_is_not_understood_is_refused_with_a_sentence() {
        let refusal = Arguments::try_parse_from(["momoland", "--geometry", "wide"]).unwrap_err().to_string();
        assert!(refusal.contains("wide is not a window geometry"), "{refusal}");
        assert!(Arguments::try_parse_from(["momoland", "--dtaa", "here"]).is_err());
        assert!(Arguments::try_parse_from(["momoland", "--data", ""]).is_err());
        let refusal = Arguments::try_parse_from(["momoland", "javascript:alert(1)"]).unwrap_err().to_string();
        assert!(refusal.contains("not a link to a place in Momoland"), "{refusal}");
    }
}

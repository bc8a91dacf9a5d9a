//! `momo rpc`: JSON-RPC over standard input and output, one object a line.
//!
//! Standard input and output are blocking files, so each has a thread of its own, joined to the conversation by a
//! bounded channel: input that is not taken and output that is not read both stop their side, and nothing piles up.
//!
//! Not here: requests, answers, events (`conversation`).

use std::io::{BufRead, BufReader, Read as _};
use std::time::Duration;

use momoland_engine::Engine;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::conversation::{self, Incoming, OUTGOING_MAX, REQUEST_BYTES_MAX};

/// Lines read ahead of the conversation. At the limit reading stops and the writer of our input waits.
const INCOMING_MAX: usize = 16;

/// How long the last lines may take to leave, once the conversation is over. A reader that stopped would hold the
/// process for ever.
const LAST_LINES_WAIT_MAX: Duration = Duration::from_secs(2);

/// Serves until input ends, output closes, or `stop` is cancelled.
pub(crate) async fn serve(engine: &Engine, stop: &CancellationToken) {
    let (incoming_sender, incoming) = mpsc::channel(INCOMING_MAX);
    let (outgoing, outgoing_receiver) = mpsc::channel(OUTGOING_MAX);
    let (written_sender, written) = oneshot::channel::<()>();
    // Both threads end with the process at the latest: a blocking read of standard input cannot be interrupted.
    std::thread::spawn(move || read_lines(std::io::stdin().lock(), &incoming_sender));
    std::thread::spawn(move || {
        if let Err(error) = write_lines(std::io::stdout().lock(), outgoing_receiver) {
            tracing::info!(%error, "standard output is closed");
        }
        // Nobody waits for it after a signal.
        let _ = written_sender.send(());
    });
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        ended = conversation::converse(engine, incoming, outgoing) => tracing::info!(?ended, "the conversation is over"),
    }
    // The conversation is dropped, so the writer's channel is closed: what was said still leaves.
    let _ = tokio::time::timeout(LAST_LINES_WAIT_MAX, written).await;
}

/// Hands each line of `input` to the conversation, until either ends. Holds at most one line of the longest length.
fn read_lines(input: impl std::io::Read, lines: &mpsc::Sender<Incoming>) {
    let mut input = BufReader::new(input);
    loop {
        let mut line = Vec::new();
        // One byte more than the longest request tells a long line from one that just fits.
        match input.by_ref().take(REQUEST_BYTES_MAX as u64 + 1).read_until(b'\n', &mut line) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "standard input cannot be read");
                return;
            }
        }
        let ended = line.ends_with(b"\n");
        while line.last().is_some_and(u8::is_ascii_whitespace) {
            line.pop();
        }
        let incoming = if !ended && line.len() > REQUEST_BYTES_MAX {
            if skip_line(&mut input).is_err() {
                return;
            }
            Incoming::TooLong
        } else if line.is_empty() {
            continue;
        } else {
            String::from_utf8(line).map_or(Incoming::NotText, Incoming::Text)
        };
        if lines.blocking_send(incoming).is_err() {
            return;
        }
    }
}

/// Passes over the rest of a line without keeping it.
fn skip_line(input: &mut impl BufRead) -> std::io::Result<()> {
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        if let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
            input.consume(end + 1);
            return Ok(());
        }
        let length = buffer.len();
        input.consume(length);
    }
}

/// Writes each text as a line; flushes when there is no more for now.
fn write_lines(mut output: impl std::io::Write, mut texts: mpsc::Receiver<String>) -> std::io::Result<()> {
    while let Some(text) = texts.blocking_recv() {
        let mut next = Some(text);
        while let Some(text) = next {
            output.write_all(text.as_bytes())?;
            output.write_all(b"\n")?;
            next = texts.try_recv().ok();
        }
        output.flush()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(input: &[u8]) -> Vec<String> {
        let (sender, mut receiver) = mpsc::channel(64);
        read_lines(input, &sender);
        drop(sender);
        let mut lines = Vec::new();
        while let Some(incoming) = receiver.blocking_recv() {
            lines.push(match incoming {
                Incoming::Text(text) if text.len() > 40 => format!("{} bytes", text.len()),
                Incoming::Text(text) => text,
                Incoming::TooLong => "too long".to_owned(),
                Incoming::NotText => "not text".to_owned(),
            });
        }
        lines
    }

    #[test]
    fn each_line_is_one_text_and_empty_ones_are_passed_over() {
        assert_eq!(lines_of(b"{}\r\n\n  \nnull\n[]"), ["{}", "null", "[]"]);
    }

    #[test]
    fn bytes_that_are_not_utf8_cost_one_line() {
        assert_eq!(lines_of(b"\xff\xfe\n{}\n"), ["not text", "{}"]);
    }

    #[test]
    fn the_longest_line_passes_and_one_byte_more_is_refused_without_harm_to_the_next() {
        let mut input = vec![b'1'; REQUEST_BYTES_MAX];
        input.extend(b"\n");
        input.extend(vec![b'2'; REQUEST_BYTES_MAX + 1]);
        input.extend(b"\n{}\n");
        input.extend(vec![b'3'; 3 * REQUEST_BYTES_MAX]);
        assert_eq!(lines_of(&input), [format!("{REQUEST_BYTES_MAX} bytes").as_str(), "too long", "{}", "too long"]);
    }

    #[test]
    fn lines_leave_in_order_and_the_writer_ends_with_its_channel() {
        let (sender, receiver) = mpsc::channel(4);
        for text in ["1", "2", "3"] {
            sender.blocking_send(text.to_owned()).expect("the channel has room");
        }
        drop(sender);
        let mut output = Vec::new();
        write_lines(&mut output, receiver).expect("a vector can be written");
        assert_eq!(output, b"1\n2\n3\n");
    }
}

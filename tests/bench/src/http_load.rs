//! HTTP requests in a closed loop: each connection asks again as soon as it was answered.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const READ_BYTES: usize = 256 * 1024;

/// Answers a second at a path, to so many connections, each of which must be 200 and have the same length.
pub(crate) async fn requests_per_second(port: u16, path: &str, connections: usize, during: Duration) -> f64 {
    let begun = Instant::now();
    let until = begun + during;
    let mut asking = JoinSet::new();
    for _ in 0..connections {
        let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n");
        asking.spawn(async move {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("it listens");
            stream.set_nodelay(true).expect("it is a socket");
            let (mut buffer, mut answered, mut length) = (vec![0; READ_BYTES], 0_u32, None);
            while Instant::now() < until {
                stream.write_all(request.as_bytes()).await.expect("it reads");
                let read = answer(&mut stream, &mut buffer).await;
                assert_eq!(*length.get_or_insert(read), read, "the same answer");
                answered += 1;
            }
            answered
        });
    }
    let answered: u32 = asking.join_all().await.into_iter().sum();
    f64::from(answered) / begun.elapsed().as_secs_f64()
}

/// Reads one answer; the length of its body.
async fn answer(stream: &mut TcpStream, buffer: &mut [u8]) -> usize {
    let mut held = 0;
    loop {
        let read = stream.read(&mut buffer[held..]).await.expect("it answers");
        assert!(read > 0, "it closed the connection, or answered with more than {READ_BYTES} bytes");
        held += read;
        let Some(end) = buffer[..held].windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = std::str::from_utf8(&buffer[..end]).expect("a head is text");
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
        });
        let body = length.expect("it says its length");
        if held >= end + 4 + body {
            return body;
        }
    }
}

use std::time::Duration;

use momoland_protocol::id::AccountId;
use momoland_protocol::notice::{Notice, NoticeLevel};
use momoland_protocol::server::ServerFrame;

use crate::world::{Connected, Server};

fn announce(server: &Server, by: AccountId, text: &str, ttl_s: u64) -> Notice {
    let ttl = Some(Duration::from_secs(ttl_s));
    server.app.accounts.announce(by, text.to_owned(), NoticeLevel::Info, ttl).unwrap()
}

fn tell(server: &Server, by: AccountId, to: AccountId, text: &str) -> Notice {
    let title = "From the harbour office".to_owned();
    server.app.accounts.tell_one(by, to, title, text.to_owned(), NoticeLevel::Warning).unwrap()
}

/// What a device is told, up to and including a notice.
async fn told_up_to(connected: &mut Connected, last: &Notice) -> Vec<Notice> {
    let mut told: Vec<Notice> = Vec::new();
    while !told.contains(last) {
        let more = connected.until("a notice", |frame| match frame {
            ServerFrame::Notices { notices } => Some(notices.clone()),
            _ => None,
        });
        told.extend(more.await);
    }
    told
}

// Rules: SV12
#[tokio::test]
async fn everybody_is_told_what_is_in_force_and_one_what_is_theirs() {
    let server = Server::start().await;
    let mut ada = server.newcomer("ada").await;
    let mut bob = server.newcomer("bob").await;
    let (by, to) = (ada.device.account, bob.device.account);
    let mut laptop = server.connect(server.another(&bob.device)).await;

    let first = announce(&server, by, "Low water at ten.", 3_600);
    let own = tell(&server, by, to, "Your berth is paid.");
    let short = announce(&server, by, "The gate is open.", 1);
    assert_eq!(told_up_to(&mut ada, &short).await, [first.clone(), short.clone()], "what is another's is not told");
    for somebody in [&mut bob, &mut laptop] {
        assert_eq!(told_up_to(somebody, &short).await, [first.clone(), own.clone(), short.clone()]);
    }

    // While he is away, and over a restart of the server; what has ended meanwhile is told to nobody.
    let (ada, bob, _) = (ada.vanish(), bob.vanish(), laptop.vanish());
    let second = announce(&server, by, "High water at four.", 3_600);
    let server = server.stop().await.start().await;
    server.eventually("the gate's notice has ended", |app| app.clock.unix_ms() >= short.until.0).await;
    let mut bob = server.connect(bob).await;
    assert_eq!(told_up_to(&mut bob, &second).await, [first.clone(), own.clone(), second.clone()]);
    let (mut ada, mut carol) = (server.connect(ada).await, server.newcomer("carol").await);
    for somebody in [&mut ada, &mut carol] {
        assert_eq!(told_up_to(somebody, &second).await, [first.clone(), second.clone()]);
    }
    // More than a frame holds, of the longest.
    let long = "\u{1f6a2}".repeat(1_024);
    let many: Vec<Notice> = (0..20).map(|_| announce(&server, by, &long, 3_600)).collect();
    let last = many.last().unwrap();
    assert_eq!(told_up_to(&mut ada, last).await, many);
    let mut late = server.newcomer("dora").await;
    assert_eq!(told_up_to(&mut late, last).await.len(), 22);
}

//! The devices at both ends, and the thread between them.

use std::{
    fs::File,
    io,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, anyhow, bail};
use tokio::{
    runtime::Builder,
    sync::watch,
    time::{Instant, sleep_until},
};
use tokio_tun::Tun;

use super::{Delay, Queue};

/// Where TAP devices come from.
const TUN: &str = "/dev/net/tun";

/// Room for an Ethernet frame of 1500 bytes, its header and a tag.
const FRAME: usize = 2048;

/// A delay line between two TAP devices. Both are gone when it is dropped.
#[derive(Debug)]
pub struct DelayLine {
    delay: watch::Sender<Delay>,
}

impl DelayLine {
    /// Whether this user can have TAP devices at all.
    ///
    /// # Errors
    /// If there are none, or they are for others alone; with the way out.
    pub fn available() -> Result<()> {
        match File::options().read(true).write(true).open(TUN) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => bail!(
                "the delay line needs {TUN}, and it is missing; load it: modprobe tun, or give the container --device {TUN}"
            ),
            Err(error) => {
                bail!("the delay line needs {TUN}, and it cannot be opened: {error}; run as root, or chmod 666 {TUN}")
            }
        }
    }

    /// Makes two TAP devices of these names in the namespace of the calling thread, and carries frames between them.
    /// Either can be moved elsewhere; the line goes with it.
    ///
    /// # Errors
    /// If the system has no TAP devices, or does not let this user have one, or a name is taken.
    pub fn open(outside: &str, inside: &str, delay: Delay) -> Result<Self> {
        Self::available()?;
        let (sender, receiver) = watch::channel(delay);
        let (ready, opened) = mpsc::sync_channel(1);
        let (outside, inside) = (outside.to_owned(), inside.to_owned());
        thread::Builder::new()
            .name(format!("delay-{outside}"))
            .spawn(move || run(&outside, &inside, &receiver, &ready))
            .context("cannot start a thread for the delay line")?;
        opened.recv().map_err(|_| anyhow!("the delay line has ended before it was open"))??;
        Ok(Self { delay: sender })
    }

    /// Another distance or loss from now on.
    pub fn change(&self, delay: Delay) {
        self.delay.send_replace(delay);
    }
}

/// The thread: opens the devices, says so, and carries until the handle is dropped.
fn run(outside: &str, inside: &str, delay: &watch::Receiver<Delay>, ready: &mpsc::SyncSender<Result<()>>) {
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return drop(ready.send(Err(error.into()))),
    };
    runtime.block_on(async {
        let devices = tap(outside).and_then(|outside| Ok((outside, tap(inside)?)));
        let (outside, inside) = match devices {
            Ok((outside, inside)) => (Arc::new(outside), Arc::new(inside)),
            Err(error) => return drop(ready.send(Err(error))),
        };
        if ready.send(Ok(())).is_err() {
            return;
        }
        // A device that fails is one that was removed with its namespace: the cable is cut.
        let _ = tokio::join!(carry(&outside, &inside, delay.clone(), 0), carry(&inside, &outside, delay.clone(), 1));
    });
}

fn tap(name: &str) -> Result<Tun> {
    let opened = Tun::builder().name(name).tap().close_on_exec().build().map_err(|error| {
        anyhow!("cannot open /dev/net/tun for the delay line's device {name}: {error}; let this user have it: chmod 666 /dev/net/tun")
    })?;
    opened.into_iter().next().ok_or_else(|| anyhow!("no device {name} was made"))
}

/// Carries frames one way until the handle is dropped or a device fails.
async fn carry(from: &Tun, to: &Tun, mut delay: watch::Receiver<Delay>, direction: u64) -> io::Result<()> {
    let start = Instant::now();
    let mut queue: Queue<Vec<u8>> = Queue::new(*delay.borrow(), direction);
    let mut frame = vec![0; FRAME];
    loop {
        let due = queue.next_due();
        let wake = start + due.unwrap_or(Duration::ZERO);
        tokio::select! {
            biased;
            changed = delay.changed() => match changed {
                Ok(()) => queue.change(*delay.borrow_and_update()),
                Err(_) => return Ok(()),
            },
            () = sleep_until(wake), if due.is_some() => {
                while let Some(frame) = queue.pop(start.elapsed()) {
                    // One that the other end does not take, such as while it is down, is lost.
                    let _ = to.try_send(&frame);
                }
            }
            read = from.recv(&mut frame) => match read {
                Ok(length) => {
                    let bytes = frame.get(..length).unwrap_or_default().to_vec();
                    // What is lost is lost.
                    let _ = queue.push(start.elapsed(), bytes);
                }
                Err(error) if is_down(&error) => tokio::time::sleep(Duration::from_millis(10)).await,
                Err(error) => return Err(error),
            },
        }
    }
}

/// Whether the device is down for now, as while it is moved or unplugged.
fn is_down(error: &io::Error) -> bool {
    // EIO, which has no name of its own in `io::ErrorKind`.
    error.raw_os_error() == Some(5)
}

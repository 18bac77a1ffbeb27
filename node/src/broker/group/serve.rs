//! A member's stream, at the coordinator's end.

use std::{sync::Arc, time::Duration};

use atoll_protocol::{
    codec,
    identity::NodeId,
    limits,
    rpc::Status,
    topic::work::{Down, Up},
};
use atoll_registry::topics::group::MemberId;
use tokio::{sync::mpsc, time::timeout};

use super::{
    coordinator::Seat,
    host::Host,
    wire::{self, Reader},
};
use crate::{Context, RawReceiver, RawSender};

/// How long a member may take to say who it is.
const PATIENCE: Duration = Duration::from_secs(10);
/// Replies that may wait; then nothing more is read.
const REPLIES: usize = 64;

/// Gives a member work and takes its answers, for as long as both are there.
pub(super) async fn member(
    host: &Arc<Host>,
    context: &Context,
    receiver: RawReceiver,
    mut sender: RawSender,
) -> Result<(), Status> {
    let mut reader = Reader::new(receiver, limits::GROUP_ANSWER);
    let first = timeout(PATIENCE, reader.next()).await.map_err(|_| unknown("nothing was said"))??;
    let Some(Up::Join { topic, group, session, room }) = first.map(|bytes| read(&bytes)).transpose()? else {
        return Err(unknown("the first message does not join"));
    };
    if (&topic, &group) != (&host.name.topic, &host.name.group) {
        return Err(unknown("it is about another group"));
    }
    let caller = context.caller();
    if !host.inner.logs.lock().policies.may_read(&topic, &caller) {
        return Err(Status::permission_denied(format!("the owner of {topic} does not let {caller} read it")));
    }
    let coordinator = host.coordinating().await.map_err(elsewhere)?;
    let room = room.clamp(1, limits::GROUP_ROOM);
    let (to_member, mut jobs) = mpsc::channel(room as usize);
    let member = MemberId { node: caller, session };
    let full = || Status::resource_exhausted("the group has as many members as it may have");
    let seat = coordinator.seat(member, room, to_member).ok_or_else(full)?;
    let ack_wait_ms = u64::try_from(coordinator.ack_wait.as_millis()).unwrap_or(u64::MAX);
    wire::send(&mut sender, &Down::Welcome { epoch: coordinator.epoch, ack_wait_ms }).await?;
    let (to_reply, mut replies) = mpsc::channel(REPLIES);
    let write = async {
        loop {
            tokio::select! {
                biased;
                Some(reply) = replies.recv() => wire::send(&mut sender, &reply).await?,
                Some(job) = jobs.recv() => wire::send(&mut sender, &job).await?,
                else => return Ok(()),
            }
        }
    };
    tokio::select! {
        () = coordinator.over.cancelled() => Err(elsewhere(host.role.borrow().target(host.inner.me))),
        answered = answers(&mut reader, &seat, &to_reply) => answered,
        written = write => written,
    }
}

/// Takes a member's answers until it has left.
async fn answers(reader: &mut Reader, seat: &Seat, replies: &mpsc::Sender<Down>) -> Result<(), Status> {
    while let Some(bytes) = reader.next().await? {
        let Up::Answer { lease, answer } = read(&bytes)? else { return Err(unknown("it joins twice")) };
        let stale = seat.answer(lease, answer).err().map(|stale| stale.now);
        if replies.send(Down::Answered { lease, stale }).await.is_err() {
            break;
        }
    }
    Ok(())
}

fn read(bytes: &[u8]) -> Result<Up, Status> {
    Up::decode(bytes).map_err(|error| Status::invalid_argument(error.to_string()))
}

fn unknown(what: &str) -> Status {
    Status::invalid_argument(format!("this is no member's stream: {what}"))
}

/// Another node coordinates, if it is known which one.
fn elsewhere(other: Option<NodeId>) -> Status {
    let who = other.map(|node| format!("; {node} does")).unwrap_or_default();
    let detail = codec::encode(&other).unwrap_or_default();
    Status::failed_precondition(format!("this node does not coordinate the group{who}")).with_detail(detail)
}

/// What a coordinator that is none says about who is. None if it says something else.
pub(super) fn says_elsewhere(status: &Status) -> Option<Option<NodeId>> {
    let is_meant = status.code() == crate::Code::FailedPrecondition;
    is_meant.then(|| codec::decode(status.detail(), 64).unwrap_or_default())
}

//! Who works, and on how much.

use std::collections::BTreeMap;

use atoll_protocol::identity::NodeId;

/// One subscriber of a group: a node may have several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MemberId {
    /// On which node.
    pub node: NodeId,
    /// Which of its sessions.
    pub session: u64,
}

/// Members, and what they have in hand.
#[derive(Debug, Default)]
pub(super) struct Members {
    members: BTreeMap<MemberId, Member>,
    /// Counts what was given, so that whoever got something longest ago comes next.
    given: u64,
}

#[derive(Debug)]
struct Member {
    room: u32,
    in_hand: u32,
    last: u64,
}

impl Members {
    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    pub(super) fn join(&mut self, member: MemberId, room: u32, most: usize) -> bool {
        if let Some(known) = self.members.get_mut(&member) {
            known.room = room;
            return true;
        }
        if self.members.len() >= most {
            return false;
        }
        self.members.insert(member, Member { room, in_hand: 0, last: 0 });
        true
    }

    pub(super) fn leave(&mut self, member: &MemberId) {
        self.members.remove(member);
    }

    pub(super) fn has_room(&self) -> bool {
        self.members.values().any(|member| member.in_hand < member.room)
    }

    /// Who gets the next entry: of those with room the one with the least in hand, and then whose turn it is.
    pub(super) fn next(&self) -> Option<MemberId> {
        let free = self.members.iter().filter(|(_, member)| member.in_hand < member.room);
        free.min_by_key(|(_, member)| (member.in_hand, member.last)).map(|(id, _)| *id)
    }

    pub(super) fn given(&mut self, member: &MemberId) {
        self.given = self.given.saturating_add(1);
        if let Some(member) = self.members.get_mut(member) {
            member.in_hand = member.in_hand.saturating_add(1);
            member.last = self.given;
        }
    }

    pub(super) fn returned(&mut self, member: &MemberId) {
        if let Some(member) = self.members.get_mut(member) {
            member.in_hand = member.in_hand.saturating_sub(1);
        }
    }
}

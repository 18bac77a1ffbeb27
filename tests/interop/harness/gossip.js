// What peers hear on the topic of a network's directory.

import { until } from './until.js'

/** The topic on which nodes announce what they offer. */
export const directory = (network = 'main') => `atoll/${network}/services`

/** Numbers of announcements: what a lease brings, a withdrawal, a suspicion. */
export const LEASE = 0

/** Who has signed an announcement, as the text of a peer's id; its kind goes before. */
export const isOf = (data, node) => Buffer.from(data.subarray(1, 33)).equals(node.publicKey.raw)

/** Begins to listen; gives the messages heard so far, which grow as more come. */
export function listen (peer, topic = directory()) {
  const heard = []
  peer.services.gossip.addEventListener('message', ({ detail }) => {
    if (detail.topic === topic) heard.push(detail.data)
  })
  peer.services.gossip.subscribe(topic)
  return heard
}

/** Waits until the peer and a node pass messages on to each other. */
export async function meshed (peer, node, topic = directory()) {
  await until(`${node.id} is in the mesh of the peer`, () => peer.services.gossip.getMeshPeers(topic).includes(node.id))
}

/** Waits until a peer knows that a node listens. */
export async function subscribed (node, peer, topic = directory()) {
  await until(`the peer knows that ${node.id} listens`, () =>
    peer.services.gossip.getSubscribers(topic).some((id) => id.toString() === node.id))
}

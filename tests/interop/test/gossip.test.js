// Gossip, both ways: announcements of nodes arrive at peers, those that peers pass on or publish are believed, and what is
// forged is refused and charged to whom it came from.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'

import { multiaddr } from '@multiformats/multiaddr'
import { peerIdFromString } from '@libp2p/peer-id'

import { LEASE, directory, isOf, listen, meshed, subscribed } from '../harness/gossip.js'
import { startPeer } from '../harness/peer.js'
import { startNode } from '../harness/processes.js'
import { until } from '../harness/until.js'

/** Messages that are refused until their sender is barred: twenty proofs of a fault, and some for those that weigh less by then. */
const BARRED = 25

/** Where what is published on topics is gossiped; each topic belongs to one of them, by its hash. */
const CHANNELS = Array.from({ length: 64 }, (_, number) => `atoll/main/topics/${number}`)

const garbage = () => randomBytes(100)

/** A node that joins through another one, and what it announces then, as a peer hears it that is connected to the other one alone. */
async function joining (t) {
  const first = await startNode(t)
  const peer = await startPeer(t, { listen: [] })
  const heard = listen(peer)
  await peer.dial(multiaddr(first.tcp))
  await meshed(peer, first)
  const node = await startNode(t, { peers: [first.quic] })
  const author = peerIdFromString(node.id)
  const data = await until('an announcement of the node', () => heard.find((data) => data[0] === LEASE && isOf(data, author)))
  return { node, data }
}

/** What a node has to say against a peer, by kind. */
async function faults (node, peer) {
  const rows = await node.ask('network', 'connections')
  return rows.find((row) => row.peer === peer.peerId.toString())?.faults ?? {}
}

test('what a node announces arrives at a peer', async (t) => {
  const { node, data } = await joining(t)
  // It brings where the node can be dialled, and its service.
  const [said, address] = [Buffer.from(data), node.tcp.replace(/\/p2p\/.*/, '')]
  assert.ok(said.includes(address) && said.includes('system'), `${said}`)
})

test('what a node announces is passed on by a peer to a node that knows nobody else', async (t) => {
  const [first, alone] = [await startNode(t), await startNode(t)]
  const peer = await startPeer(t)
  listen(peer)
  for (const address of [first.tcp, alone.quic]) await peer.dial(multiaddr(address))
  for (const node of [first, alone]) await meshed(peer, node)
  assert.deepEqual(await alone.nodes(), [alone.id])
  const node = await startNode(t, { peers: [first.tcp] })
  await until('it lists the node', async () => (await alone.nodes()).includes(node.id))
})

test('what a node has announced is believed if a peer publishes it elsewhere, and passed on', async (t) => {
  const { node, data } = await joining(t)
  const alone = await startNode(t)
  const [publisher, neighbour] = [await startPeer(t), await startPeer(t)]
  const heard = listen(neighbour)
  for (const peer of [publisher, neighbour]) await peer.dial(multiaddr(alone.tcp))
  await meshed(neighbour, alone)
  await subscribed(alone, publisher)
  assert.deepEqual(await alone.nodes(), [alone.id])
  await publisher.services.gossip.publish(directory(), data)
  await until('it lists the node', async () => (await alone.nodes()).includes(node.id))
  await until('the neighbour hears of it', () => heard.some((message) => Buffer.from(message).equals(data)))
})

test('what is published on a topic arrives at a peer', async (t) => {
  const node = await startNode(t)
  const peer = await startPeer(t)
  const heard = CHANNELS.map((channel) => listen(peer, channel))
  await peer.dial(multiaddr(node.tcp))
  await until('a message is heard', async () => {
    // Again and again: whoever listens only after it was published does not hear it, and the node tells nobody who listens.
    await node.ask('publish', 'rooms/lobby', 'ahoy', '--ack', 'gossip')
    return heard.flat().some((data) => Buffer.from(data).includes('ahoy'))
  })
})

test('garbage is refused, charged to whom it came from, and not passed on', async (t) => {
  const forged = Buffer.from((await joining(t)).data)
  // The lease's signature covers all of it.
  forged[forged.length - 1] ^= 1
  const node = await startNode(t)
  const [liar, neighbour] = [await startPeer(t), await startPeer(t)]
  const heard = listen(neighbour)
  for (const peer of [liar, neighbour]) await peer.dial(multiaddr(node.tcp))
  await meshed(neighbour, node)
  await subscribed(node, liar)

  const bad = [garbage(), new Uint8Array(), forged]
  for (const data of bad) await liar.services.gossip.publish(directory(), data)
  await until('all of it is charged', async () => {
    const counts = Object.values(await faults(node, liar))
    return counts.reduce((sum, count) => sum + count, 0) >= bad.length
  })
  assert.deepEqual(await faults(node, neighbour), {})
  assert.deepEqual(await node.nodes(), [node.id])
  for (const data of bad) assert.ok(!heard.some((message) => Buffer.from(message).equals(data)))
})

test('a peer that goes on is hung up on and kept out', async (t) => {
  const node = await startNode(t)
  const liar = await startPeer(t)
  await liar.dial(multiaddr(node.tcp))
  await subscribed(node, liar)
  for (let sent = 0; sent < BARRED; sent++) {
    // It may be hung up on in the middle of it.
    await liar.services.gossip.publish(directory(), garbage()).catch(() => {})
  }
  const barred = await node.event('peer_barred')
  assert.equal(barred.peer, liar.peerId.toString())
  assert.match(barred.faults, /malformed/)
  await until('it is hung up on', () => liar.getConnections().length === 0)
  await assert.rejects(async () => {
    const connection = await liar.dial(multiaddr(node.tcp))
    // Over TCP the refusal may come after the handshake.
    await liar.services.ping.ping(connection.remotePeer)
  })
})

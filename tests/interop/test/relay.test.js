// The relay: peers of js-libp2p reserve a place at a bootstrap, and are reached through it.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { multiaddr } from '@multiformats/multiaddr'

import { AtollClient } from '../client/client.js'
import { startPeer } from '../harness/peer.js'
import { startBootstrap, startNode } from '../harness/processes.js'
import { until } from '../harness/until.js'

/** A protocol of the peers' own. */
const PROTOCOL = '/interop/shout/1'

/** A peer that listens at a relay alone, and where it is reached there. */
async function behind (t, relay) {
  const peer = await startPeer(t, { listen: [`${relay}/p2p-circuit`] })
  const isThere = (address) => `${address}`.includes('/p2p-circuit/')
  const address = await until('it has a place at the relay', () => peer.getMultiaddrs().find(isThere))
  return { peer, address }
}

for (const transport of ['tcp', 'quic']) {
  test(`a peer has a place at the relay over ${transport}, and another one reaches it there`, async (t) => {
    const relay = await startBootstrap(t)
    const { peer: target, address } = await behind(t, relay[transport])
    await target.handle(PROTOCOL, async (stream) => {
      for await (const chunk of stream) stream.send(Buffer.from(Buffer.from(chunk.subarray()).toString().toUpperCase()))
      await stream.close()
    })
    const source = await startPeer(t, { listen: [] })
    const connection = await source.dial(address)
    assert.equal(connection.remotePeer.toString(), target.peerId.toString())
    assert.match(connection.remoteAddr.toString(), /\/p2p-circuit/)
    // Without a limit: it can be used as any other.
    assert.equal(connection.limits, undefined)

    const stream = await connection.newStream(PROTOCOL)
    stream.send(Buffer.from('through the relay'))
    await stream.close()
    let answer = ''
    for await (const chunk of stream) answer += Buffer.from(chunk.subarray()).toString()
    assert.equal(answer, 'THROUGH THE RELAY')
    const { relay: figures } = await relay.ask('call', 'system', 'stats')
    assert.equal(figures.reservations, 1)
    assert.equal(figures.circuits_total, 1)
  })
}

test('a node reaches a peer through the relay, and is called by it there', async (t) => {
  const relay = await startBootstrap(t)
  const { peer, address } = await behind(t, relay.tcp)
  const node = await startNode(t, { peers: [relay.tcp] })
  await node.event('joined')
  // It is connected, and yet no node of Atoll.
  await assert.rejects(node.ask('network', 'connect', `${address}`), /js-libp2p/)
  const connection = await until('the peer sees the connection', () =>
    peer.getConnections().find(({ remotePeer }) => remotePeer.toString() === node.id))
  assert.match(connection.remoteAddr.toString(), /\/p2p-circuit/)
  assert.deepEqual(await new AtollClient(connection).call('system', 'ping'), { node: node.id })
})

test('who has no place at the relay is not reached there', async (t) => {
  const relay = await startBootstrap(t)
  const [absent, source] = [await startPeer(t), await startPeer(t, { listen: [] })]
  await assert.rejects(source.dial(multiaddr(`${relay.tcp}/p2p-circuit/p2p/${absent.peerId}`)), /NO_RESERVATION/)
})

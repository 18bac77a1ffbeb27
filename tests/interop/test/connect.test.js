// Connections, both ways, over both transports: identify and ping.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { multiaddr } from '@multiformats/multiaddr'

import { addressOf, identified, startPeer } from '../harness/peer.js'
import { startBootstrap, startNode } from '../harness/processes.js'

const WAYS = [
  { transport: 'tcp', multiplexer: '/yamux/1.0.0', encryption: '/noise' },
  { transport: 'quic', multiplexer: 'quic', encryption: 'native' }
]

for (const { transport, multiplexer, encryption } of WAYS) {
  test(`a peer dials a bootstrap over ${transport}, which says who it is and answers pings`, async (t) => {
    const bootstrap = await startBootstrap(t)
    const peer = await startPeer(t)
    const connection = await peer.dial(multiaddr(bootstrap[transport]))
    assert.equal(connection.remotePeer.toString(), bootstrap.id)
    assert.equal(connection.multiplexer, multiplexer)
    if (transport === 'tcp') assert.equal(connection.encryption, encryption)

    const said = await identified(peer, bootstrap)
    assert.equal(said.protocolVersion, '/atoll/main/1')
    assert.match(said.agentVersion, /^atoll\//)
    for (const protocol of ['/atoll/main/rpc/1', '/atoll/main/kad/1', '/meshsub/1.2.0', '/libp2p/circuit/relay/0.2.0/hop']) {
      assert.ok(said.protocols.includes(protocol), `${protocol} is among ${said.protocols}`)
    }
    assert.ok(await peer.services.ping.ping(connection.remotePeer) >= 0)
  })

  test(`a node dials a peer over ${transport}, and learns who it is`, async (t) => {
    const node = await startNode(t)
    const peer = await startPeer(t)
    const address = addressOf(peer, transport === 'quic' ? 'quic-v1' : 'tcp')
    // It is connected, and yet no node of Atoll.
    await assert.rejects(node.ask('network', 'connect', address), /js-libp2p/)
    const said = await identified(peer, node)
    assert.equal(said.connection.direction, 'inbound')
    assert.equal(said.connection.multiplexer, multiplexer)
    assert.ok(said.protocols.includes('/atoll/main/rpc/1'))
  })
}

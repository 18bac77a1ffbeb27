// Kademlia: peers of js-libp2p find nodes that they are not connected to.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'

import { AtollClient } from '../client/client.js'
import { serviceKey } from '../harness/kademlia.js'
import { identified, startPeer } from '../harness/peer.js'
import { startBootstrap, startNode, startService } from '../harness/processes.js'
import { until } from '../harness/until.js'

test('a peer that knows a bootstrap finds a node by its id, and all nodes around a key', async (t) => {
  const bootstrap = await startBootstrap(t)
  const peers = [bootstrap.tcp]
  const nodes = [await startNode(t, { peers }), await startNode(t, { peers })]
  for (const node of nodes) await node.event('joined')

  const peer = await startPeer(t)
  await peer.dial(multiaddr(bootstrap.quic))
  await identified(peer, bootstrap)

  const wanted = nodes[1]
  const found = await until('the node is found', () => peer.peerRouting.findPeer(peerIdFromString(wanted.id)).catch(() => {}))
  const addresses = found.multiaddrs.map((address) => address.decapsulateCode(421).toString())
  const own = [wanted.tcp, wanted.quic].map((address) => address.replace(/\/p2p\/.*/, ''))
  assert.ok(addresses.some((address) => own.includes(address)), `${addresses} are addresses of the node, such as ${own}`)
  const connection = await peer.dial(found.id)
  assert.equal(connection.remotePeer.toString(), wanted.id)

  // js-libp2p takes a node into its routing table only once it has tried it, and may ask too few before.
  await until('all nodes are found around a key', async () => {
    const closest = new Set()
    for await (const { id } of peer.peerRouting.getClosestPeers(new TextEncoder().encode('any key'))) closest.add(id.toString())
    return [bootstrap, ...nodes].every(({ id }) => closest.has(id))
  })
})

test('a peer finds who offers a service, by its name, and calls it', async (t) => {
  const bootstrap = await startBootstrap(t)
  const service = await startService(t, { peers: [bootstrap.tcp] })
  await service.event('joined')
  const peer = await startPeer(t)
  await peer.dial(multiaddr(bootstrap.tcp))
  const providers = async (key) => {
    const found = []
    for await (const provider of peer.contentRouting.findProviders(key)) found.push(provider.id)
    return found
  }
  // Told to others shortly after it is registered.
  const [found] = await until('it is found', async () => {
    const found = await providers(serviceKey('main', 'interop')).catch(() => [])
    return found.length > 0 && found
  })
  assert.equal(found.toString(), service.id)
  assert.deepEqual((await providers(serviceKey('main', 'interop', 1))).map(String), [service.id])
  const client = new AtollClient(await peer.dial(found))
  assert.equal(await client.call('interop', 'add', { a: 2, b: 3 }), 5)
  assert.deepEqual(await providers(serviceKey('main', 'interop', 2)), [])
  assert.deepEqual(await providers(serviceKey('home', 'interop')), [])
})

test('a network of another name is another DHT', async (t) => {
  const bootstrap = await startBootstrap(t, { network: 'home' })
  const peer = await startPeer(t)
  const connection = await peer.dial(multiaddr(bootstrap.tcp))
  await identified(peer, bootstrap)
  await assert.rejects(connection.newStream('/atoll/main/kad/1'))
  await (await connection.newStream('/atoll/home/kad/1')).close()
})

// A peer of js-libp2p, set up as one must be to be a neighbour of Atoll nodes. README.md tells why.

import './node20.js'

import { createHash } from 'node:crypto'

import { quic } from '@chainsafe/libp2p-quic'
import { circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import { StrictNoSign, gossipsub } from '@libp2p/gossipsub'
import { identify } from '@libp2p/identify'
import { kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'

import { until } from './until.js'

/** Length of the ids of gossiped messages, in bytes. */
const GOSSIP_ID = 20

/** Where a peer listens unless told otherwise. */
export const LOOPBACK = ['/ip4/127.0.0.1/tcp/0', '/ip4/127.0.0.1/udp/0/quic-v1']

/** What others have said of themselves to each peer. */
const IDENTIFIED = new WeakMap()

/** Starts a peer that is stopped when the test `t` is over. */
export async function startPeer (t, { network = 'main', listen = LOOPBACK } = {}) {
  const peer = await createLibp2p({
    addresses: { listen },
    transports: [tcp(), quic(), circuitRelayTransport()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: {
      identify: identify(),
      // The monitor of connections and the DHT ping, too: by default one at a time is all that there may be.
      ping: ping({ maxOutboundStreams: 8 }),
      // A client: it asks and is not asked, for Atoll nodes ask nodes of their network alone.
      dht: kadDHT({ protocol: `/atoll/${network}/kad/1`, clientMode: true, peerInfoMapper: passthroughMapper }),
      gossip: gossipsub({
        // What is gossiped carries signatures of its own, and is known by its hash.
        globalSignaturePolicy: StrictNoSign,
        msgIdFn: ({ data }) => createHash('sha256').update(data).digest().subarray(0, GOSSIP_ID),
        fallbackToFloodsub: false,
        // All peers here share one address.
        scoreParams: { IPColocationFactorWeight: 0 }
      })
    }
  })
  t.after(() => peer.stop())
  IDENTIFIED.set(peer, [])
  peer.addEventListener('peer:identify', ({ detail }) => IDENTIFIED.get(peer).push(detail))
  return peer
}

/** What a node says of itself to a peer that is connected to it: `protocolVersion`, `agentVersion`, `protocols` and more. */
export async function identified (peer, node) {
  return until(`${node.id} says who it is`, () => IDENTIFIED.get(peer).find(({ peerId }) => peerId.toString() === node.id))
}

/** Where a peer can be dialled over a transport, `tcp` or `quic-v1`. */
export function addressOf (peer, transport) {
  const address = peer.getMultiaddrs().map(String).find((address) => address.includes(`/${transport}`) && !address.includes('circuit'))
  return address ?? fail(`the peer does not listen over ${transport}`)
}

function fail (reason) {
  throw new Error(reason)
}

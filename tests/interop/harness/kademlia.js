// Under which keys services are found in Kademlia.

import { createHash } from 'node:crypto'

import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'

/** Code of SHA-256 among multihashes, and of raw bytes among contents: a CID says what it leads to, which Kademlia does not look at. */
const SHA2_256 = 0x12
const RAW = 0x55

/** The key of a service on a network, of any version or of a major one, as `contentRouting.findProviders` wants it. */
export function serviceKey (network, service, major) {
  const hash = createHash('sha256').update(`${network}\0${service}\0`)
  if (major !== undefined) {
    const bytes = Buffer.alloc(8)
    bytes.writeBigUInt64LE(BigInt(major))
    hash.update(bytes)
  }
  return CID.createV1(RAW, Digest.create(SHA2_256, hash.digest()))
}

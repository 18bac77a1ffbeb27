# Short names for what people do with Atoll. The work is in scripts/, one file for each.

export PEER PREFIX SCENARIO SEED NODES REPEAT

.PHONY: run test install bench bench-join bench-dht bench-topics bench-gateway bench-tunnel bench-crowd sim sim-reputation lab chaos interop help

run:  ## Start a small network on this machine and your own node in it; PEER=<multiaddr> joins an existing one
	@exec scripts/run.sh

test:  ## Install what the build needs, then run every test
	@exec scripts/test.sh

install:  ## Put the program on the PATH, under PREFIX (/usr/local)
	@exec scripts/install.sh

bench:  ## Measure calls and streams beside QUIC, gRPC, iroh, Zenoh and NATS
	@exec scripts/bench.sh

bench-join:  ## Measure how fast nodes join, and services appear and go
	@exec scripts/bench-join.sh

bench-dht:  ## Measure how fast names that only the DHT knows are found among 200 nodes
	@exec scripts/bench-dht.sh

bench-topics:  ## Measure topics beside NATS, Redis and the disk itself
	@exec scripts/bench-topics.sh

bench-gateway:  ## Measure the gateway beside a bare HTTP server, and what idle subscribers cost
	@exec scripts/bench-gateway.sh

bench-tunnel:  ## Measure bytes through expose and forward beside a stream between the same nodes
	@exec scripts/bench-tunnel.sh

bench-crowd:  ## Measure what a thousand newcomers take of a node, and whether others notice it
	@exec scripts/bench-crowd.sh

sim:  ## Simulate protocols in virtual time: SCENARIO=name SEED=17 (or 1-20) NODES=1000; lists the scenarios without one
	@exec scripts/sim.sh

sim-reputation:  ## Attack the standing of simulated peers in every known way, beside EigenTrust and random choice
	@exec scripts/sim-reputation.sh

lab:  ## Try homes behind NATs of every kind with each other, in network namespaces of this machine; REPEAT=10 times
	@exec scripts/lab.sh

chaos:  ## Kill nodes, cut them off and fill their disks for five minutes, and check that topics lose nothing; NODES=10 SEED=1
	@exec scripts/chaos.sh

interop:  ## Test nodes beside js-libp2p, with a client in JavaScript; needs Node.js 20.11 or later, and npm
	@exec scripts/interop.sh

help:  ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile

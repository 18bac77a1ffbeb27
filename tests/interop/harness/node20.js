// What js-libp2p takes from Node.js 22 and version 20 does not have.

Promise.withResolvers ??= function () {
  let resolve, reject
  const promise = new this((...both) => { [resolve, reject] = both })
  return { promise, resolve, reject }
}

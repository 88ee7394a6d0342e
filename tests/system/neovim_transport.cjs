// Asks the daemon with the transport of the npm package neovim, for test_conformance.py:
// node neovim_transport.cjs MODULES SOCKET ROUNDS. ROUNDS is JSON, a list of lists of
// [method, params]; the questions of a round are asked together. Prints [error, result] of
// each, and the notifications that came. Bytes are Buffers, as JSON.stringify writes them.
const { createConnection } = require('node:net');
const { join } = require('node:path');

const [modules, path, rounds] = process.argv.slice(2);
const { Transport } = require(join(modules, 'neovim', 'lib', 'utils', 'transport.js'));

const revive = (_, value) => (value?.type === 'Buffer' ? Buffer.from(value) : value);

async function main() {
  const socket = createConnection(path);
  const transport = new Transport();
  const notifications = [];
  transport.on('notification', (method, params) => notifications.push([method, params]));
  transport.attach(socket, socket, null);
  const ask = ([method, params]) =>
    new Promise(done => {
      transport.request(method, params, (error, result) => done([error, result]));
    });
  const answers = [];
  for (const round of JSON.parse(rounds, revive)) {
    answers.push(await Promise.all(round.map(ask)));
  }
  while (rounds.includes('"subscribe"') && notifications.length === 0) {
    await new Promise(done => transport.once('notification', done));
  }
  console.log(JSON.stringify({ answers, notifications }));
  await transport.close();
}

main();

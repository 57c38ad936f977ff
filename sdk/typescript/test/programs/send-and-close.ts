/** Connects, sends itself a message, loses its connection to nobody, closes, and has nothing left to wait for. */
import { connectAgent } from '../../src/index.ts';

const client = await connectAgent({
  address: process.argv[2] ?? '',
  workspace: 'ws',
  implementation: 'program',
  specifier: '1',
});
await client.send(client.topic, 'hello');
for await (const message of client.messages()) {
  process.stdout.write(`received ${message.text()}\n`);
  break;
}
client.onMessage(() => undefined);
client.onStatus(() => undefined);
await client.close();
process.stdout.write('closed\n');

import { globSync, rmSync } from 'node:fs';
import { expect, test } from 'vitest';
import { unique } from '../flows/fabric.ts';
import { bodies, join, sendAll, take } from './agents.ts';
import { ProcessFabric } from './fabrics.ts';

test('places in a log whose file was lost are not taken for places in the one made anew', async () => {
  await using fabric = new ProcessFabric('embedded');
  const workspace = unique('lost');
  const topic = `ag::${workspace}::raw::one`;
  const receive = async (address: string, count: number): Promise<string[]> => {
    const { client } = await join(address, workspace, 'one');
    const texts = await take(client, count);
    client.halfClose();
    await client.ended;
    return texts;
  };
  const first = await fabric.start();
  await sendAll(first.address, workspace, topic, bodies(50));
  expect(await receive(first.address, 50)).toEqual(bodies(50));
  await first.end('SIGTERM');
  for (const file of globSync(`${fabric.dataDirectory}/messages.db*`)) rmSync(file);
  const second = await fabric.start();
  await sendAll(second.address, workspace, topic, ['anew']);
  expect(await receive(second.address, 1)).toEqual(['anew']);
});

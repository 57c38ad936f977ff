/** Agents over plain grpc-js, for tests that look at every frame. */
import { expect } from 'vitest';
import { unique } from '../flows/fabric.ts';
import { agentInit, RawClient, send } from '../flows/raw-client.ts';
import { until } from './until.ts';

export const bodies = (count: number): string[] => Array.from({ length: count }, (_, index) => `m${index}`);

export const join = async (address: string, workspace: string, specifier: string, resume = '') => {
  const client = new RawClient(address);
  client.say(agentInit(workspace, specifier, { resumeSessionId: resume }));
  return { client, ack: await client.find('connectionAck') };
};

/** Sends all of it durably: the half-close is answered OK once it is. */
export const sendAll = async (
  address: string,
  workspace: string,
  topic: string,
  payloads: readonly (string | Uint8Array)[],
): Promise<void> => {
  const { client } = await join(address, workspace, unique('sender'));
  for (const payload of payloads) client.say(send(topic, payload));
  client.halfClose();
  expect(await client.ended).toMatchObject({ code: 0 });
};

export const take = async (client: RawClient, count: number): Promise<string[]> => {
  const texts: string[] = [];
  while (texts.length < count) texts.push(Buffer.from((await client.find('msg')).payload).toString());
  return texts;
};

/** Tries until the identity is nobody's. */
export const joinWhenFree = async (address: string, workspace: string, specifier: string): Promise<RawClient> => {
  let joined: RawClient | undefined;
  await until(async () => {
    joined = await join(address, workspace, specifier).then(
      ({ client }) => client,
      () => undefined,
    );
    return joined !== undefined;
  }, 'the identity is free');
  if (joined === undefined) throw new Error('not free');
  return joined;
};

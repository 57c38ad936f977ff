/** Nothing of a fabric is the process's: two in one process, with the same identities in both, know nothing of each other. */
import { expect, test } from 'vitest';
import {
  agentsTopic,
  agentTopic,
  connectAgent,
  connectService,
  connectTask,
  connectUser,
  taskWorkersTopic,
  usersTopic,
} from '#sdk';
import { openStoryFabric, type StoryFabric } from './fabric.ts';
import { Taking } from './taking.ts';

const workspace = 'w';

const agent = (fabric: StoryFabric, specifier: string) =>
  connectAgent({ address: fabric.address(), workspace, implementation: 'i', specifier });

const linesOf = async (fabric: StoryFabric, measure: string): Promise<string[]> => {
  const page = await (await fetch(`${fabric.opsUrl()}/metrics`)).text();
  return page.split('\n').filter((line) => line.startsWith(measure));
};

test('the same identities are held in both at once, and each hears only its own fabric', async () => {
  await using one = await openStoryFabric('embedded');
  await using two = await openStoryFabric('embedded');
  const told: string[][] = [];
  for (const [fabric, name] of [
    [one, 'one'],
    [two, 'two'],
  ] as const) {
    const sender = await agent(fabric, 'sender');
    await sender.send(agentTopic(workspace, 'i', 'recipient'), `kept in ${name}`);
    await sender.send(taskWorkersTopic(workspace, 'job'), `work in ${name}`);
    await sender.close();
  }
  for (const fabric of [one, two]) {
    await using recipient = await agent(fabric, 'recipient');
    await using worker = await connectTask({ address: fabric.address(), workspace, implementation: 'job' });
    told.push([...(await new Taking(recipient).texts(1)), ...(await new Taking(worker).texts(1))]);
  }
  expect(told).toEqual([
    ['kept in one', 'work in one'],
    ['kept in two', 'work in two'],
  ]);
});

test('broadcasts, listings and refusals stay in their fabric', async () => {
  await using one = await openStoryFabric('embedded');
  await using two = await openStoryFabric('embedded');
  const [inOne, inTwo] = [await agent(one, 'a'), await agent(two, 'a')];
  await using personInTwo = await connectUser({ address: two.address(), userId: 'u', windowId: '1', workspace });
  const [atOne, atTwo, atPerson] = [new Taking(inOne), new Taking(inTwo), new Taking(personInTwo)];
  await inOne.send(agentsTopic(workspace), 'all in one');
  await inOne.send(usersTopic(workspace), 'people in one');
  expect(await atOne.texts(1)).toEqual(['all in one']);
  await inTwo.send(agentsTopic(workspace), 'all in two');
  await inTwo.send(usersTopic(workspace), 'people in two');
  expect([await atTwo.texts(1), await atPerson.texts(1)]).toEqual([['all in two'], ['people in two']]);
  await using operator = await connectService({ address: one.address(), implementation: 'operator', specifier: '1' });
  const { sessions } = await operator.sessions.list();
  expect(sessions.map(({ identity }) => identity).toSorted()).toEqual([inOne.identity, operator.identity]);
  await expect(agent(two, 'a')).rejects.toMatchObject({ reason: 'DUPLICATE_IDENTITY' });
  await inOne.close();
  await inTwo.close();
});

test('one may be closed, and the other goes on; each has measures of its own', async () => {
  await using staying = await openStoryFabric('embedded');
  const leaving = await openStoryFabric('embedded');
  await using client = await agent(staying, 'a');
  const taking = new Taking(client);
  const gone = await agent(leaving, 'a');
  await gone.close();
  await leaving[Symbol.asyncDispose]();
  await client.send(client.topic, 'still here');
  expect(await taking.texts(1)).toEqual(['still here']);
  expect(await linesOf(staying, 'aether_connection_attempts_total')).toEqual([
    `aether_connection_attempts_total{workspace="${workspace}",principal_type="agent",status="success"} 1`,
  ]);
});

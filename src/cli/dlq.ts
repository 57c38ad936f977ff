import type { DeadLetter } from '#sdk';
import { type ClientOptions, connectAs, ownIdentity } from './client.ts';

const connect = (options: ClientOptions) => connectAs(ownIdentity(), options, { acks: true });

interface ListOptions extends ClientOptions {
  readonly topic?: string;
}

/** Prints the dead letters, the oldest first. */
export const listDeadLetters = async (options: ListOptions): Promise<void> => {
  await using client = await connect(options);
  let count = 0;
  for await (const letter of client.deadLetters.list({ topic: options.topic })) {
    count += 1;
    console.log(options.json === true ? JSON.stringify(toJson(letter)) : toText(letter));
  }
  if (options.json !== true) console.log(count === 0 ? 'no dead letters' : `${count} dead letters`);
};

/** Publishes them to their topics again. */
export const redriveDeadLetters = async (ids: readonly string[], options: ClientOptions): Promise<void> => {
  await using client = await connect(options);
  await client.deadLetters.redrive(ids);
  report('redriven', ids, options);
};

/** Removes them for good. */
export const dropDeadLetters = async (ids: readonly string[], options: ClientOptions): Promise<void> => {
  await using client = await connect(options);
  await client.deadLetters.drop(ids);
  report('dropped', ids, options);
};

const report = (what: 'redriven' | 'dropped', ids: readonly string[], { json }: ClientOptions): void =>
  console.log(json === true ? JSON.stringify({ [what]: ids }) : `${ids.length} ${what}`);

const toJson = ({ message, buriedAt, ...letter }: DeadLetter) => ({
  ...letter,
  buriedAt: buriedAt.toISOString(),
  source: message?.source ?? '',
  type: message?.type ?? '',
  payload: Buffer.from(message?.payload ?? []).toString('base64'),
});

const toText = ({ id, topic, attempts, reason, buriedAt, message }: DeadLetter): string =>
  `${buriedAt.toISOString()}  ${topic}  from ${message?.source ?? ''}  ${attempts} attempts, ${reason}\n  ${JSON.stringify(id)}`;

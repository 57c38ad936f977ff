import { FabricError } from '../../model/error.ts';
import {
  expiredAt,
  type Receipt,
  type ReceiptState,
  type ReceiptStep,
  receiptRanks,
  stepOf,
} from '../../model/receipt.ts';
import type { Claim, ReceiptStore } from '../../ports/receipt-store.ts';
import { batchesOf } from './batches.ts';
import type { RedisKeys } from './keys.ts';
import { advanceReceiptsScript, claimReceiptsScript, expireReceiptsScript } from './receipt-scripts.ts';
import type { RedisConnection } from './redis-connection.ts';
import { listOf, textOf } from './reply.ts';

const receiptsPerScriptMax = 500;

export interface RedisReceiptStoreDeps {
  readonly redis: RedisConnection;
  readonly keys: RedisKeys;
  readonly retentionMs: number;
}

/** Receipts in Redis, in the bucket of their sender's lease. */
export class RedisReceiptStore implements ReceiptStore {
  readonly #redis: RedisConnection;
  readonly #keys: RedisKeys;
  readonly #retentionMs: number;
  readonly #retention: string;

  constructor({ redis, keys, retentionMs }: RedisReceiptStoreDeps) {
    this.#redis = redis;
    this.#keys = keys;
    this.#retentionMs = retentionMs;
    this.#retention = String(retentionMs);
  }

  async claim(
    owner: string,
    ids: readonly string[],
    { epoch, nowMs }: { readonly epoch: bigint; readonly nowMs: number },
  ): Promise<readonly Claim[]> {
    const args = [String(epoch), this.#retention, String(Math.floor(nowMs)), ...claimRanks];
    const answers = await Promise.all(
      piecesOf(ids).map(async (piece) => {
        const keys = piece.map((id) => this.#keys.receipt(owner, id));
        const reply = listOf(await this.#redis.script(claimReceiptsScript, keys, args)).map(textOf);
        return piece.map((id, index) => claimOf(id, reply[index] ?? ''));
      }),
    );
    return answers.flat();
  }

  async advance(steps: readonly ReceiptStep[]): Promise<void> {
    await this.#noteExpiries(steps);
    const batches = batchesOf(steps, ({ owner }) => owner, receiptsPerScriptMax);
    await Promise.all(
      batches.map(({ items }) => {
        const keys = items.map(({ owner, id }) => this.#keys.receipt(owner, id));
        const args = items.flatMap((step) => [String(step.rank), textOfStep(step)]);
        return this.#redis.script(advanceReceiptsScript, keys, [this.#retention, ...args]);
      }),
    );
  }

  async expire(nowMs: number, limit: number): Promise<readonly ReceiptStep[]> {
    const key = this.#keys.expiries;
    const due = await this.#redis.command((client) =>
      client.zrangebyscore(key, '-inf', Math.floor(nowMs), 'WITHSCORES', 'LIMIT', 0, limit),
    );
    if (due.length === 0) return [];
    const members = due.filter((_, index) => index % 2 === 0);
    const steps = members.map((member, index) => expiryStep(member, Number(due[2 * index + 1])));
    const moved = await Promise.all(
      batchesOf(steps, ({ owner }) => owner, receiptsPerScriptMax).map(({ items }) => this.#expire(items)),
    );
    // Only now: whoever dies before leaves them for the next, to whom they change nothing.
    await this.#redis.command((client) => client.zrem(key, ...members));
    return moved.flat();
  }

  async #expire(steps: readonly ReceiptStep[]): Promise<readonly ReceiptStep[]> {
    const keys = steps.map(({ owner, id }) => this.#keys.receipt(owner, id));
    const args = [this.#retention, String(receiptRanks.expired), ...steps.map(textOfStep)];
    const answers = listOf(await this.#redis.script(expireReceiptsScript, keys, args));
    return steps.filter((_, index) => Number(answers[index]) === 1);
  }

  /**
   * Before the receipts: what is noted in vain changes nothing when its time comes. Not beyond the time receipts are
   * kept, so there are never more than of these.
   */
  async #noteExpiries(steps: readonly ReceiptStep[]): Promise<void> {
    const noted = steps.flatMap(({ owner, id, atMs, expiresAtMs = Infinity }) =>
      expiresAtMs > atMs + this.#retentionMs ? [] : [Math.ceil(expiresAtMs), `${owner} ${id}`],
    );
    if (noted.length > 0) await this.#redis.command((client) => client.zadd(this.#keys.expiries, ...noted));
  }

  async get(owner: string, ids: readonly string[]): Promise<readonly (Receipt | undefined)[]> {
    if (ids.length === 0) return [];
    const keys = ids.map((id) => this.#keys.receipt(owner, id));
    const texts = await this.#redis.command((client) => client.mget(...keys));
    return texts.map((text, index) => (text === null ? undefined : receiptOf(ids[index] ?? '', text)));
  }
}

const claimRanks = [String(receiptRanks.accepted), String(receiptRanks.durable)];

const piecesOf = (ids: readonly string[]): readonly (readonly string[])[] =>
  Array.from({ length: Math.ceil(ids.length / receiptsPerScriptMax) }, (_, index) =>
    ids.slice(index * receiptsPerScriptMax, (index + 1) * receiptsPerScriptMax),
  );

const claimOf = (id: string, answer: string): Claim => {
  if (answer === 'n') return { outcome: 'new' };
  if (answer === 'u') return { outcome: 'unknown' };
  return answer === 's' ? { outcome: 'superseded' } : { outcome: 'known', receipt: receiptOf(id, answer) };
};

const isState = (text: string): text is ReceiptState => Object.hasOwn(receiptRanks, text);

const textOfStep = ({ atMs, state, reason, expiresAtMs }: ReceiptStep): string =>
  `${Math.floor(atMs)}|${state}${expiresAtMs === undefined ? '' : `@${Math.ceil(expiresAtMs)}`}|${reason}`;

/** Identities have no spaces. */
const expiryStep = (member: string, expiresAtMs: number): ReceiptStep => {
  const space = member.indexOf(' ');
  return stepOf(member.slice(0, space), expiredAt(member.slice(space + 1), expiresAtMs));
};

const receiptOf = (id: string, text: string): Receipt => {
  const [, ms, state = '', expires, reason = ''] = /^\d+\|\d+\|(\d+)\|(\w+)(?:@(\d+))?\|(.*)$/s.exec(text) ?? [];
  if (!isState(state)) throw new FabricError('ERR_INTERNAL', `"${text}" in Redis is not a receipt`);
  const receipt = { id, state, atMs: Number(ms), reason };
  return expires === undefined ? receipt : { ...receipt, expiresAtMs: Number(expires) };
};

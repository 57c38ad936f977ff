import { FabricError } from '../../model/error.ts';
import { type Receipt, type ReceiptState, type ReceiptStep, receiptRanks } from '../../model/receipt.ts';
import type { Claim, ReceiptStore } from '../../ports/receipt-store.ts';
import { batchesOf } from './batches.ts';
import type { RedisKeys } from './keys.ts';
import { advanceReceiptsScript, claimReceiptsScript } from './receipt-scripts.ts';
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
  readonly #retention: string;

  constructor({ redis, keys, retentionMs }: RedisReceiptStoreDeps) {
    this.#redis = redis;
    this.#keys = keys;
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
    const batches = batchesOf(steps, ({ owner }) => owner, receiptsPerScriptMax);
    await Promise.all(
      batches.map(({ items }) => {
        const keys = items.map(({ owner, id }) => this.#keys.receipt(owner, id));
        const args = items.flatMap(({ rank, atMs, state, reason }) => [
          String(rank),
          `${Math.floor(atMs)}|${state}|${reason}`,
        ]);
        return this.#redis.script(advanceReceiptsScript, keys, [this.#retention, ...args]);
      }),
    );
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

const receiptOf = (id: string, text: string): Receipt => {
  const [, ms, state = '', reason = ''] = /^\d+\|\d+\|(\d+)\|(\w+)\|(.*)$/s.exec(text) ?? [];
  if (!isState(state)) throw new FabricError('ERR_INTERNAL', `"${text}" in Redis is not a receipt`);
  return { id, state, atMs: Number(ms), reason };
};

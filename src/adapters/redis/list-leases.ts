import type { LeasePage } from '../../ports/lease-store.ts';
import { buckets, type RedisKeys } from './keys.ts';
import { decodeLease } from './lease-record.ts';
import { listScript } from './lease-scripts.ts';
import type { RedisConnection } from './redis-connection.ts';
import { listOf, textOf } from './reply.ts';

interface Listing {
  readonly prefix: string;
  readonly after: string;
  readonly limit: number;
}

interface Deps {
  readonly redis: RedisConnection;
  readonly keys: RedisKeys;
}

interface Found {
  /** The name as Redis orders it, by its bytes; JavaScript's own order differs beyond U+FFFF. */
  readonly order: Buffer;
  readonly name: string;
  /** The lease, not yet decoded: most of what is found is for a later page. */
  readonly text: string;
}

interface Part {
  readonly found: readonly Found[];
  /** The last name looked at, where the bucket may have more. */
  readonly seenTo: Buffer | undefined;
}

/** Buckets in one script, where they are all on one server. */
const bucketsPerScript = 16;

const everyBucket = Array.from({ length: buckets }, (_, bucket) => bucket);
const bucketsOneByOne = everyBucket.map((bucket) => [bucket]);
const bucketsTogether = everyBucket
  .filter((bucket) => bucket % bucketsPerScript === 0)
  .map((bucket) => everyBucket.slice(bucket, bucket + bucketsPerScript));

/**
 * Names are spread over the buckets, each with an index of its own, so a page is gathered from the beginnings of all of
 * them: what lies up to the first place where a bucket may have more is complete and in order, the rest is for the next
 * round. One round trip a round, and seldom more than one.
 */
export const listLeases = async (deps: Deps, { prefix, after, limit }: Listing): Promise<LeasePage> => {
  const groups = deps.redis.isCluster ? bucketsOneByOne : bucketsTogether;
  const listed: Found[] = [];
  let from: string | undefined = after;
  // One more than asked for, to know whether there is a next page.
  while (from !== undefined && listed.length <= limit) {
    const wanted = limit + 1 - listed.length;
    // A bucket's share and half of it again, since they are not even.
    const share = Math.ceil((1.5 * wanted) / buckets) + 4;
    const listing: Listing = { prefix, after: from, limit: share };
    const parts = (await Promise.all(groups.map((group) => listBuckets(deps, group, listing)))).flat();
    const end = firstOf(parts.flatMap(({ seenTo }) => seenTo ?? []));
    const found = parts
      .flatMap((part) => part.found)
      .filter(({ order }) => end === undefined || order.compare(end) <= 0);
    listed.push(...found.toSorted((a, b) => a.order.compare(b.order)));
    from = end?.toString();
  }
  const records = listed.slice(0, limit).map(({ name, text }) => decodeLease(name, text));
  return listed.length > limit ? { records, next: records.at(-1)?.name ?? after } : { records };
};

const listBuckets = async (
  { redis, keys }: Deps,
  group: readonly number[],
  { prefix, after, limit }: Listing,
): Promise<readonly Part[]> => {
  const isWithin = after !== '' && Buffer.from(after).compare(Buffer.from(prefix)) >= 0;
  const least = isWithin ? `(${after}` : `[${prefix}`;
  const args = [least, prefix, String(limit), ...group.map((bucket) => keys.leases(bucket))];
  const reply = await redis.script(
    listScript,
    group.map((bucket) => keys.names(bucket)),
    args,
  );
  return listOf(reply).map(partOf);
};

const partOf = (reply: unknown): Part => {
  const [seenTo = '', ...pairs] = listOf(reply).map(textOf);
  const found: Found[] = [];
  for (let index = 0; index + 1 < pairs.length; index += 2) {
    const [name = '', text = ''] = pairs.slice(index, index + 2);
    found.push({ order: Buffer.from(name), name, text });
  }
  return { found, seenTo: seenTo === '' ? undefined : Buffer.from(seenTo) };
};

const firstOf = (places: readonly Buffer[]): Buffer | undefined =>
  places.length === 0 ? undefined : places.reduce((least, place) => (place.compare(least) < 0 ? place : least));

import type { Quota, QuotaChanges } from '#sdk';
import { FabricError } from '../model/error.ts';
import { isLimitName, type LimitName, units } from '../model/quota.ts';
import { type ClientOptions, connectAs, ownIdentity } from './client.ts';

/** Prints what has been changed, and for whom. */
export const listQuotas = async (prefix: string, options: ClientOptions): Promise<void> => {
  await using client = await connectAs(ownIdentity(), options);
  const found = await client.quotas.list(prefix);
  if (options.json === true) for (const one of found) console.log(JSON.stringify(one));
  else console.log(found.length === 0 ? 'nothing has been changed' : found.map(toText).join('\n'));
};

/** Prints all limits of a workspace or an identity. */
export const showQuota = async (subject: string, options: ClientOptions): Promise<void> => {
  await using client = await connectAs(ownIdentity(), options);
  report(await client.quotas.get(subject), options);
};

/** Changes limits, each given as `name=number`, and prints what holds then. */
export const setQuota = async (
  subject: string,
  assignments: readonly string[],
  options: ClientOptions,
): Promise<void> => {
  const limits = Object.fromEntries(assignments.map(readAssignment));
  await using client = await connectAs(ownIdentity(), options);
  report(await client.quotas.set(subject, limits), options);
};

/** Takes changes back, all where no limit is named, and prints what holds then. */
export const clearQuota = async (subject: string, names: readonly string[], options: ClientOptions): Promise<void> => {
  await using client = await connectAs(ownIdentity(), options);
  report(await client.quotas.clear(subject, { names }), options);
};

const readAssignment = (text: string): readonly [LimitName, number] => {
  const [, name = '', digits] = /^(\w+)=(\d{1,15})$/.exec(text) ?? [];
  if (digits !== undefined && isLimitName(name)) return [name, Number(digits)];
  const names = Object.keys(units).join(', ');
  throw new FabricError('CONFIG_INVALID', `"${text}" is no limit=number; limits are ${names}`);
};

const report = (quota: Quota, { json }: ClientOptions): void =>
  console.log(json === true ? JSON.stringify(quota) : table(quota));

const table = ({ limits, changed }: Quota): string => {
  const width = Math.max(...Object.keys(limits).map((name) => name.length));
  return Object.entries(limits)
    .map(([name, value]) => {
      const amount = value > 0 ? `${value} ${isLimitName(name) ? units[name] : ''}` : noneOf(name);
      return `${name.padEnd(width)}  ${amount}${name in changed ? '  (changed here)' : ''}`;
    })
    .join('\n');
};

const noneOf = (name: string): string => (name.endsWith('_burst') ? 'twice the rate' : 'no limit');

const toText = ({ subject, changed }: QuotaChanges): string =>
  `${subject}  ${Object.entries(changed)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')}`;

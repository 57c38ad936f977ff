/** Operators look at limits and change them. A failure is answered with the response and then with the error. */
import {
  QuotaOperation_Op as Op,
  type QuotaEntry,
  type QuotaOperation,
  type QuotaResponse,
} from '../../gen/aether/v1/fabric.ts';
import { asFabricError, FabricError } from '../../model/error.ts';
import { pageSizeMax } from '../../model/limits.ts';
import type { LimitChanges } from '../../model/quota.ts';
import type { QuotaPermit, SubjectLimits } from '../../quotas/quotas.ts';
import type { ClientSession } from '../client-session.ts';

export const handleQuotas = async (client: ClientSession, operation: QuotaOperation): Promise<void> => {
  const { requestId } = operation;
  try {
    answer(client, { requestId, success: true, error: '', ...(await perform(client, operation)) });
  } catch (thrown) {
    const error = asQuotaError(asFabricError(thrown));
    answer(client, { requestId, success: false, error: error.message, entries: [], next: '' });
    client.refuse(error, requestId);
  }
};

const answer = (client: ClientSession, value: QuotaResponse): void => client.reply({ $case: 'quotaResponse', value });

const asQuotaError = (error: FabricError): FabricError =>
  error.reason === 'STORE_UNAVAILABLE'
    ? new FabricError('ERR_QUOTA_UNAVAILABLE', 'the store of changed quotas does not answer', { cause: error })
    : error;

type Page = Pick<QuotaResponse, 'entries' | 'next'>;

const perform = async (client: ClientSession, operation: QuotaOperation): Promise<Page> => {
  const needed = client.missing('quotas');
  if (needed !== undefined) throw needed;
  const verdict = await client.permit({ action: 'manage_quotas' });
  if ('denial' in verdict) throw new FabricError('ERR_PERMISSION_DENIED', verdict.denial.because);
  if (operation.op === Op.LIST) return list(client, verdict.permit, operation);
  return { entries: [toEntry(operation.subject, await carryOut(client, verdict.permit, operation))], next: '' };
};

const list = async (
  { deps }: ClientSession,
  permit: QuotaPermit,
  { subject: prefix, after }: QuotaOperation,
): Promise<Page> => {
  const overrides = await deps.quotas.list(permit, { prefix, after });
  const entries = overrides
    .slice(0, pageSizeMax)
    .map(({ subject, limits }) => ({ subject, changed: toWire(limits), effective: new Map() }));
  return { entries, next: overrides.length > pageSizeMax ? (entries.at(-1)?.subject ?? '') : '' };
};

const carryOut = (
  { deps: { quotas } }: ClientSession,
  permit: QuotaPermit,
  { op, subject, limits, names }: QuotaOperation,
): Promise<SubjectLimits> => {
  switch (op) {
    case Op.GET:
      return quotas.get(permit, subject);
    case Op.SET:
      return quotas.set(permit, subject, new Map(Array.from(limits, ([name, value]) => [name, Number(value)])));
    case Op.CLEAR:
      return quotas.clear(permit, subject, names);
    default:
      throw new FabricError('ERR_INVALID_ARGUMENT', `unknown quota operation ${String(op)}`);
  }
};

const toEntry = (subject: string, { limits, changes }: SubjectLimits): QuotaEntry => ({
  subject,
  changed: toWire(changes),
  effective: toWire(limits),
});

const toWire = (limits: LimitChanges): Map<string, bigint> =>
  new Map(Object.entries(limits).map(([name, value]) => [name, BigInt(value)]));

/**
 * What may be limited, by whom it is used up, and how a limit for all is overridden for one workspace or one identity.
 * Pure. Every limit is a whole number, and 0 is none; a burst of 0 is twice its rate.
 */
import { identifierFault } from './identifier.ts';
import { kvValueBytesCeiling, quotaMax, separator } from './limits.ts';
import { parseIdentity } from './principal.ts';

/** The settings of a gateway say the same in `quotas`, but for the last, which is `kv.max_value_size`. */
export const limitNames = [
  'session_rate',
  'session_burst',
  'identity_rate',
  'identity_burst',
  'workspace_rate',
  'workspace_burst',
  'workspace_connections',
  'kv_keys',
  'kv_value_size',
] as const;

export type LimitName = (typeof limitNames)[number];

export type Limits = Readonly<Record<LimitName, number>>;

/** Nothing is limited but the size of values, which has to fit its frame. */
export const noLimits: Limits = {
  session_rate: 0,
  session_burst: 0,
  identity_rate: 0,
  identity_burst: 0,
  workspace_rate: 0,
  workspace_burst: 0,
  workspace_connections: 0,
  kv_keys: 0,
  kv_value_size: 0,
};

/** What is different for a subject. */
export type LimitChanges = Readonly<Partial<Record<LimitName, number>>>;

/** Messages, how many a second and at once. */
export interface Rate {
  /** 0 for no limit. */
  readonly perSecond: number;
  /** At least 1 where there is a limit. */
  readonly burst: number;
}

export type Metered = 'session' | 'identity' | 'workspace';

export const rateOf = (limits: Limits, metered: Metered): Rate => {
  const perSecond = limits[`${metered}_rate`];
  return { perSecond, burst: limits[`${metered}_burst`] || 2 * perSecond };
};

export const isLimitName = (name: string): name is LimitName => Object.hasOwn(units, name);

/** What each counts. */
export const units = {
  session_rate: 'messages/s',
  session_burst: 'messages',
  identity_rate: 'messages/s',
  identity_burst: 'messages',
  workspace_rate: 'messages/s',
  workspace_burst: 'messages',
  workspace_connections: 'connections',
  kv_keys: 'keys',
  kv_value_size: 'bytes',
} as const satisfies Record<LimitName, string>;

/** Why a limit cannot have the value, if it cannot. */
export const limitFault = (name: LimitName, value: number): string | undefined => {
  const most = name === 'kv_value_size' ? kvValueBytesCeiling : quotaMax;
  if (Number.isSafeInteger(value) && value >= 0 && value <= most) return undefined;
  return `${name} is ${value}, must be a whole number from 0 to ${most}`;
};

/** Names a workspace, or an identity in full, which holds `::`. */
export type QuotaSubject =
  | { readonly kind: 'workspace'; readonly name: string }
  | { readonly kind: 'identity'; readonly name: string };

/** What a text names, or why it can be neither. */
export const parseSubject = (text: string): QuotaSubject | { readonly fault: string } => {
  if (text.includes(separator))
    return parseIdentity(text) === undefined
      ? { fault: `"${text.slice(0, 64)}" is no identity, such as ag::workspace::implementation::specifier` }
      : { kind: 'identity', name: text };
  const fault = identifierFault(text);
  return fault === undefined ? { kind: 'workspace', name: text } : { fault: `the name of a workspace ${fault}` };
};

/** What belongs to a workspace as a whole cannot be changed for one identity. */
export const isFor = (name: LimitName, { kind }: QuotaSubject): boolean =>
  kind === 'workspace' || !name.startsWith('workspace_');

/** A rate that is changed alone has a burst of its own, and not that of the one it replaces. */
export const changed = (limits: Limits, changes: LimitChanges | undefined): Limits => {
  if (changes === undefined) return limits;
  const fresh: Partial<Record<LimitName, number>> = {};
  for (const metered of ['session', 'identity', 'workspace'] as const)
    if (changes[`${metered}_rate`] !== undefined) fresh[`${metered}_burst`] = 0;
  return { ...limits, ...fresh, ...changes };
};

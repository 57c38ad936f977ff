/**
 * What the drivers throw, as the refusals of ours that say what to do; whether trying again can help follows from the
 * reason. It imports no driver, because the log's worker loads it too. A statement the database does not accept is a
 * defect of ours and becomes `ERR_INTERNAL`.
 */
import { FabricError } from '../../model/error.ts';
import type { Reason } from '../../model/reasons.ts';

interface Refusal {
  readonly reason: Reason;
  readonly advice: string;
}

const unavailable = (advice: string): Refusal => ({ reason: 'STORE_UNAVAILABLE', advice });
const misconfigured = (advice: string): Refusal => ({ reason: 'CONFIG_INVALID', advice });

const notWritable =
  'cannot be opened for writing: let the directory and the files in it belong to the user that runs this process, on a file system that is not read-only';

/** By SQLite's primary result code. */
const sqliteRefusals: ReadonlyMap<number, Refusal> = new Map([
  [5, unavailable('is in use by another process: stop that one, or give this one a data directory of its own')],
  [8, misconfigured(notWritable)],
  [10, unavailable('cannot be read or written: the disk or its file system fails; see the log of the kernel')],
  [11, unavailable('is damaged: restore it from a backup, or move it away to begin with an empty one')],
  [13, unavailable('cannot grow: the disk is full; free some space')],
  [14, misconfigured(notWritable)],
  [26, { reason: 'STORE_MISMATCH', advice: 'is not a database: name another data directory, or move the file away' }],
]);

const defect: Refusal = { reason: 'ERR_INTERNAL', advice: 'was given a statement it does not accept' };

/** `what` names the database for people, such as `the message log in /var/lib/aether/log.db`. */
export const fromSqlite = (thrown: unknown, what: string): FabricError => {
  if (thrown instanceof FabricError) return thrown;
  const { reason, advice } = sqliteRefusal(thrown);
  return new FabricError(reason, `${what} ${advice}`, { cause: thrown });
};

const sqliteRefusal = (thrown: unknown): Refusal => {
  const errcode = memberOf(thrown, 'errcode');
  if (typeof errcode === 'number') return sqliteRefusals.get(errcode & 0xff) ?? defect;
  const code = memberOf(thrown, 'code');
  if (code === 'ENOSPC') return unavailable('cannot be created: the disk is full; free some space');
  if (typeof memberOf(thrown, 'syscall') === 'string') return misconfigured(notWritable);
  return defect;
};

export const isDiskFull = (thrown: unknown): boolean => memberOf(thrown, 'errcode') === 13;

const unreachable = unavailable('cannot be reached: see that it runs, and that the address is right');

/** By the start of Postgres's SQLSTATE, the longest first. */
const postgresRefusals: readonly (readonly [string, Refusal])[] = [
  ['28', misconfigured('refuses the login: check user and password in the address')],
  ['3D000', misconfigured('does not have the database named in the address: create it')],
  ['42501', misconfigured('does not let this user do what is needed: let the user own the database')],
  ['08', unreachable],
  ['57P', unavailable('is shutting down or starting')],
  ['57014', unavailable('gave up a statement that took too long')],
  ['53', unavailable('is out of connections, memory or disk')],
  ['58', unavailable('fails to read or write its files')],
  ['25006', unavailable('accepts no writes: it is a standby, or a takeover is under way')],
  ['40', unavailable('gave up a transaction that stood in the way of another')],
  ['55P03', unavailable('could not have a lock in time')],
];

export const fromPostgres = (thrown: unknown, what: string): FabricError => {
  if (thrown instanceof FabricError) return thrown;
  const { reason, advice } = postgresRefusal(memberOf(thrown, 'code'));
  return new FabricError(reason, `${what} ${advice}`, { cause: thrown });
};

/** Errors of the connection itself carry a system error's code or none. */
const postgresRefusal = (code: unknown): Refusal =>
  typeof code === 'string' && isSqlState(code)
    ? (postgresRefusals.find(([start]) => code.startsWith(start))?.[1] ?? defect)
    : unreachable;

const isSqlState = (code: string): boolean => /^[0-9A-Z]{5}$/.test(code) && !code.startsWith('E');

const memberOf = (thrown: unknown, name: string): unknown =>
  typeof thrown === 'object' && thrown !== null ? Reflect.get(thrown, name) : undefined;

/**
 * Keeps state in the fabric: asks for what its plan says without waiting for answers, on whichever stream there is, and
 * compares with what it saw last. At the end it looks at everything it has ever touched.
 */
import type { Ledger } from '../ledger.ts';
import type { Down, Duty } from '../letters/duty.ts';
import type { SimProcess } from '../sim-process.ts';
import type { SimStream } from '../sim-stream.ts';
import { type Answer, type Deed, nameOf, type Space, type Step } from './deed.ts';
import type { Sight } from './key-model.ts';
import type { Asked, Asker, Moment, Purge } from './state-ledger.ts';
import { checkpointAnswer, frameOf, kvAnswer, listFrame, purgeFrame, textsOf } from './wire.ts';

interface KeeperDeps {
  readonly name: string;
  readonly identity: string;
  readonly process: SimProcess;
  readonly ledger: Ledger;
}

/** What an answer is waited for. `last` names what it has yet to look at, at the end. */
type Pending = { readonly last: string | undefined } & (
  | { readonly is: 'one'; readonly asked: Asked }
  | {
      readonly is: 'page';
      readonly space: Space;
      readonly limit: number;
      readonly after: string;
      readonly called: Moment;
    }
  | { readonly is: 'purge'; readonly purge: Purge }
);

type OnOne = Extract<Step, { on: 'one' }>;

const askEveryMs = 700;
const pageOfAll = 100;

export class Keeper implements Duty {
  readonly extensions = [];
  readonly #deps: KeeperDeps;
  readonly #pending = new Map<string, Pending>();
  /** By space and key: what an answer showed last, or what was written. */
  readonly #seen = new Map<string, string>();
  /** What it has touched, as what to look at in the end. */
  readonly #touched = new Map<string, Step>();
  /** What it has not looked at yet, once that has begun. */
  #left: Map<string, Step> | undefined;
  /** On which stream it has asked to see it. */
  readonly #lookedOn = new Map<string, SimStream>();
  #stream: SimStream | undefined;
  #requests = 0;
  #values = 0;

  constructor(deps: KeeperDeps) {
    this.#deps = deps;
    this.#lookLater();
  }

  /** It has seen what became of everything it touched. */
  get isDone(): boolean {
    return this.#left?.size === 0;
  }

  begin(stream: SimStream): void {
    this.#stream = stream;
    this.#look();
  }

  do(step: Step, stream: SimStream): void {
    if (step.on === 'purge') this.#purge(stream);
    else if (step.on === 'all') this.#list(step, { stream });
    else this.#ask(step, stream);
  }

  hear(payload: Down, stream: SimStream): boolean {
    switch (payload.$case) {
      case 'kv':
        if (payload.value.success) this.#takeKv(payload.value, stream);
        return true;
      case 'checkpoint':
        if (payload.value.success) this.#takeCheckpoint(payload.value, stream);
        return true;
      case 'error':
        return this.#takeRefusal(payload.value, stream);
      case 'config':
        this.#takeSnapshot('workspace_exclusive', payload.value.workspaceExclusiveKv, stream);
        this.#takeSnapshot('global_exclusive', payload.value.globalExclusiveKv, stream);
        return true;
      default:
        return false;
    }
  }

  #ask(step: OnOne, stream: SimStream, last?: string): void {
    const { space, key } = step;
    const deed = this.#deedOf(step);
    this.#touch(step);
    const asked = this.#deps.ledger.state.ask({ asker: this.#asker(stream), space, key, deed });
    const id = this.#remember({ is: 'one', asked, last });
    stream.note(`asks ${id} to ${textOf(deed)} of ${nameOf(this.#deps.identity, space, key)}`);
    stream.say(frameOf(space, key, deed, id));
  }

  #list(
    { space, limit }: Extract<Step, { on: 'all' }>,
    { stream, after = '', cursor = '', last }: { stream: SimStream; after?: string; cursor?: string; last?: string },
  ): void {
    this.#touched.set(space, { on: 'all', space, limit: pageOfAll });
    const called = this.#deps.ledger.state.moment();
    const id = this.#remember({ is: 'page', space, limit, after, called, last });
    stream.note(`asks ${id} to list ${nameOf(this.#deps.identity, space)} after '${after}'`);
    stream.say(listFrame(space, { limit, cursor }, id));
  }

  #purge(stream: SimStream): void {
    const purge = this.#deps.ledger.state.purge(this.#asker(stream));
    const id = this.#remember({ is: 'purge', purge, last: undefined });
    stream.note(`asks ${id} to purge ${this.#deps.identity}`);
    stream.say(purgeFrame(this.#deps.identity, id));
  }

  #deedOf({ does, space, key, ttlMs, value, amount = 1, bound }: OnOne): Deed {
    const expected = this.#seen.get(`${space} ${key}`) ?? 'never';
    const own = value ?? `${this.#deps.name}.${(this.#values += 1)}`;
    switch (does) {
      case 'put':
      case 'put_new':
        this.#seen.set(`${space} ${key}`, own);
        return { does, value: own, ttlMs };
      case 'put_if':
        return { does, expected, value: own, ttlMs };
      case 'delete_if':
        return { does, expected };
      case 'add':
        return { does, amount, bound, ttlMs };
      case 'add_member':
        return { does, value: own, ttlMs };
      default:
        return { does };
    }
  }

  #touch({ does, space, key, ttlMs }: OnOne): void {
    this.#touched.set(space, { on: 'all', space, limit: pageOfAll });
    const look = { on: 'one', space, key, ttlMs } as const;
    if (does === 'add_member') this.#touched.set(`${space} ${key}`, { ...look, does: 'count_members' });
    if (space === 'checkpoints') this.#touched.set(`${space} ${key}`, { ...look, does: 'get' });
  }

  #remember(pending: Pending): string {
    const id = `${this.#deps.name}/${(this.#requests += 1)}`;
    this.#pending.set(id, pending);
    return id;
  }

  #take(id: string): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (pending?.last !== undefined) this.#left?.delete(pending.last);
    return pending;
  }

  #takeKv(response: Extract<Down, { $case: 'kv' }>['value'], stream: SimStream): void {
    const pending = this.#take(response.requestId);
    if (pending?.is === 'one') this.#answered(pending.asked, kvAnswer(response), stream, response.requestId);
    else if (pending?.is === 'purge') this.#purged(pending.purge, stream, response.requestId);
    else if (pending?.is === 'page') {
      const values = textsOf(response.kvMap);
      const sightOf = (key: string): Sight => {
        const value = values.get(key);
        return value === undefined ? { is: 'set' } : { is: 'value', value };
      };
      this.#listed(pending, new Map(response.keys.map((key) => [key, sightOf(key)])), stream, response.nextCursor);
    }
  }

  #takeCheckpoint(response: Extract<Down, { $case: 'checkpoint' }>['value'], stream: SimStream): void {
    const pending = this.#take(response.requestId);
    if (pending?.is === 'page')
      this.#listed(pending, new Map(response.keys.map((key) => [key, { is: 'there' }])), stream);
    if (pending?.is !== 'one') return;
    const { asked } = pending;
    this.#answered(asked, checkpointAnswer(asked.deed, response), stream, response.requestId);
  }

  #answered(asked: Asked, answer: Answer, stream: SimStream, id: string): void {
    stream.note(`hears ${id} is ${JSON.stringify(answer)}`);
    this.#deps.ledger.state.answered(asked, answer);
    const place = `${asked.space} ${asked.key}`;
    if (answer.is !== 'done') return;
    if (answer.value !== '') this.#seen.set(place, answer.value);
    else if (asked.deed.does === 'put_if' && answer.applied) this.#seen.set(place, asked.deed.value);
  }

  #purged(purge: Purge, stream: SimStream, id: string): void {
    stream.note(`hears ${id} is purged`);
    purge.returned = this.#deps.ledger.state.moment();
  }

  #listed(
    page: Extract<Pending, { is: 'page' }>,
    keys: ReadonlyMap<string, Sight>,
    stream: SimStream,
    cursor = '',
  ): void {
    const { ledger, identity } = this.#deps;
    const { space, after, called, limit, last } = page;
    const name = nameOf(identity, space);
    const listing = [...keys].map(([key, sight]) => `${key}=${'value' in sight ? sight.value : sight.is}`).join(' ');
    stream.note(`sees in ${name} after '${after}': ${listing}${cursor === '' ? '' : ' and more'}`);
    const order = [after, ...keys.keys()];
    const isInOrder = order.every((key, index) => index === 0 || (order[index - 1] ?? '') < key);
    if (!isInOrder || (space !== 'checkpoints' && keys.size > limit))
      ledger.breach('I9', `a page of ${name} after '${after}' is ${[...keys.keys()].join(', ')}`, [name]);
    ledger.state.listed({ identity, space, after, isLast: cursor === '', keys, others: { is: 'absent' }, called });
    const next = [...keys.keys()].at(-1);
    if (cursor !== '' && next !== undefined && last === undefined && stream.isOpen)
      this.#list({ on: 'all', space, limit }, { stream, after: next, cursor });
  }

  #takeSnapshot(space: Space, values: ReadonlyMap<string, Uint8Array>, stream: SimStream): void {
    const sights = [...textsOf(values)].map(([key, value]): [string, Sight] => [key, { is: 'value', value }]);
    const { ledger, identity } = this.#deps;
    stream.note(
      `begins with ${nameOf(identity, space)}: ${[...textsOf(values)].map((one) => one.join('=')).join(' ')}`,
    );
    const page = { identity, space, after: '', isLast: true, others: { is: 'no_value' } } as const;
    ledger.state.listed({ ...page, keys: new Map(sights), called: stream.begun });
  }

  /** True if it is about something this client has asked. */
  #takeRefusal({ code, requestId }: Extract<Down, { $case: 'error' }>['value'], stream: SimStream): boolean {
    const pending = this.#pending.get(requestId);
    if (pending === undefined) return false;
    this.#pending.delete(requestId);
    if (pending.last !== undefined) this.#lookedOn.delete(pending.last);
    stream.note(`hears ${requestId} is refused: ${code}`);
    const { ledger } = this.#deps;
    if (code === 'ERR_KV_WRONG_TYPE' && pending.is === 'one') {
      if (pending.last !== undefined) this.#left?.delete(pending.last);
      ledger.state.answered(pending.asked, { is: 'wrong_type' });
    } else if (code === 'ERR_CIRCUIT_OPEN') {
      if (pending.is === 'one') ledger.state.refused(pending.asked);
    } else if (!mayBeDone.has(code)) ledger.breach('I9', `${requestId} is refused with ${code}`, [requestId]);
    return true;
  }

  #lookLater(): void {
    this.#deps.process.after(askEveryMs, () => {
      this.#look();
      if (!this.isDone) this.#lookLater();
    });
  }

  /** Once everything is mended, at all it has touched, on one stream after the other until it has seen it. */
  #look(): void {
    const stream = this.#stream;
    if (!this.#deps.ledger.isFinishing || stream?.isOpen !== true) return;
    this.#left ??= new Map(this.#touched);
    for (const [name, step] of this.#left) {
      if (this.#lookedOn.get(name) === stream) continue;
      this.#lookedOn.set(name, stream);
      if (step.on === 'all') this.#list(step, { stream, last: name });
      else if (step.on === 'one') this.#ask(step, stream, name);
    }
  }

  #asker(stream: SimStream): Asker {
    return { identity: this.#deps.identity, sessionId: stream.sessionId ?? '' };
  }
}

/** What was asked may have been done, or be done yet. */
const mayBeDone: ReadonlySet<string> = new Set(['KV_ERROR', 'ERR_CHECKPOINT_UNAVAILABLE']);

const textOf = (deed: Deed): string =>
  Object.values(deed)
    .filter((part) => part !== undefined && part !== 0)
    .join(' ');

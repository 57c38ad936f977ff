/**
 * A client of the simulated world: does what its plan says, one act after the other, and beside that comes back whenever
 * it has no stream. At the end it only listens.
 */
import type { InitConnection } from '../../src/gen/aether/v1/connection.ts';
import type { Ledger } from './ledger.ts';
import { Author } from './letters/author.ts';
import type { Duty } from './letters/duty.ts';
import { Reader } from './letters/reader.ts';
import type { Act, ClientPlan } from './plan.ts';
import type { Random } from './random.ts';
import type { Scheduler } from './scheduler.ts';
import type { SimGateway } from './sim-gateway.ts';
import { SimProcess } from './sim-process.ts';
import { SimStream } from './sim-stream.ts';
import type { Step } from './state/deed.ts';
import { Keeper } from './state/keeper.ts';
import type { Trace } from './trace.ts';

export interface ClientDeps {
  readonly plan: ClientPlan;
  readonly scheduler: Scheduler;
  readonly gateways: readonly [SimGateway, ...SimGateway[]];
  readonly ledger: Ledger;
  readonly trace: Trace;
  readonly random: Random;
  readonly identityTtlMs: number;
  /** Nobody else has its identity. */
  readonly isAlone: boolean;
}

/** What it needs to claim its last session. */
interface Last {
  readonly sessionId: string;
  readonly leftMs: number;
  /** It was the client that let go, so nothing but the fabric can have ended the session. */
  readonly isOwed: boolean;
}

export class SimClient {
  readonly #deps: ClientDeps;
  readonly #process: SimProcess;
  readonly #author: Author | undefined;
  readonly #keeper: Keeper | undefined;
  readonly #duty: Duty | undefined;
  #stream: SimStream | undefined;
  #last: Last | undefined;
  /** Sessions it has asked for: they may have been given to it without its hearing of it. */
  readonly #claimed = new Set<string>();
  /** To open another stream, since it has the present one or had the last. */
  #hasTried = false;
  #wake = Promise.withResolvers<void>();
  #awayUntilMs = 0;
  #isFinishing = false;
  #isGone = false;

  constructor(deps: ClientDeps) {
    this.#deps = deps;
    const { kind, name, identity } = deps.plan;
    this.#process = new SimProcess(name, deps.scheduler);
    const facts = { name, identity, process: this.#process, ledger: deps.ledger };
    this.#author = kind === 'author' ? new Author(facts) : undefined;
    this.#keeper = kind === 'keeper' ? new Keeper(facts) : undefined;
    this.#duty = kind === 'reader' ? new Reader(facts) : (this.#author ?? this.#keeper);
  }

  get identity(): string {
    return this.#deps.plan.identity;
  }

  get isTwin(): boolean {
    return this.#deps.plan.isTwin;
  }

  get name(): string {
    return this.#deps.plan.name;
  }

  /** Where its stream is. */
  get gateway(): SimGateway | undefined {
    return this.#stream?.gateway;
  }

  get isKeeper(): boolean {
    return this.#keeper !== undefined;
  }

  get isOnline(): boolean {
    return this.#stream?.isOpen === true;
  }

  /** Whether nothing is left that it waits for. */
  get isDone(): boolean {
    return this.#isGone || (this.#duty?.isDone ?? true);
  }

  start(): void {
    this.#process.after(this.#deps.plan.startMs, () => {
      void this.#stay();
      void this.#perform();
    });
  }

  /** The plan is over: a twin goes for good, everybody else listens. */
  finish(): void {
    this.#isFinishing = true;
    this.#awayUntilMs = 0;
    if (this.#deps.plan.isTwin) {
      this.#isGone = true;
      this.#stream?.leave('cancel');
    } else this.#stream?.connection?.setReading(true);
  }

  async #stay(): Promise<void> {
    while (!this.#isGone) {
      const stream = this.#stream ?? (await this.#connect());
      if (stream !== undefined) await this.#hold(stream);
      const backMs = this.#deps.random.between(10, this.#isFinishing ? 300 : 800);
      await this.#sleep(Math.max(backMs, this.#awayUntilMs - this.#deps.scheduler.nowMs));
    }
  }

  async #hold(stream: SimStream): Promise<void> {
    this.#stream = stream;
    this.#hasTried = false;
    this.#wake.resolve();
    this.#duty?.begin(stream);
    const end = await stream.ended;
    if (this.#stream !== stream) return;
    this.#stream = undefined;
    const isOwed = end.by === 'client' && !stream.hasSaidGoodbye;
    this.#last = { sessionId: stream.sessionId ?? '', leftMs: stream.endedAtMs, isOwed };
  }

  /** `undefined` if no gateway would have it. */
  async #connect(): Promise<SimStream | undefined> {
    const { random, plan } = this.#deps;
    const last = random.chance(plan.resumeRate) ? this.#last : undefined;
    const isFirstClaim = last !== undefined && !this.#hasTried && !this.#claimed.has(last.sessionId);
    const stream = this.#openStream(this.#choose(), last?.sessionId ?? '');
    if (!(await this.#isOpened(stream))) return undefined;
    if (isFirstClaim) this.#judgeResumption(stream, last);
    if (!this.#isGone && this.#stream === undefined) return stream;
    // Nobody would hold it: a move has brought another meanwhile.
    stream.leave('cancel');
    return this.#stream;
  }

  async #isOpened(stream: SimStream): Promise<boolean> {
    const late = this.#process.after(this.#deps.plan.patienceMs, () => stream.leave('cancel'));
    const isOpened = await stream.opened;
    late.cancel();
    return isOpened;
  }

  /** In calm times a session that was only left is there to come back to (decision 0005). */
  #judgeResumption(stream: SimStream, { sessionId, leftMs, isOwed }: Last): void {
    const { ledger, plan, identityTtlMs, scheduler, isAlone } = this.#deps;
    if (stream.isResumed || !isOwed || scheduler.nowMs - leftMs > identityTtlMs / 2) return;
    if (!ledger.isCalmSince(leftMs - identityTtlMs) || !isAlone) return;
    ledger.breach('I1', `${plan.identity} came back for session ${sessionId} and was not resumed`, [sessionId]);
  }

  #openStream(gateway: SimGateway, resumes: string): SimStream {
    const { plan, ledger, trace } = this.#deps;
    const { identity } = plan;
    this.#claimed.add(resumes);
    this.#hasTried = true;
    return new SimStream({
      identity,
      process: this.#process,
      gateway,
      ledger,
      trace,
      clientType: typeOf(plan),
      resumes,
      duty: this.#duty,
    });
  }

  #choose(): SimGateway {
    const { gateways, random } = this.#deps;
    const first = random.pick(gateways);
    // A load balancer knows, mostly.
    return first.isServing || random.chance(0.2) ? first : (gateways.find(({ isServing }) => isServing) ?? first);
  }

  async #perform(): Promise<void> {
    for (const act of this.#deps.plan.acts) {
      await this.#online();
      if (this.#isFinishing) return;
      await this.#act(act);
    }
  }

  // oxlint-disable-next-line complexity -- one line for each act
  async #act(act: Act): Promise<void> {
    switch (act.do) {
      case 'rest':
        return this.#sleep(act.ms);
      case 'until':
        return this.#sleep(Math.max(0, act.atMs - this.#deps.scheduler.nowMs));
      case 'send':
        return this.#send(act);
      case 'post':
        return this.#post(act);
      case 'keep':
        return this.#keep(act);
      case 'close':
        return this.#close(act.awayMs);
      case 'cancel':
        this.#awayFor(act.awayMs);
        return this.#stream?.leave('cancel');
      case 'vanish':
        this.#awayFor(act.awayMs);
        return this.#stream?.leave('vanish', act.noticedAfterMs);
      case 'pause':
        return this.#pause(act.ms);
      case 'stall':
        this.#deps.ledger.troubleFor(act.ms);
        return this.#stream?.connection?.stall(act.direction, this.#deps.scheduler.nowMs + act.ms);
      case 'move':
        return this.#move(act, (stream) => stream.send(act.to, 10));
      case 'shift':
        return this.#move({ ...act, count: act.steps.length }, (stream, index) => this.#do(act.steps[index], stream));
    }
  }

  async #send({ to, count, bytes, everyMs }: Extract<Act, { do: 'send' }>): Promise<void> {
    for (let sent = 0; sent < count && !this.#isFinishing; sent += 1) {
      if (this.isOnline) this.#stream?.send(to, bytes);
      if (everyMs > 0) await this.#sleep(everyMs);
    }
  }

  async #post({ posts, everyMs }: Extract<Act, { do: 'post' }>): Promise<void> {
    for (const post of posts) {
      if (this.#isFinishing) return;
      this.#author?.post(post);
      if (everyMs > 0) await this.#sleep(everyMs);
    }
  }

  async #keep({ steps, everyMs }: Extract<Act, { do: 'keep' }>): Promise<void> {
    for (const step of steps) {
      if (this.#isFinishing) return;
      this.#do(step, this.#stream);
      if (everyMs > 0) await this.#sleep(everyMs);
    }
  }

  #do(step: Step | undefined, stream: SimStream | undefined): void {
    if (step !== undefined && stream?.isOpen === true) this.#keeper?.do(step, stream);
  }

  async #close(awayMs: number): Promise<void> {
    const stream = this.#stream;
    if (stream === undefined) return;
    this.#awayFor(awayMs);
    const late = this.#process.after(this.#deps.plan.patienceMs, () => stream.leave('cancel'));
    await stream.close();
    late.cancel();
  }

  async #pause(ms: number): Promise<void> {
    const connection = this.#stream?.connection;
    connection?.setReading(false);
    await this.#sleep(ms);
    connection?.setReading(true);
  }

  async #move(
    { count, everyMs, switches }: Pick<Extract<Act, { do: 'move' }>, 'count' | 'everyMs' | 'switches'>,
    act: (stream: SimStream, index: number) => void,
  ): Promise<void> {
    const before = this.#stream;
    if (before?.sessionId === undefined) return;
    const next = this.#openStream(this.#choose(), before.sessionId);
    for (let done = 0; done < count; done += 1) {
      const stream = next.isOpen && switches ? next : before;
      if (stream.isOpen) act(stream, done);
      await this.#sleep(everyMs);
    }
    if (!(await this.#isOpened(next))) return;
    const hasAnother = this.#stream !== undefined && this.#stream !== before;
    if (this.#isGone || hasAnother) return next.leave('cancel');
    // Who waits for the end of the old one finds the new one in its place.
    this.#stream = next;
    await this.#sleep(50);
    before.leave('cancel');
  }

  #awayFor(ms: number): void {
    this.#awayUntilMs = this.#isFinishing ? 0 : this.#deps.scheduler.nowMs + ms;
  }

  async #online(): Promise<void> {
    while (!this.isOnline && !this.#isFinishing) {
      this.#wake = Promise.withResolvers();
      await Promise.race([this.#wake.promise, this.#sleep(1000)]);
    }
  }

  #sleep(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#process.after(ms, resolve);
    return promise;
  }
}

const typeOf = ({ kind, identity }: ClientPlan): InitConnection['clientType'] => {
  const [, workspace = '', implementation = '', specifier = ''] = identity.split('::');
  const value = { workspace, implementation, specifier };
  return kind === 'worker'
    ? { $case: 'task', value: { workspace, implementation, uniqueSpecifier: '' } }
    : { $case: 'agent', value };
};

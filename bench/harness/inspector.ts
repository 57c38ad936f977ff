/** What Node's inspector tells of a running process: a profile of a stretch of time, and its memory without garbage. */

interface Reply {
  readonly id?: number;
  readonly result?: unknown;
}

/** To be given to a process that is to be inspected. */
export const inspectArgv = ['--inspect=127.0.0.1:0'] as const;

const listening = /ws:\/\/127\.0\.0\.1:\d+\/[\w-]+/;
const samplingIntervalUs = 250;

export class Inspector implements Disposable {
  readonly #socket: WebSocket;
  readonly #pending = new Map<number, (reply: string) => void>();
  #calls = 0;

  /** `errors` is what the process has written to standard error, where Node says its address. */
  static async connect(errors: string): Promise<Inspector> {
    const address = listening.exec(errors)?.[0];
    if (address === undefined) throw new Error('the process was not started with an inspector');
    const socket = new WebSocket(address);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    socket.addEventListener('open', () => resolve(), { once: true });
    socket.addEventListener('error', () => reject(new Error(`no inspector at ${address}`)), { once: true });
    await promise;
    return new Inspector(socket);
  }

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => {
      if (typeof data !== 'string') return;
      const { id }: Reply = JSON.parse(data);
      if (id !== undefined) this.#pending.get(id)?.(data);
    });
  }

  async collectGarbage(): Promise<void> {
    await this.#ask('HeapProfiler.collectGarbage');
  }

  /** The profile of what runs meanwhile, as `.cpuprofile` files hold it. */
  async profile(run: () => Promise<unknown>): Promise<CpuProfile> {
    await this.#ask('Profiler.enable');
    await this.#ask('Profiler.setSamplingInterval', { interval: samplingIntervalUs });
    await this.#ask('Profiler.start');
    await run();
    const reply: { result: { profile: CpuProfile } } = JSON.parse(await this.#ask('Profiler.stop'));
    return reply.result.profile;
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }

  #ask(method: string, params: object = {}): Promise<string> {
    const id = (this.#calls += 1);
    const { promise, resolve } = Promise.withResolvers<string>();
    this.#pending.set(id, resolve);
    this.#socket.send(JSON.stringify({ id, method, params }));
    return promise;
  }
}

export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[];
}

export interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly children?: readonly number[];
}

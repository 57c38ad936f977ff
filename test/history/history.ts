/** Events of a run, put together: who held which session when, and each lane with what was sent and what arrived. */
import { Correspondence } from './correspondence.ts';
import type { Acknowledged, Connected, Delivered, Disturbed, Ended, HistoryEvent, Logged, Sent } from './event.ts';

/** One session of a client, in the order of the client's sessions. */
export interface SessionFacts extends Connected {
  /** When the client's next session was acknowledged: from then on this one must have no effect. */
  supersededAt: number;
  acknowledgedAt: number | undefined;
  endedAt: number | undefined;
}

/** Messages from one sender to one recipient. */
export interface Lane {
  readonly from: string;
  readonly to: string;
  readonly sent: Sent[];
  /** In the order in which the recipient got them. */
  readonly delivered: Delivered[];
}

export class History {
  readonly lanes = new Map<string, Lane>();
  readonly disturbances: Disturbed[] = [];
  readonly deliveries: Delivered[] = [];
  readonly correspondence = new Correspondence();
  readonly logged: Logged[] = [];
  readonly #sessions = new Map<string, SessionFacts>();
  readonly #byClient = new Map<string, SessionFacts[]>();
  readonly #ends: (Acknowledged | Ended)[] = [];

  /** `events`: those of one client in the order in which it wrote them; of different clients in any order. */
  constructor(events: Iterable<HistoryEvent>) {
    for (const event of events) this.#take(event);
    for (const event of this.#ends) this.#end(event);
    for (const sessions of this.#byClient.values()) supersede(sessions);
    for (const { sent } of this.lanes.values()) sent.sort((one, other) => one.first - other.first);
  }

  session(id: string | undefined): SessionFacts | undefined {
    return id === undefined ? undefined : this.#sessions.get(id);
  }

  sessionsOf(who: string): readonly SessionFacts[] {
    return this.#byClient.get(who) ?? [];
  }

  get clients(): Iterable<string> {
    return this.#byClient.keys();
  }

  isAcknowledged({ session }: Sent): boolean {
    return this.#sessions.get(session)?.acknowledgedAt !== undefined;
  }

  #take(event: HistoryEvent): void {
    switch (event.e) {
      case 'connected':
        return this.#connect(event);
      case 'sent':
        return void this.#lane(event.who, event.to).sent.push(event);
      case 'delivered':
        this.deliveries.push(event);
        return void this.#lane(event.from, event.who).delivered.push(event);
      case 'disturbed':
        return void this.disturbances.push(event);
      case 'logged':
        return void this.logged.push(event);
      case 'ended':
      case 'acknowledged':
        return void this.#ends.push(event);
      default:
        return this.correspondence.take(event);
    }
  }

  #connect(event: Connected): void {
    const session = { ...event, supersededAt: Infinity, acknowledgedAt: undefined, endedAt: undefined };
    this.#sessions.set(event.session, session);
    const sessions = this.#byClient.get(event.who);
    if (sessions === undefined) this.#byClient.set(event.who, [session]);
    else sessions.push(session);
  }

  #end(event: Acknowledged | Ended): void {
    const session = this.#sessions.get(event.session);
    if (session === undefined) throw new Error(`${event.who} wrote of session ${event.session}, which it never had`);
    if (event.e === 'acknowledged') session.acknowledgedAt ??= event.at;
    else session.endedAt ??= event.at;
  }

  #lane(from: string, to: string): Lane {
    const key = `${from} ${to}`;
    let lane = this.lanes.get(key);
    if (lane === undefined) this.lanes.set(key, (lane = { from, to, sent: [], delivered: [] }));
    return lane;
  }
}

/** Late sessions are left out: nothing says where in the line they belong. */
const supersede = (sessions: readonly SessionFacts[]): void => {
  const line = sessions.filter(({ isLate }) => isLate === undefined).toSorted((one, other) => one.at - other.at);
  for (const [index, session] of line.entries()) session.supersededAt = line[index + 1]?.at ?? Infinity;
};

/** The numbers of a range of messages. */
export function* numbersOf({ first, count }: Pick<Sent, 'first' | 'count'>): Generator<number> {
  for (let number = first; number < first + count; number += 1) yield number;
}

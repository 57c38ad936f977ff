/**
 * Senders that spread their messages over many topics. What they sent counts once the server has answered the end of
 * their streams with OK, which says that all of it was accepted.
 */
import { nowMs } from '../harness/statistics.ts';
import { type Agent, openAgent, type ServerAddress } from '../wire/agent.ts';
import { agentTopic, type Parcel, parcelOf, sendMessage } from '../wire/frames.ts';

export interface Spreading {
  readonly server: ServerAddress;
  readonly workspace: string;
  /** Topics nobody has sent to before: their recipients are not connected. */
  readonly topics: number;
  /** Of recipients that are. */
  readonly live: readonly string[];
  readonly seconds: number;
}

export interface Spread {
  readonly sent: number;
  readonly sentLive: number;
  readonly startedMs: number;
  readonly acceptedMs: number;
}

interface SpreadParcel {
  readonly parcel: Parcel;
  readonly live: number;
}

const senders = 4;
const parcelMessages = 100;
/** One message of each so many goes to a recipient that is connected. */
const liveEvery = 10;
const payload = Buffer.alloc(256, 7);
const okStatus = 0;

export class Topics {
  async spread({ server, workspace, topics, live, seconds }: Spreading): Promise<Spread> {
    const all = parcelsOf(workspace, topics, live);
    const agents: Agent[] = [];
    for (let index = 0; index < senders; index += 1) {
      const member = { name: { workspace, specifier: `s${index}` }, route: { role: 'send' as const, key: workspace } };
      agents.push(await openAgent({ kind: 'http2', server, member }));
    }
    const startedMs = nowMs();
    const untilMs = startedMs + seconds * 1000;
    const sent = await Promise.all(
      agents.map((agent, index) => sendUntil(agent, all.slice((index * all.length) / senders), untilMs)),
    );
    const statuses = await Promise.all(agents.map(finish));
    const refused = statuses.find((status) => status !== okStatus);
    if (refused !== undefined) throw new Error(`a stream ended with status ${refused}`);
    const total = (of: (counts: Counts) => number): number => sent.reduce((sum, counts) => sum + of(counts), 0);
    return { sent: total((of) => of.sent), sentLive: total((of) => of.live), startedMs, acceptedMs: nowMs() };
  }
}

interface Counts {
  readonly sent: number;
  readonly live: number;
}

/** Enough of them that each topic is in one, and that they divide among the senders. */
const parcelsOf = (workspace: string, topics: number, live: readonly string[]): readonly SpreadParcel[] => {
  const cold = parcelMessages - parcelMessages / liveEvery;
  const parcels = Math.ceil(topics / cold / senders) * senders;
  let next = 0;
  return Array.from({ length: parcels }, (_, parcel) => {
    const messages = Array.from({ length: parcelMessages }, (__, index) => {
      const isLive = index % liveEvery === 0;
      const target = isLive ? live[(parcel + index / liveEvery) % live.length] : undefined;
      return sendMessage(target ?? agentTopic(workspace, `t${(next += 1) % topics}`), payload);
    });
    return { parcel: parcelOf(messages), live: live.length === 0 ? 0 : parcelMessages / liveEvery };
  });
};

/** Round and round through its parcels. */
const sendUntil = async ({ client }: Agent, parcels: readonly SpreadParcel[], untilMs: number): Promise<Counts> => {
  let sent = 0;
  let live = 0;
  for (let index = 0; nowMs() < untilMs; index += 1) {
    const next = parcels[index % parcels.length];
    if (next === undefined) break;
    sent += parcelMessages;
    live += next.live;
    if (!client.send(next.parcel)) await client.room();
  }
  return { sent, live };
};

const finish = ({ client, ended }: Agent): Promise<number | undefined> => {
  client.halfClose();
  return ended;
};

/** Writes down the sessions an SDK client goes through. */
import type { MessagingClient } from '../../../sdk/typescript/src/index.ts';
import type { Place } from './place.ts';
import type { Recorder } from './recorder.ts';

interface Setting {
  readonly who: string;
  readonly place: Place;
  readonly recorder: Recorder;
}

/** Answers with the session the client has now, which is written down by then. */
export const recordSessions = (client: MessagingClient, { who, place, recorder }: Setting): (() => string) => {
  const gateways = new Map(place.gateways.map(({ name, address }) => [address, name]));
  let last = '';
  const current = (): string => {
    const { session, currentStatus: status } = client;
    if (session.id === last) return last;
    const address = status.state === 'connected' ? status.address : '';
    recorder.write({
      e: 'connected',
      who,
      session: session.id,
      gateway: gateways.get(address) ?? 'unknown',
      resumes: last,
      resumed: session.resumed,
    });
    last = session.id;
    return last;
  };
  client.onStatus(() => void current());
  current();
  return current;
};

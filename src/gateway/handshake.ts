/**
 * The handshake, step by step: first frame, identity, authentication, lease, right to connect, subscriptions. Each step
 * that fails ends the stream with its own status and undoes the ones before.
 */
import type { InitConnection } from '../gen/aether/v1/connection.ts';
import { FabricError } from '../model/error.ts';
import type { Extension } from '../model/extension.ts';
import { credentialsMax, handshakeTimeoutMs } from '../model/limits.ts';
import { identityOf, ownTopicOf, type Principal, workspaceOf } from '../model/principal.ts';
import type { Session } from '../presence/session.ts';
import type { Recipient } from '../router/recipient.ts';
import { ClientSession } from './client-session.ts';
import { annotate } from './codec/annotated-delivery.ts';
import { type Claim, readClaim } from './codec/identity.ts';
import { decodeUpstream } from './codec/upstream.ts';
import type { Frame, FrameStream, StreamEnd } from './frame-stream.ts';
import type { GatewayDeps } from './gateway.ts';
import type { GatewayMeasures } from './measures.ts';
import type { Outbox } from './outbox.ts';
import { wishesOf } from './subscriptions.ts';

export type Frames = AsyncGenerator<readonly Frame[], StreamEnd>;

/** The first frame and those that came with it; `undefined` if the client left without one. */
export const readInit = async (
  frames: Frames,
  { clock }: GatewayDeps,
): Promise<{ init: InitConnection; rest: readonly Frame[] } | undefined> => {
  const late = Promise.withResolvers<never>();
  const timer = clock.schedule(handshakeTimeoutMs, () =>
    late.reject(new FabricError('INIT_TIMEOUT', 'timeout waiting for InitConnection')),
  );
  try {
    const { value, done } = await Promise.race([frames.next(), late.promise]);
    if (done === true) return undefined;
    const [first = new Uint8Array(), ...rest] = value;
    const frame = decodeUpstream(first);
    if (frame.$case !== 'init') throw new FabricError('INIT_EXPECTED', 'first message must be InitConnection');
    return { init: frame.value, rest };
  } finally {
    timer.cancel();
  }
};

export interface Who {
  readonly principal: Principal;
  readonly sessionId: string;
  /** Made up for this connection: nobody can have sent anything to it. */
  readonly isNew: boolean;
}

/** Who connects, with the identity made up where the client leaves it open. */
export const identify = async (init: InitConnection, stream: FrameStream, deps: GatewayDeps): Promise<Who> => {
  const claimed = readClaim(init);
  if (init.credentials.size > credentialsMax)
    throw new FabricError('INVALID_IDENTITY', `${init.credentials.size} credentials, at most ${credentialsMax}`);
  const claim = await deps.authenticate({
    claim: claimed,
    credentials: init.credentials,
    remoteAddress: stream.remoteAddress,
  });
  const sessionId = deps.entropy.uuid();
  switch (claim.kind) {
    case 'principal':
      return { principal: claim.principal, sessionId, isNew: false };
    case 'new_orchestrator': {
      const { implementation } = claim;
      return {
        principal: { kind: 'orchestrator', implementation, specifier: sessionId.slice(0, 8) },
        sessionId,
        isNew: true,
      };
    }
    case 'new_task':
      return identifyTask(claim, { sessionId, resumes: init.resumeSessionId }, deps);
  }
};

/**
 * A task without a specifier gets its session id for one, so that every client computes its topic right; it keeps both
 * when it resumes, and only who holds the lease under that id can.
 */
const identifyTask = async (
  { workspace, implementation }: Extract<Claim, { kind: 'new_task' }>,
  { sessionId, resumes }: { sessionId: string; resumes: string },
  { presence }: GatewayDeps,
): Promise<Who> => {
  const task = (specifier: string): Principal => ({
    kind: 'task',
    workspace,
    implementation,
    specifier,
    unique: false,
  });
  if (resumes !== '' && (await presence.isHolder(identityOf(task(resumes)), resumes)))
    return { principal: task(resumes), sessionId: resumes, isNew: false };
  return { principal: task(sessionId), sessionId, isNew: true };
};

interface Opening {
  readonly init: InitConnection;
  readonly stream: FrameStream;
  readonly who: Who;
  readonly deps: GatewayDeps;
}

export const takeIdentity = ({ init, stream, who, deps }: Opening): Promise<Session> =>
  deps.presence.open({
    identity: identityOf(who.principal),
    sessionId: who.sessionId,
    resumes: init.resumeSessionId,
    note: {
      client: [init.clientSdk, init.clientVersion]
        .filter((text) => text !== '')
        .join(' ')
        .slice(0, 64),
      remoteAddress: stream.remoteAddress,
      workspace: '',
    },
    peer: stream,
  });

/** From here on no older session of the identity writes its exclusive keys and checkpoints (I3). */
export const openState = async (
  { principal }: Who,
  { identity, epoch }: Session,
  { kv, checkpoints }: GatewayDeps,
): Promise<void> => {
  const opened = await Promise.all([kv.open(principal, identity, epoch), checkpoints.open(identity, epoch)]);
  if (opened.includes(false))
    throw new FabricError('SESSION_SUPERSEDED', 'the identity was taken over by a newer session');
};

export interface Members {
  readonly session: Session;
  readonly outbox: Outbox;
  /** In force on the stream. */
  readonly extensions: ReadonlySet<Extension>;
}

/** Opens the receiving end and joins every topic the principal receives. */
export const joinTopics = async (
  who: Who,
  { session, outbox, extensions }: Members,
  deps: GatewayDeps,
): Promise<Recipient> => {
  const recipient = await deps.router.open({
    identity: session.identity,
    topic: ownTopicOf(who.principal) ?? '',
    epoch: session.epoch,
    inbox: outbox,
    acks: extensions.has('ack') ? { settings: deps.settings.acks, annotate } : undefined,
    onFenced: () =>
      session.lose(new FabricError('SESSION_SUPERSEDED', 'the identity was taken over by a newer session')),
  });
  try {
    for (const wish of wishesOf(who.principal, who)) {
      if (wish.mode === 'work') deps.router.work(recipient, wish.topic);
      else await deps.router.subscribe(recipient, wish.topic, wish.mode);
    }
    return recipient;
  } catch (cause) {
    await deps.router.close(recipient);
    throw cause;
  }
};

/** Puts the parts together once all of them are there. */
export const enrol = async (
  who: Who,
  members: Members & { readonly recipient: Recipient; readonly over: () => AbortSignal },
  { deps, measures }: { deps: GatewayDeps; measures: GatewayMeasures },
): Promise<ClientSession> => {
  const workspace = workspaceOf(who.principal);
  const client = new ClientSession({ ...members, principal: who.principal, workspace }, deps, measures);
  const verdict = await client.permit({ action: 'connect', workspace });
  if ('permit' in verdict) return client;
  throw new FabricError('ERR_PERMISSION_DENIED', `not authorized to connect: ${verdict.denial.because}`);
};

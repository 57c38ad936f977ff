/**
 * HTTP for operators and probes: whether the process lives, is ready, has started, and what it measures. No secrets, no
 * effects.
 */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { FabricError } from '../model/error.ts';
import type { Health } from './health.ts';

/** An import of it would read all it exports, of which `WebSocket` loads an HTTP client: 15 MB and 50 ms for nothing. */
const { createServer } = process.getBuiltinModule('node:http');

export interface OpsServerDeps {
  readonly health: { ask(): Promise<Health> };
  /** Set once everything is up. */
  readonly hasStarted: () => boolean;
  readonly metrics: { readonly contentType: string; text(): Promise<string> };
}

export interface OpsServer extends AsyncDisposable {
  readonly port: number;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const json = (status: number, body: object): Answer => ({
  status,
  type: 'application/json',
  body: `${JSON.stringify(body)}\n`,
});

const answer = async (path: string, { health, hasStarted, metrics }: OpsServerDeps): Promise<Answer> => {
  switch (path) {
    case '/health/live':
      return json(200, { status: 'live' });
    case '/health/startup':
      return hasStarted() ? json(200, { status: 'started' }) : json(503, { status: 'starting' });
    case '/health/ready': {
      const { ready, checks } = await health.ask();
      return json(ready ? 200 : 503, { status: ready ? 'ready' : 'not_ready', checks });
    }
    case '/metrics':
      return { status: 200, type: metrics.contentType, body: await metrics.text() };
    default:
      return json(404, { error: 'there are /health/live, /health/ready, /health/startup and /metrics' });
  }
};

const onlyReading: Answer = { ...json(405, { error: 'only GET and HEAD' }), headers: { allow: 'GET, HEAD' } };

/** Throws `CONFIG_INVALID` where the address is taken. */
export const openOpsServer = async (
  { host, port }: { readonly host: string; readonly port: number },
  deps: OpsServerDeps,
): Promise<OpsServer> => {
  const server = createServer({ requestTimeout: 10_000 }, (request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') return send(response, onlyReading);
    const path = request.url?.split('?')[0] ?? '/';
    answer(path, deps).then(
      (ready) => send(response, ready),
      () => send(response, json(500, { error: 'internal error' })),
    );
  });
  server.listen(port, host);
  await once(server, 'listening').catch((cause: unknown) => {
    const said = cause instanceof Error ? cause.message : String(cause);
    throw new FabricError(
      'CONFIG_INVALID',
      `cannot listen on ${host}:${port} for health and metrics: ${said}; choose another with --ops-port`,
      { cause },
    );
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
};

const send = (response: ServerResponse, { status, type, body, headers }: Answer): void => {
  response.writeHead(status, { ...headers, 'content-type': type, 'cache-control': 'no-store' });
  response.end(body);
};

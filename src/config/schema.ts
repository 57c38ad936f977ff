/**
 * Every setting of a gateway, once: its type, default, environment variable, flag and meaning. The configuration
 * reference, `--help` and the example files are held to this table by a test.
 */
import { z } from 'zod';
import { kvValueBytesCeiling, quotaMax, workersMax } from '../model/limits.ts';
import { bytes, duration } from './quantities.ts';

export interface SettingMeta {
  /** What it does, for the reference and `--help`. */
  readonly about: string;
  readonly env?: string;
  /** Without the dashes. */
  readonly flag?: string;
  /** Not shown in any output. */
  readonly secret?: true;
  /** A number that is written with a unit. */
  readonly quantity?: 'duration' | 'size';
}

const about = <Schema extends z.ZodType>(schema: Schema, meta: SettingMeta): Schema => schema.meta({ ...meta });

const port = () => z.coerce.number().int().min(0).max(65_535);
/** `true` and `false` as environment variables and flags write them. */
const toggle = () =>
  z
    .union([z.boolean(), z.enum(['true', 'false', '1', '0', 'yes', 'no'])])
    .transform((value) => value === true || value === 'true' || value === '1' || value === 'yes');
const list = () =>
  z
    .union([z.array(z.string()), z.string()])
    .transform((value) =>
      (typeof value === 'string' ? value.split(',') : value).map((item) => item.trim()).filter((item) => item !== ''),
    );
const count = () => z.coerce.number().int().positive();

const gateway = z.strictObject({
  id: about(
    z
      .string()
      .regex(/^[\w.-]{0,64}$/)
      .default(''),
    {
      env: 'AETHER_GATEWAY_ID',
      flag: 'gateway-id',
      about: 'Name of this gateway in logs and sessions. Empty: made from the host name and the process.',
    },
  ),
  host: about(z.string().min(1).default('127.0.0.1'), {
    env: 'AETHER_HOST',
    flag: 'host',
    about: 'Address gRPC listens on. Anything but loopback needs `gateway.insecure` until there is access control.',
  }),
  port: about(port().default(50_051), {
    env: 'AETHER_PORT',
    flag: 'port',
    about: 'Port gRPC listens on; 0 for any free one.',
  }),
  insecure: about(toggle().default(false), {
    env: 'AETHER_INSECURE',
    flag: 'insecure',
    about: 'Accept unauthenticated clients from other machines.',
  }),
  workers: about(count().max(workersMax).default(1), {
    env: 'AETHER_WORKERS',
    flag: 'workers',
    about: 'Processes that share the port, for more cores: each is a gateway of its own. The stack only.',
  }),
  slow_consumer_timeout: about(duration().default(120_000), {
    quantity: 'duration',
    about: 'How long a client may leave its outgoing queue full before its stream ends. What it missed is kept for it.',
  }),
  tls: z
    .strictObject({
      enabled: about(toggle().default(false), {
        env: 'AETHER_TLS_ENABLED',
        flag: 'tls',
        about: 'Serve gRPC over TLS.',
      }),
      cert_file: about(z.string().default(''), {
        env: 'AETHER_TLS_CERT_FILE',
        flag: 'cert-file',
        about: 'Server certificate, PEM.',
      }),
      key_file: about(z.string().default(''), {
        env: 'AETHER_TLS_KEY_FILE',
        flag: 'key-file',
        about: 'Private key of the certificate, PEM.',
      }),
      ca_file: about(z.string().default(''), {
        env: 'AETHER_TLS_CA_FILE',
        flag: 'ca-file',
        about: 'Authorities client certificates must be signed by, PEM. Empty: clients need none.',
      }),
    })
    .prefault({}),
});

const ops = z.strictObject({
  host: about(z.string().min(1).default('127.0.0.1'), {
    env: 'AETHER_OPS_HOST',
    flag: 'ops-host',
    about: 'Address health and metrics listen on.',
  }),
  port: about(port().default(9090), {
    env: 'AETHER_OPS_PORT',
    flag: 'ops-port',
    about: 'Port health and metrics listen on; 0 for any free one.',
  }),
});

const log = z.strictObject({
  partitions: about(count().max(1024).default(16), {
    about:
      'Partitions of the message log. Written down when the log is made; a gateway configured otherwise refuses to start.',
  }),
  spread: about(count().max(1024).default(16), {
    about: 'Over how many partitions the topics of one workspace are spread. Fixed like `log.partitions`.',
  }),
  retention_age: about(duration().default(7 * 86_400_000), {
    quantity: 'duration',
    about: 'How long messages are kept at most.',
  }),
  retention_size: about(bytes().default(10 * 1024 ** 3), {
    quantity: 'size',
    about: 'How much the log keeps at most; the oldest goes first.',
  }),
});

const leases = z.strictObject({
  identity_ttl: about(duration().default(30_000), {
    quantity: 'duration',
    about: 'How long a lost session can be resumed, and how long an identity stays taken if its whole fabric dies.',
  }),
  identity_renew: about(duration().default(10_000), {
    quantity: 'duration',
    about: 'How often identities are renewed.',
  }),
  gateway_ttl: about(duration().default(2500), {
    quantity: 'duration',
    about: 'How long the identities of a gateway that died stay taken.',
  }),
  gateway_renew: about(duration().default(800), {
    quantity: 'duration',
    about: 'How often a gateway renews its own lease.',
  }),
  margin: about(duration().default(500), {
    quantity: 'duration',
    about: 'How much earlier than the store a gateway stops trusting a lease.',
  }),
});

const receipts = z.strictObject({
  retention: about(duration().default(86_400_000), {
    quantity: 'duration',
    about: 'How long a receipt can be asked for after its last step, and the same message id be recognised.',
  }),
});

const isKey = (text: string): boolean =>
  /^[A-Za-z0-9+/]+={0,2}$/.test(text) && Buffer.from(text, 'base64').byteLength === 32;

const kv = z.strictObject({
  default_ttl: about(duration().default(0), {
    quantity: 'duration',
    about: 'How long keys written without a TTL live; 0s for ever.',
  }),
  max_ttl: about(duration().default(0), {
    quantity: 'duration',
    about: 'The longest TTL a key may have, and the one of keys without; 0s for no limit.',
  }),
  max_value_size: about(
    bytes()
      .refine((size) => size > 0 && size <= kvValueBytesCeiling, 'has to be more than 0B and at most 3MiB')
      .default(1024 ** 2),
    {
      quantity: 'size',
      about:
        'How large a value may be, at most 3MiB. As `kv_value_size` it can be changed for a workspace or an identity.',
    },
  ),
  encryption_keys: about(
    list()
      .refine((keys) => keys.every(isKey), 'each has to be 32 bytes in base64, as `openssl rand -base64 32` makes them')
      .default([]),
    {
      env: 'AETHER_KV_ENCRYPTION_KEYS',
      secret: true,
      about:
        'Keys that the values of keys beginning with `enc:` are kept encrypted under, 32 bytes in base64 each: the first encrypts, all decrypt. Without any, such keys are refused.',
    },
  ),
});

const quota = () => z.coerce.number().int().min(0).max(quotaMax);

const quotas = z.strictObject({
  session_rate: about(quota().default(1000), {
    env: 'AETHER_SESSION_RATE',
    about:
      'Messages and reports of progress one session may send a second; 0 for any number. All of these can be changed while the fabric runs, for a workspace or an identity: `aether quota`.',
  }),
  session_burst: about(quota().default(0), {
    env: 'AETHER_SESSION_BURST',
    about: 'How many of them at once; 0 for twice the rate: 2,000 where that is not set either.',
  }),
  identity_rate: about(quota().default(1000), {
    env: 'AETHER_IDENTITY_RATE',
    about: 'The same for an identity, which has used up what it has used up also after a reconnect; 0 for any number.',
  }),
  identity_burst: about(quota().default(0), {
    env: 'AETHER_IDENTITY_BURST',
    about: 'How many of them at once; 0 for twice the rate.',
  }),
  workspace_rate: about(quota().default(0), {
    env: 'AETHER_WORKSPACE_RATE',
    about: 'The same for all who are in a workspace, over all gateways; 0 for any number.',
  }),
  workspace_burst: about(quota().default(0), {
    env: 'AETHER_WORKSPACE_BURST',
    about: 'How many of them at once; 0 for twice the rate.',
  }),
  workspace_connections: about(quota().default(10_000), {
    env: 'AETHER_WORKSPACE_CONNECTIONS',
    about: 'How many may be connected in a workspace, over all gateways; 0 for any number.',
  }),
  kv_keys: about(quota().default(100_000), {
    env: 'AETHER_KV_KEYS',
    about: 'Keys of one space: of a workspace, a user, the exclusive ones of an identity, and so on; 0 for any number.',
  }),
});

const checkpoints = z.strictObject({
  default_ttl: about(duration().default(0), {
    quantity: 'duration',
    about: 'How long checkpoints saved with a negative TTL live; 0s for ever.',
  }),
});

const acks = z.strictObject({
  timeout: about(duration().default(30_000), {
    quantity: 'duration',
    about: 'How long a client that acknowledges may leave a delivery unanswered before it comes again.',
  }),
  attempts: about(count().max(1000).default(5), {
    about:
      'How often a delivery may fail (refused, unanswered for too long, or alone in a client that dies of it) before the message goes to the dead letters.',
  }),
  outstanding: about(count().max(1000).default(256), {
    about: 'Deliveries a client that acknowledges may have unanswered; it gets no more until it answers.',
  }),
});

const delays = z.strictObject({
  max_ahead: about(duration().default(30 * 86_400_000), {
    quantity: 'duration',
    about: 'How far ahead a message may be sent that is to be delivered later.',
  }),
});

const embedded = z.strictObject({
  data_dir: about(z.string().min(1).default('./aether-data'), {
    env: 'AETHER_DATA_DIR',
    flag: 'data-dir',
    about: 'Where the embedded fabric keeps its data.',
  }),
});

const redis = z.strictObject({
  addresses: about(list().default(['127.0.0.1:6379']), {
    env: 'REDIS_ADDR',
    flag: 'redis',
    about: '`host:port` of Redis, or several of a cluster, separated by commas.',
  }),
  username: about(z.string().default(''), {
    env: 'REDIS_USERNAME',
    about: 'User to log in as; empty for the default user.',
  }),
  password: about(z.string().default(''), { env: 'REDIS_PASSWORD', secret: true, about: 'Password to log in with.' }),
  tls: about(toggle().default(false), { env: 'REDIS_TLS', about: 'Speak TLS to Redis.' }),
  prefix: about(z.string().default('aether:'), { env: 'REDIS_PREFIX', about: 'What all keys begin with.' }),
});

const rabbitmq = z.strictObject({
  stream_url: about(z.string().default('rabbitmq-stream://guest:guest@127.0.0.1:5552'), {
    env: 'STREAM_URL',
    flag: 'stream-url',
    secret: true,
    about: 'Where the stream protocol is spoken.',
  }),
  amqp_url: about(z.string().default('amqp://guest:guest@127.0.0.1:5672'), {
    env: 'AMQP_URL',
    flag: 'amqp-url',
    secret: true,
    about: 'Where AMQP is spoken.',
  }),
  prefix: about(
    z
      .string()
      .regex(/^[\w.-]{1,64}$/)
      .default('aether'),
    { env: 'RABBITMQ_PREFIX', about: 'What all streams, queues and exchanges begin with.' },
  ),
  via_configured_address: about(toggle().default(false), {
    about: 'Never connect to the addresses the brokers advertise: for brokers behind a load balancer.',
  }),
});

const postgres = z.strictObject({
  host: about(z.string().default('127.0.0.1'), { env: 'POSTGRES_HOST', flag: 'db-host', about: 'Host of Postgres.' }),
  port: about(port().default(5432), { env: 'POSTGRES_PORT', flag: 'db-port', about: 'Port of Postgres.' }),
  user: about(z.string().default('postgres'), { env: 'POSTGRES_USER', flag: 'db-user', about: 'User to log in as.' }),
  password: about(z.string().default(''), {
    env: 'POSTGRES_PASSWORD',
    flag: 'db-password',
    secret: true,
    about: 'Password to log in with.',
  }),
  database: about(z.string().default('aether'), { env: 'POSTGRES_DB', flag: 'db-name', about: 'Database to use.' }),
  tls: about(toggle().default(false), { env: 'POSTGRES_TLS', flag: 'db-tls', about: 'Speak TLS to Postgres.' }),
});

const admin = z.strictObject({
  port: about(port().default(31_880), {
    env: 'AETHER_ADMIN_PORT',
    flag: 'admin-port',
    about: 'Reserved for the administration API, which does not exist yet.',
  }),
});

export const configSchema = z.strictObject({
  mode: about(z.enum(['embedded', 'stack']).default('embedded'), {
    about:
      '`embedded`: one process that needs nothing else. `stack`: one of many gateways on Redis, RabbitMQ and Postgres.',
  }),
  log_level: about(z.enum(['debug', 'info', 'warn', 'error']).default('info'), {
    env: 'AETHER_LOG_LEVEL',
    flag: 'log-level',
    about: 'The least important events that are logged.',
  }),
  log_format: about(z.enum(['auto', 'json', 'text']).default('auto'), {
    env: 'AETHER_LOG_FORMAT',
    flag: 'log-format',
    about: '`text` for people, `json` for machines; `auto`: text on a terminal.',
  }),
  drain_timeout: about(duration().default(10_000), {
    quantity: 'duration',
    env: 'AETHER_DRAIN_TIMEOUT',
    about: 'How long a stop waits for what is under way.',
  }),
  gateway: gateway.prefault({}),
  ops: ops.prefault({}),
  log: log.prefault({}),
  leases: leases.prefault({}),
  receipts: receipts.prefault({}),
  acks: acks.prefault({}),
  delays: delays.prefault({}),
  kv: kv.prefault({}),
  checkpoints: checkpoints.prefault({}),
  quotas: quotas.prefault({}),
  embedded: embedded.prefault({}),
  redis: redis.prefault({}),
  rabbitmq: rabbitmq.prefault({}),
  postgres: postgres.prefault({}),
  admin: admin.prefault({}),
});

export type Config = z.output<typeof configSchema>;

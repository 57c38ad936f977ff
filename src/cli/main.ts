/** The command line. Each command's file is loaded only when it is asked for. */
import './node22.ts';
import { Command, CommanderError, Option } from 'commander';
import { type Setting, settings } from '../config/settings.ts';
import { asFabricError } from '../model/error.ts';
import type { ClientOptions } from './client.ts';
import { version } from './version.ts';

/** What goes wrong is told by our own errors; grpc-js would write beside them. It reads this when it is loaded. */
process.env['GRPC_VERBOSITY'] ??= 'NONE';

/** Sections of the stack alone: `aether up` has no flags for them. */
const stackSections = new Set(['redis', 'rabbitmq', 'postgres']);

const withSettings = (command: Command, shown: (setting: Setting) => boolean): Command => {
  for (const setting of settings.filter(shown)) {
    if (setting.flag === undefined) continue;
    const flags = setting.isToggle ? `--${setting.flag}` : `--${setting.flag} <value>`;
    command.addOption(
      new Option(flags, setting.env === undefined ? setting.about : `${setting.about} [env ${setting.env}]`),
    );
  }
  return command
    .option('--config <file>', 'YAML file with settings, see docs/configuration.md [env AETHER_CONFIG]')
    .option('--json', 'say where it serves as one JSON object');
};

const withClient = (command: Command): Command =>
  command
    .option(
      '--address <host:port>',
      'gateway to connect to [env AETHER_ADDRESS]',
      process.env['AETHER_ADDRESS'] ?? '127.0.0.1:50051',
    )
    .option('--tls-ca <file>', 'connect over TLS and trust this authority, PEM')
    .option('--json', 'one JSON object a line, for scripts');

const build = (): Command => {
  const program = new Command('aether')
    .description('Aether Fabric: the fabric multi-agent systems run on.')
    .version(version, '-v, --version')
    .showHelpAfterError('(see --help)')
    .exitOverride();
  addServing(program);
  addClients(program);
  program
    .command('doctor')
    .description('say what is wrong with what a gateway needs, and how to mend it')
    .option('--config <file>', 'settings of the gateway to look at [env AETHER_CONFIG]')
    .option('--json', 'one JSON object')
    .action(async (options: { config?: string; json?: true }) => {
      const { doctor } = await import('./doctor.ts');
      process.exitCode = await doctor(options);
    });
  return program;
};

const addServing = (program: Command): void => {
  const up = program.command('up').description('serve the embedded fabric: one process that needs nothing else');
  withSettings(up, ({ path }) => !stackSections.has(path[0] ?? '')).action(
    async (flags: Record<string, string | boolean>) => {
      const { serve } = await import('./serve.ts');
      process.exitCode = await serve('embedded', flags);
    },
  );
  const gateway = program.command('gateway').description('serve one of many gateways on Redis, RabbitMQ and Postgres');
  withSettings(gateway, () => true).action(async (flags: Record<string, string | boolean>) => {
    const { serve } = await import('./serve.ts');
    process.exitCode = await serve('stack', flags);
  });
};

const addClients = (program: Command): void => {
  withClient(program.command('send'))
    .description('send a message; returns when it is durable')
    .argument('<topic>', 'such as ag::workspace::implementation::specifier')
    .argument('[payload]', 'text; from standard input if it is left out')
    .option('--as <identity>', 'who sends, such as sv::cli::me; default: a service of its own')
    .option('--type <type>', 'opaque, chat, control, toolCall, event or metric', 'opaque')
    .option('--workspace <workspace>', 'workspace the message is about')
    .action(
      async (
        topic: string,
        payload: string | undefined,
        options: ClientOptions & { as?: string; type: string; workspace?: string },
      ) => {
        const { send } = await import('./send.ts');
        await send(topic, payload, options);
      },
    );
  withClient(program.command('tail'))
    .description('connect as an identity and print what it receives')
    .argument('<identity>', 'such as ag::workspace::implementation::specifier or us::user::window')
    .option('--workspace <workspace>', 'workspace a person enters')
    .option('--count <n>', 'stop after so many')
    .action(async (identity: string, options: ClientOptions & { workspace?: string; count?: string }) => {
      const { tail } = await import('./tail.ts');
      await tail(identity, options);
    });
  withClient(program.command('who'))
    .description('list who is connected, on all gateways')
    .argument('[prefix]', 'only identities that start with it', '')
    .action(async (prefix: string, options: ClientOptions) => {
      const { who } = await import('./who.ts');
      await who(prefix, options);
    });
  addDeadLetters(program);
  addQuotas(program);
};

const addDeadLetters = (program: Command): void => {
  const dlq = program.command('dlq').description('see to dead letters: messages their recipients gave up on');
  withClient(dlq.command('list'))
    .description('list them, the oldest first')
    .option('--topic <topic>', 'only those of this topic')
    .action(async (options: ClientOptions & { topic?: string }) => {
      const { listDeadLetters } = await import('./dlq.ts');
      await listDeadLetters(options);
    });
  withClient(dlq.command('redrive'))
    .description('publish them to their topics again, with all attempts before them')
    .argument('<id...>', 'as `aether dlq list` shows them')
    .action(async (ids: readonly string[], options: ClientOptions) => {
      const { redriveDeadLetters } = await import('./dlq.ts');
      await redriveDeadLetters(ids, options);
    });
  withClient(dlq.command('drop'))
    .description('remove them for good')
    .argument('<id...>', 'as `aether dlq list` shows them')
    .action(async (ids: readonly string[], options: ClientOptions) => {
      const { dropDeadLetters } = await import('./dlq.ts');
      await dropDeadLetters(ids, options);
    });
};

const addQuotas = (program: Command): void => {
  const quota = program.command('quota').description('see to how much workspaces and identities may use');
  const subject = 'a workspace, or an identity such as ag::workspace::implementation::specifier';
  withClient(quota.command('list'))
    .description('list what has been changed, and for whom')
    .argument('[prefix]', 'only workspaces and identities that start with it', '')
    .action(async (prefix: string, options: ClientOptions) => {
      const { listQuotas } = await import('./quota.ts');
      await listQuotas(prefix, options);
    });
  withClient(quota.command('get'))
    .description('show all limits that hold')
    .argument('<subject>', subject)
    .action(async (text: string, options: ClientOptions) => {
      const { showQuota } = await import('./quota.ts');
      await showQuota(text, options);
    });
  withClient(quota.command('set'))
    .description('change limits on all gateways, at once and for good; 0 is no limit')
    .argument('<subject>', subject)
    .argument('<limit=number...>', 'such as session_rate=500 or workspace_connections=20')
    .action(async (text: string, assignments: readonly string[], options: ClientOptions) => {
      const { setQuota } = await import('./quota.ts');
      await setQuota(text, assignments, options);
    });
  withClient(quota.command('clear'))
    .description('go back to what the configuration says')
    .argument('<subject>', subject)
    .argument('[limit...]', 'only these')
    .action(async (text: string, names: readonly string[], options: ClientOptions) => {
      const { clearQuota } = await import('./quota.ts');
      await clearQuota(text, names, options);
    });
};

/** Runs one command line. What goes wrong is said in one line; the exit code is 1, or 2 where the call was wrong. */
export const main = async (argv: readonly string[]): Promise<void> => {
  try {
    await build().parseAsync(argv);
  } catch (thrown) {
    if (thrown instanceof CommanderError) {
      process.exitCode = thrown.exitCode === 0 ? 0 : 2;
      return;
    }
    console.error(`aether: ${explain(thrown)}`);
    process.exitCode = asFabricError(thrown).reason === 'CONFIG_INVALID' ? 2 : 1;
  }
};

/** What nobody foresaw is shown with where it came from. */
const explain = (thrown: unknown): string => {
  if (!(thrown instanceof Error)) return String(thrown);
  // The client library's errors are known by their name: it is loaded only by commands that connect.
  const isForeseen = thrown.name === 'AetherError' || asFabricError(thrown).reason !== 'ERR_INTERNAL';
  return isForeseen ? thrown.message.trim() : (thrown.stack ?? thrown.message);
};

if (import.meta.main) await main(process.argv);

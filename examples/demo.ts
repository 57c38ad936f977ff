/**
 * `npm run demo`: a person asks an agent over the fabric and gets answers from Markdown. The gateways and the agent are
 * processes of their own; on the stack the person is at another gateway than the agent.
 */
import { constants } from 'node:os';
import { resolve } from 'node:path';
import { Command } from 'commander';
import { openEmbedded, openStack } from './demo/fabric.ts';
import { type Program, startProgram } from './demo/program.ts';
import { asJson, asText, type Report } from './demo/report.ts';
import { ask, connectPerson } from './docs-agent/person.ts';

const questionsOfOurs = [
  'Which port does gRPC listen on?',
  'Where are cursors kept on the stack?',
  'How long are messages kept?',
  'Is what was accepted kept until its recipient, who is away, has it?',
];

/** How long the answer to a question may take. */
const patienceMs = 60_000;

interface Options {
  readonly stack?: true;
  readonly folder?: string;
  readonly json?: true;
}

/** Aborted by Ctrl-C and the like, and where a process ends that should not. */
const ending = new AbortController();

const demonstrate = async (questions: readonly string[], { stack, folder, json }: Options): Promise<void> => {
  const report = json === true ? asJson : asText;
  await using fabric = await (stack === true ? openStack(ending) : openEmbedded(ending));
  report({ event: 'fabric', composition: fabric.composition, gateways: [...new Set([fabric.first, fabric.second])] });
  const startAgent = async (): Promise<Program> => {
    const documents = folder === undefined ? [] : ['--folder', resolve(folder)];
    const args = ['--address', fabric.first.address, ...documents];
    const agent = await startProgram('examples/docs-agent/agent.ts', args, { ending });
    report({ event: 'agent', pid: agent.pid, gateway: fabric.first.address, ready: agent.ready });
    return agent;
  };
  await converse(questions.length > 0 ? questions : questionsOfOurs, fabric.second.address, { startAgent, report });
  report({ event: 'done' });
};

interface Scene {
  readonly startAgent: () => Promise<Program>;
  readonly report: Report;
}

/** The last question is asked while the agent is away; a single one both ways. */
const converse = async (
  questions: readonly string[],
  address: string,
  { startAgent, report }: Scene,
): Promise<void> => {
  await using person = await connectPerson(address, ending);
  report({ event: 'person', identity: person.identity, gateway: address });
  const put = (question: string) => ask(person, question, { tell: report, signal: patience() });
  const [last = '', ...others] = questions.toReversed();
  {
    await using _agent = await startAgent();
    for (const question of others.length > 0 ? others.toReversed() : [last]) await (await put(question))();
  }
  report({ event: 'away' });
  const answer = await put(last);
  await using _agent = await startAgent();
  await answer();
};

const patience = (): AbortSignal => AbortSignal.any([ending.signal, AbortSignal.timeout(patienceMs)]);

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    process.exitCode = 128 + constants.signals[signal];
    ending.abort(new Error(`ended by ${signal}`));
  });

const command = new Command('demo')
  .description('An agent that answers questions from a folder of Markdown, and a person who asks it over the fabric.')
  .argument(
    '[questions...]',
    'what to ask, each in quotes; the last is asked while the agent is away, a single one both ways',
  )
  .option('--stack', 'two gateways on private Redis, RabbitMQ and Postgres, instead of one embedded')
  .option('--folder <folder>', 'where the Markdown is (default: what this project says about itself)')
  .option('--json', 'one JSON object a line, for scripts')
  .addHelpText('after', '\nExample:\n  npm run demo -- --stack --folder ~/notes "When is the dentist?"');

command.action(demonstrate);

try {
  await command.parseAsync();
} catch (error) {
  process.exitCode ??= 1;
  console.error(ending.signal.aborted ? String(ending.signal.reason) : error);
}

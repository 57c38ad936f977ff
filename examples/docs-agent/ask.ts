/**
 * Asks the agent a question and waits for the answer, even if the agent comes only later.
 *
 *   node --conditions=source examples/docs-agent/ask.ts [--address 127.0.0.1:50051] "Which port does gRPC listen on?"
 */
import { parseArgs } from 'node:util';
import { ask, connectPerson } from './person.ts';
import { textOf } from './transcript.ts';

const main = async (): Promise<void> => {
  const { values, positionals } = parseArgs({
    options: { address: { type: 'string', default: '127.0.0.1:50051' } },
    allowPositionals: true,
  });
  if (positionals.length === 0) throw new Error('what is the question?');
  await using person = await connectPerson(values.address);
  const answer = await ask(person, positionals.join(' '), { tell: (said) => console.log(textOf(said)) });
  await answer();
};

await main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});

/**
 * The agent: answers questions from a folder of Markdown, on any fabric.
 *
 *   node --conditions=source examples/docs-agent/agent.ts --address 127.0.0.1:50051 --folder ~/notes
 *
 * It keeps nothing between questions and reads the documents for each, so an answer is from what they say now, and it can
 * be stopped and started at any time: what is asked meanwhile waits for it in the fabric.
 */
import { parseArgs } from 'node:util';
import { type AgentClient, connectAgent, type Message } from '#sdk';
import { Answers } from './answers.ts';
import { docsAgent } from './conversation.ts';
import { type Documents, documentsIn, filesOf, ownDocuments, readSections } from './documents.ts';

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: { address: { type: 'string', default: '127.0.0.1:50051' }, folder: { type: 'string' } },
  });
  const documents = values.folder === undefined ? ownDocuments : documentsIn(values.folder);
  const { length: files } = await filesOf(documents);
  if (files === 0) throw new Error(`there is no Markdown in ${documents.folder}`);
  const agent = await connectAgent({ address: values.address, ...docsAgent });
  console.log(`${agent.identity} answers from ${files} files in ${documents.folder}`);
  agent.onError((error) => console.error(`refused: ${error.message}`));
  for await (const message of untilStopped(agent)) if (message.type === 'chat') await answer(agent, message, documents);
  await agent.close();
};

/** Messages until this process is told to stop; those that have come by then are still answered. */
async function* untilStopped(agent: AgentClient): AsyncGenerator<Message> {
  const messages = agent.messages();
  const stopping = new AbortController();
  const stop = (): void => {
    stopping.abort();
    if (agent.load.messages === 0) void messages.return?.();
  };
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, stop);
  for await (const message of messages) {
    yield message;
    if (stopping.signal.aborted && agent.load.messages === 0) return;
  }
}

/** Answers one question, and tells who asked how far it is. */
const answer = async (agent: AgentClient, message: Message, documents: Documents): Promise<void> => {
  const question = message.text();
  const report = (sequence: number, name: string, detail: string): Promise<void> =>
    agent.reportProgress({
      recipient: message.source,
      kind: 'chat',
      state: 'running',
      completion: (sequence - 1) / 3,
      summary: `${name} ${detail}`,
      step: { name, sequence, totalSteps: 3 },
      metadata: { question },
    });
  const files = await filesOf(documents);
  await report(1, 'reading', `${files.length} files`);
  const sections = await readSections(documents.folder, files);
  await report(2, 'indexing', `${sections.length} sections`);
  const answers = new Answers(sections);
  await report(3, 'searching', `${answers.size} passages`);
  const { text, sources } = answers.answer(question);
  await agent.reply(message, JSON.stringify({ question, text, sources }));
  console.log(`answered "${question}" from ${sources[0]?.file ?? 'nothing'}`);
};

await main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});

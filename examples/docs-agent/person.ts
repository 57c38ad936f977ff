/** A person who asks the agent, at a window of their own. */
import { randomUUID } from 'node:crypto';
import { type AetherError, agentTopic, connectUser, type UserClient, type WaitOptions } from '#sdk';
import { type Answer, docsAgent, parseAnswer } from './conversation.ts';
import type { Said } from './transcript.ts';

export const connectPerson = (address: string, { signal }: WaitOptions = {}): Promise<UserClient> =>
  connectUser({ address, userId: 'reader', windowId: randomUUID(), workspace: docsAgent.workspace, signal });

/**
 * Puts a question. Resolves when the gateway has taken it: from then on it waits for the agent, whether that is there or
 * not. What it resolves with waits for the answer. Progress goes another way than answers and may come after: then it is
 * not told.
 */
export const ask = async (
  person: UserClient,
  question: string,
  { tell, signal }: WaitOptions & { readonly tell: (said: Said) => void },
): Promise<() => Promise<void>> => {
  tell({ event: 'question', question });
  let isAnswered = false;
  const hush = person.onProgress(({ summary, completion, metadata }) => {
    if (!isAnswered && metadata['question'] === question) tell({ event: 'progress', summary, completion });
  });
  const askedAtMs = performance.now();
  await send(person, question, { signal });
  return async () => {
    const answer = await answerTo(person, question, { signal });
    isAnswered = true;
    hush();
    tell({ event: 'answer', ...answer, tookMs: performance.now() - askedAtMs });
  };
};

const send = async (person: UserClient, question: string, { signal }: WaitOptions): Promise<void> => {
  const refusals: AetherError[] = [];
  const stop = person.onError((error) => void refusals.push(error));
  await person.sendToAgent(docsAgent, question, { type: 'chat', signal });
  await person.sync({ signal });
  stop();
  const [refusal] = refusals;
  if (refusal !== undefined) throw refusal;
};

/** Answers to others come before it if a question was given up; nobody waits for them any more. */
const answerTo = async (person: UserClient, question: string, { signal }: WaitOptions): Promise<Answer> => {
  const agent = agentTopic(docsAgent.workspace, docsAgent.implementation, docsAgent.specifier);
  for await (const message of person.messages({ signal })) {
    if (message.source !== agent) continue;
    const answer = message.json(parseAnswer);
    if (answer.question === question) return answer;
  }
  throw new Error('the connection was closed before the answer came');
};

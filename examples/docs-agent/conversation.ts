/**
 * What a person and the agent say to each other. A question is plain text, so anything can ask; answer and progress repeat
 * it, which is how they are matched: a question that is delivered twice is answered twice, and that does no harm.
 */
import { z } from 'zod';

/** Where questions go. */
export const docsAgent = { workspace: 'docs', implementation: 'docs-agent', specifier: '1' };

const sourceSchema = z.object({
  file: z.string(),
  heading: z.string(),
  /** 0 to 1: how much of the question, by the weight of its words, the source holds. */
  score: z.number(),
});

const answerSchema = z.object({
  question: z.string(),
  text: z.string(),
  /** The best first. None: the documents do not say. */
  sources: z.array(sourceSchema),
});

export type Source = z.infer<typeof sourceSchema>;
export type Answer = z.infer<typeof answerSchema>;

export const parseAnswer = (value: unknown): Answer => answerSchema.parse(value);

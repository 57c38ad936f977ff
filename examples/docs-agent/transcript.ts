/** What happens between a person and the agent, and how it reads on a terminal. */
import type { Answer } from './conversation.ts';

export type Said =
  | { readonly event: 'question'; readonly question: string }
  | { readonly event: 'progress'; readonly summary: string; readonly completion: number }
  | ({ readonly event: 'answer'; readonly tookMs: number } & Answer);

export const textOf = (said: Said): string => {
  switch (said.event) {
    case 'question':
      return `\nQ  ${said.question}`;
    case 'progress':
      return `   ${Math.round(said.completion * 100)} % ${said.summary}`;
    case 'answer':
      return [
        `A  ${said.text.replaceAll('\n', '\n   ')}`,
        ...said.sources.map(({ file, heading }) => `   from ${file}: ${heading}`),
        `   after ${seconds(said.tookMs)}`,
      ].join('\n');
  }
};

const seconds = (ms: number): string => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`);

/** What the demo tells, for people and, a JSON object a line, for programs. */
import { type Said, textOf } from '../docs-agent/transcript.ts';
import type { Fabric, Gateway } from './fabric.ts';

export type Happening =
  | Said
  | { readonly event: 'fabric'; readonly composition: Fabric['composition']; readonly gateways: readonly Gateway[] }
  | { readonly event: 'agent'; readonly pid: number; readonly gateway: string; readonly ready: string }
  | { readonly event: 'person'; readonly identity: string; readonly gateway: string }
  | { readonly event: 'away' }
  | { readonly event: 'done' };

export type Report = (happening: Happening) => void;

export const asJson: Report = (happening) => console.log(JSON.stringify(happening));

export const asText: Report = (happening) => console.log(lineOf(happening));

const lineOf = (happening: Happening): string => {
  switch (happening.event) {
    case 'fabric':
      return [
        `Aether Fabric, ${happening.composition}:`,
        ...happening.gateways.map(({ address, pid }) => `  gateway  ${address}, process ${pid}`),
      ].join('\n');
    case 'agent':
      return `  agent    on ${happening.gateway}, process ${happening.pid}: ${happening.ready}`;
    case 'person':
      return `  person   on ${happening.gateway}, in this process: ${happening.identity}`;
    case 'away':
      return '\nThe agent is gone; its process has ended. It is asked all the same:';
    case 'done':
      return `\n${byHand}`;
    default:
      return textOf(happening);
  }
};

const byHand = [
  'By hand, each in a terminal of its own (stop the agent before you ask, and start it after):',
  '  npm start',
  '  npx node --conditions=source examples/docs-agent/agent.ts',
  '  npx node --conditions=source examples/docs-agent/ask.ts "Which port does gRPC listen on?"',
].join('\n');

import { styleText } from 'node:util';

interface Line {
  readonly level: number;
  readonly time: string;
  readonly event: string;
  readonly [field: string]: unknown;
}

interface Style {
  readonly name: string;
  readonly colour: 'gray' | 'cyan' | 'yellow' | 'red';
}

const info: Style = { name: 'info', colour: 'cyan' };
const styles: ReadonlyMap<number, Style> = new Map([
  [20, { name: 'debug', colour: 'gray' }],
  [30, info],
  [40, { name: 'warn', colour: 'yellow' }],
  [50, { name: 'error', colour: 'red' }],
]);

/** Turns pino's lines into `12:00:00.000 info  event  name=value`. */
export const readableStream = (out: NodeJS.WriteStream): { write: (json: string) => void } => ({
  write: (json) => void out.write(`${toText(JSON.parse(json))}\n`),
});

const toText = ({ level, time, event, ...fields }: Line): string => {
  const { name, colour } = styles.get(level) ?? info;
  const rest = Object.entries(fields).map(([key, value]) => `${styleText('gray', `${key}=`)}${show(value)}`);
  return [styleText('gray', time.slice(11, 23)), styleText(colour, name.padEnd(5)), event, ...rest].join(' ');
};

const show = (value: unknown): string => {
  if (typeof value === 'string') return value;
  if (typeof value === 'object' && value !== null && 'message' in value)
    return 'stack' in value ? `${String(value.message)}\n${String(value.stack)}` : String(value.message);
  return JSON.stringify(value);
};

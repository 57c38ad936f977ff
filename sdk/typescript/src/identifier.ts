import { identifierBytesMax } from './limits.ts';

/** Between the parts of an identity or topic. */
export const separator = '::';

// Wildcards of topic languages, white space, control characters, and what a decoder puts in place of broken UTF-8.
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const forbidden = /[*>\s\u0000-\u001f\u007f\ufffd]/u;

/**
 * Why `text` cannot be one part of an identity or topic, or `undefined` if it can: the gateway's own rule. A part is 1
 * to 128 bytes of UTF-8, free of `::`, `*`, `>`, white space and control characters, with no `:` at either end.
 */
export const identifierFault = (text: unknown): string | undefined => {
  if (typeof text !== 'string') return 'is not a string';
  if (text === '') return 'is empty';
  if (text.length > identifierBytesMax || Buffer.byteLength(text) > identifierBytesMax)
    return `is longer than ${identifierBytesMax} bytes`;
  if (text.includes(separator)) return `contains "${separator}"`;
  if (text.startsWith(':') || text.endsWith(':')) return 'begins or ends with ":"';
  if (forbidden.test(text) || !text.isWellFormed())
    return 'contains white space, "*", ">", a control character or broken UTF-8';
  return undefined;
};

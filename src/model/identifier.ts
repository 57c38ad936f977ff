import { identifierBytesMax, separator } from './limits.ts';

// Wildcards of topic languages, white space, control characters, and what a decoder puts in place of broken UTF-8.
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const forbidden = /[*>\s\u0000-\u001f\u007f\ufffd]/u;

/**
 * Why `text` cannot be one part of an identity or topic, or `undefined` if it can. A part is 1 to 128 bytes of UTF-8,
 * free of `::`, `*`, `>`, white space and control characters, and has no `:` at either end: next to the separator it
 * would make two different identities read the same.
 */
export const identifierFault = (text: string): string | undefined => {
  if (text === '') return 'is empty';
  if (text.length > identifierBytesMax || Buffer.byteLength(text) > identifierBytesMax)
    return `is longer than ${identifierBytesMax} bytes`;
  if (text.includes(separator)) return `contains "${separator}"`;
  if (text.startsWith(':') || text.endsWith(':')) return 'begins or ends with ":"';
  if (forbidden.test(text)) return 'contains white space, "*", ">", a control character or broken UTF-8';
  return undefined;
};

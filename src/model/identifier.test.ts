import { describe, expect, test } from 'vitest';
import { identifierFault } from './identifier.ts';

describe('identifier', () => {
  test.each(['a', 'a.b-c_d/e|f', 'alice@example.com', 'a:b', 'ünïcode', '日本', 'x'.repeat(128), '\u{1F600}'])(
    '%j is one',
    (text) => {
      expect(identifierFault(text)).toBeUndefined();
    },
  );

  test.each([
    ['', 'is empty'],
    ['x'.repeat(129), 'longer than 128 bytes'],
    ['ü'.repeat(65), 'longer than 128 bytes'],
    ['a::b', 'contains "::"'],
    [':a', 'begins or ends with ":"'],
    ['a:', 'begins or ends with ":"'],
    ['a*', 'white space'],
    ['a>b', 'white space'],
    ['a b', 'white space'],
    ['a\tb', 'white space'],
    ['a\u0000', 'white space'],
    ['a\u007f', 'white space'],
    ['a\u00a0b', 'white space'],
    ['a\ufffd', 'broken UTF-8'],
  ])('%j is none: it %s', (text, fault) => {
    expect(identifierFault(text)).toContain(fault);
  });
});

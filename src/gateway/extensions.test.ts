import { describe, expect, test } from 'vitest';
import type { ExtensionDeclaration } from '../gen/aether/v1/connection.ts';
import { extensionUris, uriOf } from '../model/extension.ts';
import { extensionsMax } from '../model/limits.ts';
import { negotiate } from './extensions.ts';

const batch = uriOf('batch');
const declare = (uri: string, changes: Partial<ExtensionDeclaration> = {}): ExtensionDeclaration => ({
  uri,
  version: '1',
  required: false,
  jsonSchema: '',
  ...changes,
});
const unsupported = (uri: string, version = '1') => ({
  uri,
  version,
  supported: false,
  rejectionReason: 'extension URI not supported by this gateway',
});

describe('negotiating', () => {
  test('nothing declared: nothing in force, everything offered', () => {
    expect(negotiate([], [])).toEqual({
      negotiated: [],
      inForce: new Set(),
      offered: extensionUris,
      failure: undefined,
    });
  });

  test('answers each declaration in its order, with its version; what is known is in force and no longer offered', () => {
    const { negotiated, inForce, offered, failure } = negotiate(
      [declare('urn:unknown'), declare(batch, { version: '7', required: true }), declare('urn:other')],
      [],
    );
    expect(negotiated).toEqual([
      unsupported('urn:unknown'),
      { uri: batch, version: '7', supported: true, rejectionReason: '' },
      unsupported('urn:other'),
    ]);
    expect([...inForce]).toEqual(['batch']);
    expect(offered).not.toContain(batch);
    expect(failure).toBeUndefined();
  });

  test('one that is required and not known fails by name, and is answered all the same', () => {
    const { negotiated, failure } = negotiate([declare('urn:a'), declare('urn:needed', { required: true })], []);
    expect(negotiated.map(({ uri }) => uri)).toEqual(['urn:a', 'urn:needed']);
    expect(failure).toMatchObject({
      reason: 'ERR_EXTENSION_UNSUPPORTED',
      message: expect.stringContaining('urn:needed') as string,
    });
  });

  test('metadata declares more, never required, and nothing twice', () => {
    const { negotiated, inForce, failure } = negotiate([declare('urn:a')], ['urn:a', batch, 'urn:b']);
    expect(negotiated).toEqual([
      unsupported('urn:a'),
      { uri: batch, version: '', supported: true, rejectionReason: '' },
      unsupported('urn:b', ''),
    ]);
    expect([...inForce]).toEqual(['batch']);
    expect(failure).toBeUndefined();
  });

  test('has a bound', () => {
    const many = Array.from({ length: extensionsMax + 1 }, (_, index) => declare(`urn:${index}`));
    expect(() => negotiate(many, [])).toThrow(expect.objectContaining({ reason: 'INVALID_IDENTITY' }));
    expect(negotiate(many.slice(1), []).negotiated).toHaveLength(extensionsMax);
  });
});

/**
 * Values of keys that begin with `enc:` are kept sealed: AES-256-GCM under a configured key, bound to their space and key,
 * so that a value moved elsewhere in the store does not open. Format: version, first bytes of the key's digest, nonce,
 * tag, ciphertext. Nonces are random: one key is good for some billions of values.
 */
import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';
import { FabricError } from '../model/error.ts';
import type { KvPlace } from '../model/kv-command.ts';
import type { Entropy } from '../ports/entropy.ts';

const algorithm = 'aes-256-gcm';
const version = 1;
const digestBytes = 4;
const nonceBytes = 12;
const tagBytes = 16;
const headBytes = 1 + digestBytes + nonceBytes + tagBytes;

const sealedPrefix = 'enc:';

export const isSealedKey = (key: string): boolean => key.startsWith(sealedPrefix);

interface SealingKey {
  readonly secret: Uint8Array;
  readonly digest: Buffer;
}

const boundTo = ({ space, key }: KvPlace): Buffer => Buffer.from(`${space.owner}\n${space.name}\n${key}`);

export class Sealing {
  readonly #keys: readonly SealingKey[];
  readonly #entropy: Entropy;

  /** Of 32 bytes each: the first seals, all of them open. */
  constructor(keys: readonly Uint8Array[], entropy: Entropy) {
    this.#keys = keys.map((secret) => ({
      secret,
      digest: createHash('sha256').update(secret).digest().subarray(0, digestBytes),
    }));
    this.#entropy = entropy;
  }

  seal(place: KvPlace, value: Uint8Array): Uint8Array {
    const [key] = this.#keys;
    if (key === undefined)
      throw new FabricError('ERR_KV_ENCRYPTION', 'keys that begin with "enc:" need kv.encryption_keys to be set');
    const nonce = this.#entropy.bytes(nonceBytes);
    const cipher = createCipheriv(algorithm, key.secret, nonce).setAAD(boundTo(place));
    const ciphertext = Buffer.concat([cipher.update(value), cipher.final()]);
    return Buffer.concat([Buffer.of(version), key.digest, nonce, cipher.getAuthTag(), ciphertext]);
  }

  /** Throws `ERR_KV_ENCRYPTION` where it does not open: no or another key, or it was sealed elsewhere. */
  open(place: KvPlace, sealed: Uint8Array): Uint8Array {
    const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
    const digest = bytes.subarray(1, 1 + digestBytes);
    const key = this.#keys.find((candidate) => candidate.digest.equals(digest));
    if (bytes.byteLength < headBytes || bytes[0] !== version || key === undefined)
      throw new FabricError('ERR_KV_ENCRYPTION', 'the value was not sealed under a key of kv.encryption_keys');
    const nonceAt = 1 + digestBytes;
    const tagAt = nonceAt + nonceBytes;
    try {
      const decipher = createDecipheriv(algorithm, key.secret, bytes.subarray(nonceAt, tagAt))
        .setAAD(boundTo(place))
        .setAuthTag(bytes.subarray(tagAt, headBytes));
      return Buffer.concat([decipher.update(bytes.subarray(headBytes)), decipher.final()]);
    } catch (cause) {
      throw new FabricError('ERR_KV_ENCRYPTION', 'the value was sealed for another key, or was changed', { cause });
    }
  }
}

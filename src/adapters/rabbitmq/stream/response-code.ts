/** What a broker answers with, by the names of its protocol reference. */
export const responseCode = {
  ok: 0x01,
  streamDoesNotExist: 0x02,
  streamAlreadyExists: 0x05,
  streamNotAvailable: 0x06,
  saslMechanismNotSupported: 0x07,
  authenticationFailure: 0x08,
  saslAuthenticationFailureLoopback: 0x0b,
  virtualHostAccessFailure: 0x0c,
  accessRefused: 0x10,
  preconditionFailed: 0x11,
} as const;

const names: ReadonlyMap<number, string> = new Map([
  [0x02, 'stream does not exist'],
  [0x03, 'subscription id already exists'],
  [0x04, 'subscription id does not exist'],
  [0x05, 'stream already exists'],
  [0x06, 'stream not available'],
  [0x07, 'SASL mechanism not supported'],
  [0x08, 'authentication failure'],
  [0x09, 'SASL error'],
  [0x0a, 'SASL challenge'],
  [0x0b, 'user may only connect from the broker’s own host'],
  [0x0c, 'no access to the virtual host'],
  [0x0d, 'unknown frame'],
  [0x0e, 'frame too large'],
  [0x0f, 'internal error'],
  [0x10, 'access refused'],
  [0x11, 'precondition failed'],
  [0x12, 'publisher does not exist'],
  [0x13, 'no offset'],
]);

export const nameOfCode = (code: number): string => names.get(code) ?? `code ${code}`;

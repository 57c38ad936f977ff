/**
 * Who may import whom. A part is a folder of `src`; it may enter the parts of its row through the files named there
 * (a door or pure values) and nothing else of `src`. `oxlint.config.ts` turns this table into lint rules.
 */
const everything = '*';

/** The files of a part that others may import; every file where a part is not named here. */
export const doors: Readonly<Record<string, readonly string[]>> = {
  acl: ['authorizer.ts', 'decide.ts'],
  presence: ['presence.ts', 'session.ts'],
  receipts: ['receipts.ts'],
  router: ['router.ts', 'acknowledgements.ts', 'inbox.ts', 'recipient.ts', 'publication.ts', 'outgoing-frame.ts'],
  'dead-letters': ['dead-letters.ts'],
  delays: ['delays.ts'],
  kv: ['kv.ts', 'space.ts'],
  checkpoints: ['checkpoints.ts'],
  workers: ['workers.ts', 'messages.ts'],
  quotas: ['quotas.ts', 'meter.ts'],
  circuits: ['circuit.ts'],
};

/** For each part, the parts left of it. */
export const layers: Readonly<Record<string, readonly string[] | typeof everything>> = {
  model: [],
  ports: ['model'],
  acl: ['model', 'ports'],
  presence: ['model', 'ports', 'acl'],
  receipts: ['model', 'ports'],
  circuits: ['model', 'ports'],
  router: ['model', 'ports', 'acl', 'circuits', 'receipts'],
  'dead-letters': ['model', 'ports', 'acl', 'circuits', 'router'],
  delays: ['model', 'ports', 'acl', 'circuits', 'router'],
  kv: ['model', 'ports', 'acl', 'circuits'],
  checkpoints: ['model', 'ports', 'acl', 'circuits'],
  quotas: ['model', 'ports', 'acl', 'circuits'],
  gateway: [
    'model',
    'ports',
    'acl',
    'presence',
    'receipts',
    'router',
    'dead-letters',
    'delays',
    'kv',
    'checkpoints',
    'quotas',
    'gen',
  ],
  admin: ['model', 'ports'],
  workers: ['model', 'ports', 'admin'],
  adapters: ['model', 'ports'],
  config: ['model'],
  compose: everything,
  cli: ['model', 'ports', 'config', 'compose', 'adapters', 'workers'],
  gen: [],
};

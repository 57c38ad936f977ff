/** What a client proves its identity with. One of them is enough; they travel in the first frame, never in a log. */
export interface Credentials {
  readonly apiKey?: string | undefined;
  /** The token a task was given when it was created. */
  readonly token?: string | undefined;
  /** A JWT, without the word Bearer. */
  readonly bearer?: string | undefined;
}

/** As the wire names them; asked before each attempt to connect. */
export type CredentialsSource = () => Promise<Map<string, string>>;

export const credentialsSource =
  (given: Credentials | (() => Credentials | Promise<Credentials>) | undefined): CredentialsSource =>
  async () =>
    toMap(typeof given === 'function' ? await given() : (given ?? {}));

const toMap = ({ apiKey, token, bearer }: Credentials): Map<string, string> => {
  const map = new Map<string, string>();
  if (apiKey !== undefined) map.set('x-api-key', apiKey);
  if (token !== undefined) map.set('token', token);
  if (bearer !== undefined) map.set('authorization', `Bearer ${bearer}`);
  return map;
};

import type { ExtensionDeclaration, NegotiatedExtension } from '../gen/aether/v1/connection.ts';
import { FabricError } from '../model/error.ts';
import { type Extension, extensionOf, extensionUris } from '../model/extension.ts';
import { extensionsMax } from '../model/limits.ts';

/** Extensions this gateway can put into force. */
const knownExtensions = extensionUris;

export interface Negotiation {
  readonly negotiated: readonly NegotiatedExtension[];
  /** Those in force on the stream. */
  readonly inForce: ReadonlySet<Extension>;
  /** What the gateway knows beyond what was declared. */
  readonly offered: readonly string[];
  /** Set when the stream must end after the acknowledgement. */
  readonly failure: FabricError | undefined;
}

/** Answers each declaration in its order. `fromMetadata` declares more, none of them required. */
export const negotiate = (
  declarations: readonly ExtensionDeclaration[],
  fromMetadata: readonly string[],
): Negotiation => {
  if (declarations.length > extensionsMax)
    throw new FabricError('INVALID_IDENTITY', `${declarations.length} extensions declared, at most ${extensionsMax}`);
  const declared = [
    ...declarations,
    ...fromMetadata
      .filter((uri) => !declarations.some((declaration) => declaration.uri === uri))
      .map((uri) => ({ uri, version: '', required: false })),
  ];
  const missing = declared.find(({ uri, required }) => required && !knownExtensions.includes(uri));
  return {
    negotiated: declared.map(answer),
    inForce: declared.length === 0 ? none : inForceOf(declared),
    offered: knownExtensions.filter((uri) => !declared.some((declaration) => declaration.uri === uri)),
    failure:
      missing &&
      new FabricError(
        'ERR_EXTENSION_UNSUPPORTED',
        `ERR_EXTENSION_UNSUPPORTED: extension required but not supported: ${missing.uri}`,
      ),
  };
};

const none: ReadonlySet<Extension> = new Set();

const inForceOf = (declared: readonly Pick<ExtensionDeclaration, 'uri'>[]): ReadonlySet<Extension> =>
  new Set(declared.map(({ uri }) => extensionOf(uri)).filter((extension) => extension !== undefined));

const answer = ({ uri, version }: { uri: string; version: string }): NegotiatedExtension => {
  const supported = knownExtensions.includes(uri);
  return {
    uri,
    version,
    supported,
    rejectionReason: supported ? '' : 'extension URI not supported by this gateway',
  };
};

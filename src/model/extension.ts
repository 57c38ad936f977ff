/** What a stream may use beside the published protocol, once its client has declared it. */
export type Extension = 'batch' | 'receipts' | 'ack' | 'quotas';

const uris: Readonly<Record<Extension, string>> = {
  batch: 'urn:aether-fabric:batch',
  receipts: 'urn:aether-fabric:receipts',
  ack: 'urn:aether-fabric:ack',
  quotas: 'urn:aether-fabric:quotas',
};

export const uriOf = (extension: Extension): string => uris[extension];

export const extensionUris: readonly string[] = Object.values(uris);

const names: readonly Extension[] = ['batch', 'receipts', 'ack', 'quotas'];

/** The extension behind a URI, if this program knows it. */
export const extensionOf = (uri: string): Extension | undefined => names.find((name) => uris[name] === uri);

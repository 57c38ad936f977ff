/** What a stream may use beside the published protocol, once its client has declared it. */
export type Extension = 'batch';

const uris: Readonly<Record<Extension, string>> = {
  batch: 'urn:aether-fabric:batch',
};

export const uriOf = (extension: Extension): string => uris[extension];

export const extensionUris: readonly string[] = Object.values(uris);

const names: readonly Extension[] = ['batch'];

/** The extension behind a URI, if this program knows it. */
export const extensionOf = (uri: string): Extension | undefined => names.find((name) => uris[name] === uri);

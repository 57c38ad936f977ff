/** What Aether Fabric adds to the published protocol, by the URI each is negotiated under. */
export const fabricExtensions = {
  batch: 'urn:aether-fabric:batch',
  receipts: 'urn:aether-fabric:receipts',
  ack: 'urn:aether-fabric:ack',
  quotas: 'urn:aether-fabric:quotas',
} as const;

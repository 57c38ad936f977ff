/**
 * Every bound of the fabric that is not a setting, in one place (I9). What happens at each is said where it is used:
 * a refusal by name, a pause, or the end of a stream; never a silent drop.
 */

/** Between the parts of an identity or topic. Part of the wire. */
export const separator = '::';

/** One part of an identity or topic. */
export const identifierBytesMax = 128;

/** `SendMessage.payload` and the like. */
export const payloadBytesMax = 1024 * 1024;

/** One frame from a client; what gRPC clients may receive by default, so also the most that is sent to one. */
export const frameBytesMax = 4 * 1024 * 1024;

/** Messages in one frame of many; one with more is refused whole. */
export const batchMessagesMax = 8192;

/** Deliveries are packed into frames of this size; a larger one travels alone. */
export const deliveryBatchBytesMax = 64 * 1024;

/** From the start of a stream to its first frame. */
export const handshakeTimeoutMs = 30_000;

/** What an outbox holds before it is full: the subscription pauses, the connection stops reading requests. */
export const outboxBytesMax = 256 * 1024;

/** Records of one batch are closed into it until it has this many bytes; a single record may be larger. */
export const batchBytesMax = 256 * 1024;
export const batchRecordsMax = 8192;

/** Batches of one partition that are on their way to the log at once. */
export const batchesInFlightMax = 4;

/** From this size on a batch is large; and how many bytes of large ones are on their way at once, all partitions together. */
export const bulkBatchBytes = 64 * 1024;
export const bulkBytesInFlightMax = 1024 * 1024;

/** Bytes a partition's open batch may gather before senders are made to wait. */
export const publishBacklogBytesMax = 4 * 1024 * 1024;

/** Steps of receipts that wait to be stored before senders are made to wait, and those of one call. */
export const receiptsPendingMax = 50_000;
export const receiptsPerCallMax = 1000;

/** Receipts that are made expired in one call. */
export const expiriesPerCallMax = 500;

/** How long after its time a message may still be on the wire, before its sender is told that it has expired. */
export const expiryGraceMs = 2000;

/** The name a sender may give a message. */
export const messageIdBytesMax = 128;

/** What a sender may name as the time a message has. */
export const messageTtlMsMax = 366 * 86_400_000;

/** Messages of one sender that wait for their ids to be looked up, and the bytes of them. */
export const claimsWaitingMax = 2000;
export const claimsWaitingBytesMax = 1024 * 1024;

/** Receipts asked for in one frame. */
export const receiptQueryMax = 1000;

/** How long a recipient may ask to be left alone with a delivery. */
export const redeliverAfterMsMax = 3_600_000;

/** Bytes of dead letters from which on a page of them is full; one letter may be larger. */
export const deadLetterPageBytesMax = 1024 * 1024;

/** Bytes of the deliveries of one stream that wait for an acknowledgement. */
export const unacknowledgedBytesMax = 4 * 1024 * 1024;

/** So often a delivery may be lost together with others; then it goes out alone. */
export const lossesTogetherMax = 2;

/** The same where the transport had not answered for it. */
export const lossesUnseenMax = 8;

/** Delayed messages that are published together. */
export const delayedPerClaimMax = 100;

/** Recent batches a partition's reader keeps, so that a short pause needs no second reading of the log. */
export const recentBytesMax = 2 * 1024 * 1024;

/**
 * Topics a session remembers the checked permit of, half a KB each: 4 MB for one that sends to as many. Whoever goes
 * round no more than half of them finds each again.
 */
export const permitsPerSessionMax = 8192;

/** Messages of a competing topic on their way to one worker. */
export const workCreditPerWorker = 32;

/** One page of a listing. */
export const pageSizeMax = 1000;

/** Leases in one round trip of renewal. */
export const renewalsPerCallMax = 1000;

/** Names in the extension list of a handshake, and pairs in its credentials. */
export const extensionsMax = 64;
export const credentialsMax = 32;

export const metricEntriesMax = 1024;
export const metricMetadataMax = 64;

/** A partition's reader that nobody has subscribed to for so long is closed. */
export const idleReaderMs = 60_000;

/** A key of key-value state, a name of a checkpoint. */
export const kvKeyBytesMax = 256;

/** A member of a set. */
export const kvMemberBytesMax = 1024;

/** Keys and values of one page of a listing: with the rest of its frame within `frameBytesMax`. */
export const kvPageBytesMax = 3 * 1024 * 1024;

/** The largest that `kv.max_value_size` may be set to, for the same reason. */
export const kvValueBytesCeiling = 3 * 1024 * 1024;

/** Time to live of keys and checkpoints: a hundred years, well within every store's clock. */
export const ttlMsMax = 100 * 365 * 24 * 60 * 60 * 1000;

/** Keys of each kind in the snapshot an agent or task gets when it connects, and their bytes. */
export const snapshotKeysMax = 100;
export const snapshotBytesMax = 1.5 * 1024 * 1024;

/** Operations of one session that are under way at once, and their values' bytes; more make its reading wait. */
export const answersInFlightMax = 128;
export const answerBytesInFlightMax = 1024 * 1024;

/** One checkpoint: it is saved and loaded in one frame. */
export const checkpointBytesMax = frameBytesMax - 4096;

/** Checkpoints of one identity: their names are listed in one frame. */
export const checkpointsPerIdentityMax = 1000;

/** Connections that wait for a worker to serve them; more are closed. */
export const connectionsWaitingMax = 8192;

/** Workers behind one port. */
export const workersMax = 256;

/** The largest that a quota may be set to. */
export const quotaMax = 1_000_000_000;

/** Messages a session is let through at once before the rates are looked at again. */
export const quotaAdvanceMax = 32;

/** Messages a gateway takes from a workspace's rate at once, and for how long of that rate. */
export const workspaceShareMax = 4096;
export const workspaceShareMs = 50;

/** Identities that are away and whose rate is still remembered; the one that left first is forgotten first. */
export const identitiesRememberedMax = 100_000;

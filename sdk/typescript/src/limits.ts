/** Every bound that is not an option, in one place. What happens at each is said where it is used. */

/** One part of an identity or topic. */
export const identifierBytesMax = 128;

/** `payload` of one message. Larger ones are refused here, as the gateway would. */
export const payloadBytesMax: number = 1024 * 1024;

/** One frame from a gateway. Ours send at most 4 MiB, published ones up to 16. */
export const frameBytesMax: number = 16 * 1024 * 1024;

/** Accepted by a connection and not yet written: what `send()` does not wait for. */
export const writeAheadBytesMax: number = 256 * 1024;

/** Sends that share a frame, and the bytes of that frame. Gateways take 8192 of them. */
export const sendBatchMessagesMax = 1024;
export const sendBatchBytesMax: number = 64 * 1024;

/** Receipts asked for in one frame; gateways answer for 1000. */
export const receiptsPerQueryMax = 1000;

/** How often receipts that are waited for are asked for, in case one was not told. */
export const receiptPollMs = 5000;

/** How long after a refusal that says so a message is sent again. */
export const resendAfterMs = 500;

/** Acknowledgements that share a frame. */
export const answersPerFrameMax = 10_000;

/** What a gateway may send ahead of being read: HTTP/2's default of 64 KiB is slow over long distances. */
export const receiveWindowBytes: number = 256 * 1024;

/** What a message or a waiting send costs beside its bytes. */
export const itemOverheadBytes = 256;

/** An inbox may grow to this many times its bound while an answer is awaited, which lies behind the messages. */
export const inboxReserveFactor = 4;

/** Requests without an answer. */
export const requestsMax = 1024;

/** Of errors and of states an iterator that is not asked holds the newest only. */
export const errorsKept = 256;
export const statesKept = 64;

/** Warnings one client prints about errors nobody listens to. */
export const warningsMax = 10;

/** Attempts to come back while the gateway says that our identity is taken, which it should not. */
export const duplicateAttemptsMax = 10;

/** How long a connection must have lasted for the next loss to be answered at once. */
export const stableAfterMs = 1000;

/** How long a gateway that announced its end may leave the stream open. */
export const drainPatienceMs = 5000;

/** A refusal's typed answer comes first and the error with its code right after: how long that is waited for. */
export const refusalPatienceMs = 20;

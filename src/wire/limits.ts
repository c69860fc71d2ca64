/**
 * Limits of the wire. Each can be reached by a peer, and each has a test at N and at N + 1.
 *
 * @module
 */

/** Bytes of the length field and the type byte. */
export const FRAME_HEADER_BYTES = 5;
/** Bytes in front of the payload of a data frame: length, type, stream id, flags. */
export const DATA_HEADER_BYTES = 10;
/** Largest legal value of the length field: the type byte and the body. Data of this length is never buffered whole. */
export const MAX_FRAME_BYTES = 16 * 1024 * 1024;
/** Largest frame accepted before the peer has authenticated. */
export const MAX_UNAUTHENTICATED_FRAME_BYTES = 4 * 1024;
/**
 * Largest control frame accepted afterwards. The largest legal message, an OpenStream with all its headers at their
 * limit, takes 128 × 8 KiB and some framing.
 */
export const MAX_CONTROL_FRAME_BYTES = 2 * 1024 * 1024;
/** Longest token in bytes. Printable ASCII only. */
export const MAX_TOKEN_BYTES = 256;
/** Longest tunnel id or service name in bytes. */
export const MAX_NAME_BYTES = 256;
/** Most capabilities in a handshake, and the most bytes of one. */
export const MAX_CAPABILITIES = 32;
/** See {@linkcode MAX_CAPABILITIES}. */
export const MAX_CAPABILITY_BYTES = 64;
/** Most metadata entries of a registration, and the most bytes of one entry's key and value together. */
export const MAX_METADATA = 64;
/** See {@linkcode MAX_METADATA}. */
export const MAX_METADATA_BYTES = 1024;
/** Most headers of an OpenStream, and the most bytes of one header's name and value together. */
export const MAX_HEADERS = 128;
/** See {@linkcode MAX_HEADERS}. */
export const MAX_HEADER_BYTES = 8 * 1024;
/** Longest message or URL text in bytes (RegisterAck, Error, CloseReason). */
export const MAX_TEXT_BYTES = 4 * 1024;
/** Most bytes of a PluginData message's data. */
export const MAX_PLUGIN_DATA_BYTES = 64 * 1024;
/** Largest credit that a stream may hold: 2³¹ − 1. More is a protocol error. */
export const MAX_CREDIT = 0x7fff_ffff;
/** Largest stream id: 2³² − 1. */
export const MAX_STREAM_ID = 0xffff_ffff;

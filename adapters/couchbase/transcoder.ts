import { Buffer } from 'node:buffer';

/** The common flags of binary documents, which other SDKs know too. */
const binaryFlags = 0x03000002;

/** Bytes as they are, both ways: the SDK's own transcoder would parse documents with the flags of JSON. */
export const transcoder = {
  // The SDK takes Buffers only.
  encode: (value: Uint8Array): [Buffer, number] => [
    Buffer.from(value.buffer, value.byteOffset, value.byteLength),
    binaryFlags,
  ],
  decode: (bytes: Buffer): Buffer => bytes,
};

export { base32 } from './base32.js';
export { encodeRowKeys } from './row-key.js';
export { RowCodec } from './row-codec.js';
export { acceptedEncodings, decodeContent, isPlain } from './content-encoding.js';
